"""What the query API says when it fails: structure and codes as recorded and documented."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

JSON = "application/json; charset=utf-8"
HTML = "text/html"

TOO_LARGE = "-2133196797"
OVERFLOW = "-2133196788"


@dataclass(frozen=True)
class Reply:
    """An answer to send."""

    status: int
    body: bytes = b""
    content_type: str | None = JSON
    headers: Mapping[str, str] = field(default_factory=dict)

    def with_headers(self, **headers: str | None) -> Reply:
        """The reply with these headers too; an underscore stands for a hyphen."""
        more = {name.replace("_", "-"): value for name, value in headers.items() if value}
        return Reply(self.status, self.body, self.content_type, {**self.headers, **more})


def failure(status: int, code: str, message: str, *inner: Mapping[str, Any]) -> Reply:
    """An error envelope; each inner error holds the next."""
    error: dict[str, Any] = {"message": message, "code": code, "correlationId": str(uuid.uuid4())}
    holder = error
    for item in inner:
        holder["innererror"] = holder = dict(item)
    return Reply(status, orjson.dumps({"error": error}))


def bad_argument(*inner: Mapping[str, Any]) -> Reply:
    return failure(400, "BadArgumentError", "The request has properties that are not valid", *inner)


def semantic_error(message: str) -> Reply:
    """400 for a query that names what is not there."""
    return bad_argument(
        {"code": "SemanticError", "message": "The query has a semantic error."},
        {"code": "SEM0100", "message": message},
    )


def table_absent(table: str) -> Reply:
    return semantic_error(
        f"'where' operator: Failed to resolve table or column expression named '{table}'"
    )


def syntax_error(line: int, position: int, token: str) -> Reply:
    return bad_argument(
        {"code": "SyntaxError", "message": "The query has a syntax error."},
        {
            "code": "SYN0002",
            "message": f"The query could not be parsed at '{token}' on line [{line},{position}]",
            "line": line,
            "pos": position,
            "token": token,
        },
    )


def not_authenticated(reason: str) -> Reply:
    return failure(401, "AuthenticationFailed", f"Authentication failed. {reason}")


def invalid_token() -> Reply:
    return failure(403, "InvalidAuthenticationToken", "The access token is not valid.")


def wrong_audience(audience: str, allowed: str) -> Reply:
    return failure(
        403,
        "InvalidAuthenticationTokenAudience",
        f"The access token is for the audience '{audience}'; allowed are '{allowed}'.",
    )


def no_access(*inner: Mapping[str, Any]) -> Reply:
    message = "The credentials given do not suffice for this operation"
    return failure(403, "InsufficientAccessError", message, *inner)


def no_role(client: str) -> Reply:
    message = f"The service principal {client} has no permission to read this resource"
    return no_access({"code": "UnauthorizedClient", "message": message})


def network_closed() -> Reply:
    message = "Access to workspace 'garden-logs' from '192.0.2.7' is denied"
    return no_access({"code": "NspValidationFailedError", "message": message})


def not_found() -> Reply:
    return failure(404, "PathNotFoundError", "There is nothing at the path that was requested")


def throttled(retry_after: float | str | None) -> Reply:
    reply = failure(429, "ThrottledError", "There are too many requests; try again later")
    return reply.with_headers(Retry_After=None if retry_after is None else str(retry_after))


def gateway_timeout() -> Reply:
    inner = {"code": "GatewayTimeout", "message": "The query engine did not answer in time"}
    return failure(504, "GatewayTimeout", "The gateway timed out", inner)


def partial_error(code: str, message: str) -> dict[str, Any]:
    """The `error` beside the table of an HTTP 200 that is not whole."""
    inner = {"code": code, "message": message, "severity": 2, "severityName": "Error"}
    return {
        "code": "PartialError",
        "message": "Errors occurred while the query was processed.",
        "details": [
            {
                "code": "EngineError",
                "message": "The server could not process the query to its end.",
                "innererror": inner,
            }
        ],
    }


def too_many_rows(limit: int) -> dict[str, Any]:
    return partial_error(
        TOO_LARGE,
        f"The result has more than {limit} records (E_QUERY_RESULT_SET_TOO_LARGE).",
    )


def too_many_bytes() -> dict[str, Any]:
    return partial_error(
        TOO_LARGE,
        "The result has more than 64000000 bytes (E_QUERY_RESULT_SET_TOO_LARGE).",
    )


def overflow() -> dict[str, Any]:
    return partial_error(
        OVERFLOW, "An aggregation has overflowed; the result may be wrong (E_OVERFLOW)."
    )


_PAGE = (
    b"<!DOCTYPE html><html><head><title>%b</title></head><body><h1>%b</h1>"
    b"<hr><address>gateway</address></body></html>"
)


def _page(status: int, title: bytes) -> Reply:
    return Reply(status, _PAGE % (title, title), HTML)


REPLIES: Mapping[str, Callable[[], Reply]] = {
    "semantic_error": lambda: table_absent("AADProvisioningLogs"),
    "syntax_error": lambda: syntax_error(1, 0, "|"),
    "not_authenticated": lambda: not_authenticated("The 'Authorization' header is missing."),
    "invalid_token": invalid_token,
    "wrong_audience": lambda: wrong_audience("https://other.example", "https://this.example"),
    "no_access": no_access,
    "no_role": lambda: no_role("00000000-0000-4000-8000-000000000000"),
    "network_closed": network_closed,
    "not_found": not_found,
    "throttled": lambda: throttled(None),
    "server_error": lambda: failure(500, "InternalServerError", "The server has failed"),
    "bad_gateway": lambda: _page(502, b"502 Bad Gateway"),
    "unavailable": lambda: failure(503, "ServiceUnavailable", "The service is not available"),
    "gateway_timeout": gateway_timeout,
    "no_data": lambda: Reply(204, b"", None),
    "empty": lambda: Reply(200, b""),
    "html": lambda: _page(200, b"Sign in to the network"),
    "not_json": lambda: Reply(200, b'{"tables":[{"name":"PrimaryResult",'),
}
"""Faults that are a fixed answer, whatever was asked."""
