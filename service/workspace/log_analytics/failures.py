"""What the query API answers instead of rows, in words for whoever runs the service.

Codes and envelopes are those of Microsoft's page on API errors and of recorded answers. Of a body,
only its codes are read, and names that stand in our own query: the rest may hold identities.
"""

from __future__ import annotations

import math
import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import Any

import aiohttp
import orjson
from azure.core.exceptions import AzureError, IncompleteReadError, ServiceResponseTimeoutError

from service.table import TABLE
from service.workspace.errors import (
    AnswerCut,
    AnswerUnreadable,
    AudienceWrong,
    NetworkAccessClosed,
    QueryRejected,
    RightMissing,
    TableAbsent,
    TokenRefused,
    WorkspaceDisturbed,
    WorkspaceError,
    WorkspaceNotFound,
    WorkspaceThrottled,
    WorkspaceTimeout,
    WorkspaceUnavailable,
)
from service.workspace.log_analytics.place import Place

ROLE = "Log Analytics Reader"

_PLAIN_CODE = re.compile(r"-?[A-Za-z0-9_]{1,60}", re.ASCII)
_UNRESOLVED = re.compile(r"named '([A-Za-z_][A-Za-z0-9_]{0,127})'", re.ASCII)
_LONGEST_WAIT = timedelta(hours=1)
_THROTTLED_FOR = 30
_TOO_LARGE = "-2133196797"


class Answered:
    """An answer that holds no rows: its status, its codes from the outermost in, and its place."""

    def __init__(
        self, status: int, headers: Mapping[str, str], body: bytes, place: Place, query: str
    ) -> None:
        self.status = status
        self.place = place
        self.query = query
        self.wait = _seconds(headers.get("Retry-After"))
        error = _error_of(body)
        self.codes = list(codes_of(error))
        named = _UNRESOLVED.search(_innermost_message(error))
        self.unresolved = named[1] if named and named[1] in query else None

    @property
    def code(self) -> str:
        """The innermost code, in brackets, for a sentence."""
        return f" ({self.codes[-1]})" if self.codes else ""

    def failure(self) -> WorkspaceError:
        """What it means."""
        for code in reversed(self.codes):
            if code in _BY_CODE:
                return _BY_CODE[code](self)
        if self.status in _BY_STATUS and (self.codes or self.status in _ALSO_OF_PROXIES):
            return _BY_STATUS[self.status](self)
        return _unavailable(self) if self.status >= 500 else _foreign(self)


def partial_reason(error: Mapping[str, Any], rows: int) -> str:
    """Why an answer of status 200 is not whole."""
    codes = list(codes_of(error))
    if _TOO_LARGE in codes:
        return f"the result was cut at {rows:,} rows"
    return f"the workspace says that it may be incomplete or wrong ({(codes or ['unknown'])[-1]})"


def broken(
    error: AzureError | aiohttp.ClientError, place: Place, waited: timedelta
) -> WorkspaceError:
    """What a connection's failure means; `waited` is how long it may be silent."""
    cause = getattr(error, "inner_exception", None) or error
    match cause:
        case aiohttp.ClientConnectorCertificateError() | ssl.SSLCertVerificationError():
            return WorkspaceUnavailable(
                f"The certificate of {place.endpoint} is not one that this machine trusts; if a "
                "proxy stands between, set `ca_file` to its certificate."
            )
        case aiohttp.ClientConnectorDNSError():
            return WorkspaceDisturbed(
                f"The name of {place.endpoint} can't be resolved; check the endpoint and DNS."
            )
        case aiohttp.ClientProxyConnectionError() | aiohttp.ClientHttpProxyError():
            return WorkspaceDisturbed(
                "The proxy does not connect; check HTTPS_PROXY and what the proxy allows."
            )
        case aiohttp.ClientConnectorError():
            return WorkspaceDisturbed(
                f"No connection to {place.endpoint}; check the network and its firewall."
            )
    if isinstance(error, IncompleteReadError):
        return AnswerCut("The connection broke in the middle of the workspace's answer.")
    if isinstance(error, ServiceResponseTimeoutError):
        return WorkspaceTimeout(
            f"The workspace sent nothing for {waited.total_seconds():g} s; ask for a shorter "
            "window, or raise `query_timeout`."
        )
    return WorkspaceDisturbed("The connection to the workspace broke before an answer had come.")


def codes_of(error: Mapping[str, Any]) -> Iterator[str]:
    """The codes of an API error, from the outermost in."""
    inner: Any = error
    while isinstance(inner, Mapping):
        code = inner.get("code")
        if isinstance(code, str) and _PLAIN_CODE.fullmatch(code):
            yield code
        details = inner.get("details")
        following = details[0] if isinstance(details, list) and details else None
        inner = inner.get("innererror") or following


def _error_of(body: bytes) -> Mapping[str, Any]:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    error = answer.get("error") if isinstance(answer, dict) else None
    return error if isinstance(error, dict) else {}


def _innermost_message(error: Mapping[str, Any]) -> str:
    message, inner = "", error
    while isinstance(inner, Mapping):
        message = str(inner.get("message", ""))
        inner = inner.get("innererror")  # type: ignore[assignment]
    return message


