"""The one place where errors become HTTP."""

from __future__ import annotations

import logging
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from service.api.problems import KINDS, MEDIA_TYPE, ParameterError, Problem
from service.api.serving import raw_path, request_id
from service.insights.asking import JobNotFound
from service.workspace.errors import (
    Overloaded,
    QueryRejected,
    WorkspaceAccessDenied,
    WorkspaceError,
    WorkspaceTimeout,
    WorkspaceUnanswered,
)

log = logging.getLogger(__name__)

_ASK_AGAIN = 10
"""Seconds to wait after a failure that does not say."""


def install(app: FastAPI) -> None:
    """Makes every error of the application a problem."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(JobNotFound, _job_not_found)
    app.add_exception_handler(WorkspaceError, _workspace)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _internal)


def problem_response(request: Request, problem: Problem) -> Response:
    kind = problem.kind
    content: dict[str, Any] = {
        "type": f"/problems/{kind.code}",
        "title": kind.title,
        "status": kind.status,
        "detail": problem.detail,
        "instance": raw_path(request.scope),
        "code": kind.code,
        "request_id": request_id(request.scope),
        "errors": [{"parameter": e.parameter, "message": e.message} for e in problem.errors],
    }
    headers = {"Vary": "Accept, Authorization", "Cache-Control": "no-store", **problem.headers}
    if problem.retry_after is not None:
        content["retry_after"] = problem.retry_after
        headers["Retry-After"] = str(problem.retry_after)
    return Response(orjson.dumps(content), kind.status, headers, MEDIA_TYPE)


def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101
    return problem_response(request, error)


def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    errors = list(dict.fromkeys(_parameter_error(fault) for fault in error.errors()))
    first = errors[0]
    problem = Problem("invalid-parameter", f"{first.parameter}: {first.message}.", errors)
    return problem_response(request, problem)


def _parameter_error(fault: dict[str, Any]) -> ParameterError:
    place = [str(step) for step in fault["loc"] if not isinstance(step, int)]
    name = place[1] if len(place) > 1 else place[0]
    if fault["type"] == "extra_forbidden":
        return ParameterError(name, "is not a parameter of this route")
    return ParameterError(name, _expected(fault))


def _expected(fault: dict[str, Any]) -> str:
    """What pydantic says, as what is expected."""
    message = str(fault["msg"])
    for spoken, plain in (("Value error, ", ""), ("Input should be ", "expected ")):
        if message.startswith(spoken):
            return plain + message.removeprefix(spoken)
    return message[:1].lower() + message[1:]


def _job_not_found(request: Request, error: Exception) -> Response:
    detail = "No event that the workspace retains mentions this job; see /jobs for all there are."
    return problem_response(request, Problem("job-not-found", detail))


def _workspace(request: Request, error: Exception) -> Response:
    codes: list[tuple[type[WorkspaceError], str]] = [
        (QueryRejected, "workspace-rejected-query"),
        (WorkspaceAccessDenied, "workspace-access-denied"),
        (WorkspaceTimeout, "workspace-timeout"),
        (Overloaded, "overloaded"),
        (WorkspaceError, "workspace-unavailable"),
    ]
    code = next(code for kind, code in codes if isinstance(error, kind))
    log.warning("request %s: %s: %s", request_id(request.scope), code, error)
    wait = None
    if KINDS[code].status == 503:
        wait = error.retry_after if isinstance(error, WorkspaceUnanswered) else _ASK_AGAIN
    return problem_response(request, Problem(code, str(error), retry_after=wait))


def _http(request: Request, error: Exception) -> Response:
    """What Starlette itself refuses: an unknown address, or another method."""
    assert isinstance(error, HTTPException)  # noqa: S101
    if error.status_code == 405:
        allowed = {name.strip() for name in (error.headers or {}).get("Allow", "").split(",")}
        allow = ", ".join(sorted(allowed | ({"HEAD"} if "GET" in allowed else set())))
        detail = f"This address answers {allow}, not {request.method}."
        problem = Problem("method-not-allowed", detail, headers={"Allow": allow})
    elif error.status_code == 404:
        problem = Problem("not-found", "This address is not part of the service; see /docs.")
    elif error.status_code < 500:
        problem = Problem("invalid-parameter", "The request can't be read.")
    else:
        problem = Problem("internal", _INTERNAL)
    return problem_response(request, problem)


_INTERNAL = "Something went wrong that should not have; the log has it under the request ID."


def _internal(request: Request, error: Exception) -> Response:
    return problem_response(request, Problem("internal", _INTERNAL))
