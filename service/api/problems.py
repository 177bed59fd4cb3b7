"""Errors as RFC 9457 problems: every code, what it means in words, and the one mapping to HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True)
class Kind:
    """One code of the contract, explained for `/problems/{code}`."""

    code: str
    status: int
    title: str
    explanation: str


_KINDS = (
    Kind(
        "invalid-parameter",
        400,
        "A parameter is not valid",
        "A query parameter, path segment or body field is unknown, given twice, malformed or out "
        "of bounds. `errors` names each one and says what is expected; change it and ask again.",
    ),
    Kind(
        "unauthorized",
        401,
        "Sign in first",
        "The request carries no credential, or one that is not valid any more.",
    ),
    Kind(
        "forbidden",
        403,
        "Not allowed",
        "The credential is valid but does not grant what was asked for. Ask whoever runs the "
        "service for the role that the detail names.",
    ),
    Kind(
        "job-not-found",
        404,
        "No such job",
        "No event that the workspace retains mentions this job ID. `/jobs` lists every job there "
        "is; job IDs are case-sensitive. A new job appears with its first event.",
    ),
    Kind(
        "insight-not-found",
        404,
        "No such insight",
        "No insight has this name. `/insights` lists all of them.",
    ),
    Kind(
        "incident-not-found",
        404,
        "No such incident",
        "No incident has this ID, or it is older than incidents are kept.",
    ),
    Kind(
        "event-not-found",
        404,
        "No such event",
        "No event that the workspace retains has this ID.",
    ),
    Kind(
        "not-found",
        404,
        "No such page",
        "This address is not part of the service. `/docs` shows every address there is.",
    ),
    Kind(
        "method-not-allowed",
        405,
        "Method not allowed",
        "This address does not answer that method; the `Allow` header names those that it does.",
    ),
    Kind(
        "not-acceptable",
        406,
        "No such representation",
        "The answer can't be given in any type that the `Accept` header names. Ask for "
        "application/json, for text/csv, or, where the answer is a series, for image/svg+xml.",
    ),
    Kind(
        "precondition-failed",
        412,
        "It has changed since",
        "`If-Match` names an older version. Read it again, then repeat the change.",
    ),
    Kind(
        "rate-limited",
        429,
        "Too many requests",
        "This caller has used up its share for the moment. `Retry-After` says when to ask again.",
    ),
    Kind(
        "internal",
        500,
        "An error of the service",
        "Something went wrong that should not have. The log has the details under the request ID; "
        "please report it.",
    ),
    Kind(
        "workspace-rejected-query",
        502,
        "The workspace refused the query",
        "The workspace says that the query is not valid for its table. Asking again will not help; "
        "the detail says what it did not like.",
    ),
    Kind(
        "workspace-access-denied",
        502,
        "No access to the workspace",
        "The service can't read the workspace until somebody changes a role, a setting or a "
        "switch: the detail says which. A new role assignment takes up to an hour to count.",
    ),
    Kind(
        "workspace-unavailable",
        503,
        "The workspace does not answer",
        "The workspace can't be reached or is throttling, and there is no answer young enough to "
        "serve instead. `Retry-After` says when to ask again.",
    ),
    Kind(
        "overloaded",
        503,
        "The service is busy",
        "More is being asked at once than the workspace allows. `Retry-After` says when to ask "
        "again.",
    ),
    Kind(
        "workspace-timeout",
        504,
        "The workspace took too long",
        "The query ran into its deadline and was stopped. Ask for a shorter window, or raise "
        "`query_timeout`.",
    ),
)

KINDS: Mapping[str, Kind] = MappingProxyType({kind.code: kind for kind in _KINDS})


@dataclass(frozen=True)
class ParameterError:
    """What is wrong with one parameter."""

    parameter: str
    message: str


@dataclass
class Problem(Exception):
    """An error as the caller sees it. `retry_after` is in seconds."""

    code: str
    detail: str
    errors: Sequence[ParameterError] = ()
    retry_after: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> Kind:
        return KINDS[self.code]


def invalid(parameter: str, message: str) -> Problem:
    """The problem with one parameter; the message says what is expected."""
    return Problem(
        "invalid-parameter", f"{parameter}: {message}.", [ParameterError(parameter, message)]
    )