def http_date(text: str) -> datetime | None:
    """The date in a header, `None` for what is none."""
    try:
        return parsedate_to_datetime(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _seconds(retry_after: str | None) -> int | None:
    """A `Retry-After` as seconds, within reason; a date counts from now.

    `None` for what is no time to wait.
    """
    if retry_after is None:
        return None
    try:
        seconds = float(retry_after)
    except ValueError:
        until = http_date(retry_after)
        if until is None:
            return None
        seconds = max((until - datetime.now(UTC)).total_seconds(), 0)
    if not math.isfinite(seconds) or seconds < 0:
        return None
    return int(min(max(seconds, 1), _LONGEST_WAIT.total_seconds()))


def _rejected(answered: Answered) -> WorkspaceError:
    if answered.unresolved == TABLE:
        return TableAbsent(
            f"The {answered.place.named} has no table {TABLE}: in the Entra admin centre, under "
            "Monitoring, Diagnostic settings, send ProvisioningLogs to it; the table comes with "
            "the first event, which takes up to an hour."
        )
    if answered.unresolved:
        return QueryRejected(
            f"The workspace refused the query{answered.code}: it has no table or column "
            f"{answered.unresolved}."
        )
    return QueryRejected(f"The workspace refused the query{answered.code}.")


def _closed(answered: Answered) -> WorkspaceError:
    return NetworkAccessClosed(
        f"The {answered.place.named} takes no queries from this network: in the Azure portal, "
        "under Network isolation, let public networks query it, or reach it through a private "
        "link scope or its network security perimeter."
    )


def _no_right(answered: Answered) -> WorkspaceError:
    return RightMissing(
        f"The service's identity may not read {answered.place.named}: give it the role {ROLE} on "
        "it; a new role assignment takes up to an hour to count."
    )


def _no_workspace(answered: Answered) -> WorkspaceError:
    return WorkspaceNotFound(
        f"{answered.place.endpoint} knows no {answered.place.named}: set `workspace_id` to the "
        "Workspace ID on its overview page in the Azure portal, and `cloud` to its cloud."
    )


def _no_other_workspace(answered: Answered) -> WorkspaceError:
    number = len(answered.place.workspaces)
    if number == 1:
        return _rejected(answered)
    return WorkspaceNotFound(
        f"One of the {number} workspaces can't be found or read: check that every ID in "
        "`workspace_id` is the Workspace ID on an overview page in the Azure portal, in the cloud "
        f"of `cloud`, and that the service's identity has the role {ROLE} on each."
    )


def _refused(answered: Answered) -> WorkspaceError:
    return TokenRefused(
        f"The workspace does not accept the service's token{answered.code}; check that the "
        "identity is of the workspace's tenant, and that this machine's clock is right."
    )


def _wrong_audience(answered: Answered) -> WorkspaceError:
    return AudienceWrong(
        f"The service's tokens are for {answered.place.audience}, which {answered.place.endpoint} "
        "does not accept; leave `audience` out, or set it to the endpoint of the cloud."
    )


def _throttled(answered: Answered) -> WorkspaceError:
    wait = answered.wait or _THROTTLED_FOR
    return WorkspaceThrottled(
        f"The workspace takes no more queries for {wait} s, because this identity has asked too "
        "much at once; give the service an identity of its own, or lower what it may ask.",
        wait,
    )


def _timed_out(answered: Answered) -> WorkspaceError:
    return WorkspaceTimeout(
        f"The workspace stopped the query, because it took too long{answered.code}; ask for a "
        "shorter window, or raise `query_timeout`."
    )


def _unavailable(answered: Answered) -> WorkspaceError:
    says = f"The workspace answered with status {answered.status}{answered.code}"
    if answered.wait is not None:
        return WorkspaceUnavailable(f"{says}; it may be asked again later.", answered.wait)
    return WorkspaceDisturbed(f"{says}; Azure's status page may say more.")


def _foreign(answered: Answered) -> WorkspaceError:
    return AnswerUnreadable(
        f"What answered for Log Analytics sent status {answered.status}, which is not an answer of "
        "its query API; check the endpoint, and any proxy on the way to it."
    )


_Meaning = Callable[[Answered], WorkspaceError]

_BY_CODE: Mapping[str, _Meaning] = MappingProxyType(
    {
        "NspValidationFailedError": _closed,
        "InsufficientAccessError": _no_right,
        "InvalidAuthenticationTokenAudience": _wrong_audience,
        "InvalidAuthenticationToken": _refused,
        "InvalidTokenError": _refused,
        "AuthenticationFailed": _refused,
        "PathNotFoundError": _no_workspace,
        "FailedToResolveResource": _no_other_workspace,
        "BadArgumentError": _rejected,
        "GatewayTimeout": _timed_out,
    }
)
_BY_STATUS: Mapping[int, _Meaning] = MappingProxyType(
    {
        400: _rejected,
        401: _refused,
        403: _no_right,
        404: _no_workspace,
        429: _throttled,
        504: _timed_out,
    }
)
_ALSO_OF_PROXIES = (401, 429, 504)
"""What these mean is the same, whoever on the way says so; a page with 403 or 404 is no answer."""
