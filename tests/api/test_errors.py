"""Every error is a problem, whatever went wrong."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from service.api.problems import KINDS
from service.workspace.errors import (
    Overloaded,
    QueryRejected,
    WorkspaceAccessDenied,
    WorkspaceError,
    WorkspaceTimeout,
    WorkspaceUnavailable,
)
from tests.api.service import Service
from tests.api.world import GARDEN

FIELDS = ["type", "title", "status", "detail", "instance", "code", "request_id", "errors"]


def checked(answer: httpx.Response, code: str, instance: str) -> Any:
    """The problem, which must be whole and fit its code and the answer's headers."""
    problem = answer.json()
    kind = KINDS[code]
    waits = ["retry_after"] if "retry-after" in answer.headers else []
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert "etag" not in answer.headers
    assert list(problem) == FIELDS + waits
    assert problem["type"] == f"/problems/{code}"
    assert (problem["code"], problem["title"]) == (code, kind.title)
    assert problem["status"] == answer.status_code == kind.status
    assert problem["instance"] == instance
    assert problem["detail"].endswith(".")
    assert problem["request_id"] == answer.headers["x-request-id"]
    return problem


@pytest.mark.parametrize(
    ("method", "url", "code"),
    [
        ("GET", "/nowhere", "not-found"),
        ("GET", "/jobs/", "not-found"),
        ("GET", "/jobs/a%2Fb/failures", "job-not-found"),
        ("GET", "/docs/secret.js", "not-found"),
        ("GET", "/docs/..%2Fpyproject.toml", "not-found"),
        ("GET", "/problems/nothing", "not-found"),
        ("GET", "/insights/nothing", "insight-not-found"),
        ("GET", "/insights/nothing/kql", "insight-not-found"),
        ("GET", "/jobs/nobody", "job-not-found"),
        ("GET", "/failures?x=1", "invalid-parameter"),
        ("GET", "/healthz?x=1", "invalid-parameter"),
        ("GET", "/readyz?x=1", "invalid-parameter"),
        ("GET", "/metrics?x=1", "invalid-parameter"),
        ("GET", "/insights?x=1", "invalid-parameter"),
        ("GET", "/insights/failures?x=1", "invalid-parameter"),
        ("GET", "/insights/failures/kql?x=1", "invalid-parameter"),
        ("GET", "/problems/internal?x=1", "invalid-parameter"),
        ("GET", "/openapi.json?x=1", "invalid-parameter"),
        ("GET", "/docs?x=1", "invalid-parameter"),
        ("GET", "/?x=1", "invalid-parameter"),
        ("POST", "/jobs", "method-not-allowed"),
        ("DELETE", "/jobs/nobody/failures", "method-not-allowed"),
        ("OPTIONS", "/metrics", "method-not-allowed"),
        ("BREW", "/healthz", "method-not-allowed"),
    ],
)
async def test_what_the_caller_did_wrong_is_a_whole_problem(
    shared: Service, method: str, url: str, code: str
) -> None:
    answer = await shared.client.request(method, url)
    problem = checked(answer, code, answer.request.url.raw_path.decode().partition("?")[0])
    if code == "invalid-parameter":
        assert [error["parameter"] for error in problem["errors"]] == ["x"]
    else:
        assert problem["errors"] == []
    if code == "method-not-allowed":
        assert answer.headers["allow"] == "GET, HEAD"


async def test_not_acceptable_is_a_problem_all_the_same(shared: Service) -> None:
    answer = await shared.get("/failures", 406, headers={"accept": "text/html"})
    checked(answer, "not-acceptable", "/failures")


async def test_instance_is_the_path_as_it_was_spelled(shared: Service) -> None:
    answer = await shared.get("/jobs/a%20%3F%23%C3%BC?window=24h", 404)
    checked(answer, "job-not-found", "/jobs/a%20%3F%23%C3%BC")


# Made anew for each test: an error that was raised holds on to all it passed through.
FAILURES: list[tuple[Callable[[], WorkspaceError], str, str | None]] = [
    (lambda: QueryRejected("It was refused: why."), "workspace-rejected-query", None),
    (lambda: WorkspaceAccessDenied("No right to read."), "workspace-access-denied", None),
    (lambda: WorkspaceTimeout("Too slow.", retry_after=7), "workspace-timeout", None),
    (lambda: WorkspaceUnavailable("Away.", retry_after=7), "workspace-unavailable", "7"),
    (lambda: Overloaded("Too much at once.", retry_after=7), "overloaded", "7"),
    (lambda: WorkspaceError("Something else."), "workspace-unavailable", "10"),
]


@pytest.mark.parametrize(("failure", "code", "wait"), FAILURES)
async def test_each_failure_of_the_workspace_has_its_code(
    service: Service, failure: Callable[[], WorkspaceError], code: str, wait: str | None
) -> None:
    error = service.workspace.failing = failure()
    for url in ("/failures", f"/jobs/{GARDEN}/failures"):
        answer = await service.get(url, KINDS[code].status)
        problem = checked(answer, code, url)
        assert problem["detail"] == str(error)
        assert problem.get("retry_after") == (int(wait) if wait else None)
        assert answer.headers.get("retry-after") == wait


async def test_problem_is_not_kept(service: Service) -> None:
    service.workspace.failing = WorkspaceUnavailable("Out of reach.")
    await service.get("/failures", 503)
    service.workspace.failing = None
    await service.get("/failures")


@pytest.mark.parametrize(("failure", "code"), [failing[:2] for failing in FAILURES[1:4]])
async def test_last_answer_is_served_as_stale_and_says_why(
    service: Service, failure: Callable[[], WorkspaceError], code: str
) -> None:
    fresh = await service.get("/failures?window=90d")
    error = service.workspace.failing = failure()
    service.clock.advance(minutes=16)
    answer = await service.get("/failures?window=90d")
    freshness = answer.json()["freshness"]
    assert answer.json()["data"] == fresh.json()["data"]
    assert (freshness["status"], freshness["reason"]) == ("stale", str(error))
    assert freshness["as_of"] == fresh.json()["freshness"]["as_of"]
    assert answer.headers["cache-control"] == "private, max-age=0"
    assert answer.headers["age"] == "960"
    assert answer.headers["etag"] == fresh.headers["etag"]
    service.clock.advance(minutes=49)
    answer = await service.client.get("/failures?window=90d")
    assert answer.status_code == KINDS[code].status


async def test_window_that_moved_on_is_answered_as_it_was_last(service: Service) -> None:
    before = await service.json("/failures?window=2h")
    service.workspace.failing = WorkspaceUnavailable("Out of reach.")
    service.clock.advance(minutes=59)
    answer = await service.json("/failures?window=2h")
    for part in ("data", "window"):
        assert answer[part] == before[part]
    assert (answer["freshness"]["status"], answer["freshness"]["reason"]) == (
        "stale",
        "Out of reach.",
    )
    service.clock.advance(minutes=10)
    await service.problem("/failures?window=2h", 503, "workspace-unavailable")


async def test_window_with_fixed_ends_is_never_answered_with_another(service: Service) -> None:
    fixed = "/failures?from=2026-11-22T{0:02}:00:00Z&to=2026-11-22T{1:02}:00:00Z&bin=1h"
    await service.get(fixed.format(8, 12))
    await service.get(fixed.format(9, 12).partition("&to")[0] + "&bin=1h")
    service.workspace.failing = WorkspaceUnavailable("Out of reach.")
    await service.problem(fixed.format(9, 13), 503, "workspace-unavailable")
    service.clock.advance(hours=1)
    moved = await service.json("/failures?from=2026-11-22T09:00:00Z&bin=1h")
    assert moved["window"]["from"] == "2026-11-22T09:00:00Z"
    assert moved["freshness"]["status"] == "stale"


async def test_answer_is_fresh_again_once_the_workspace_is_back(service: Service) -> None:
    await service.get("/failures?window=90d")
    service.workspace.failing = WorkspaceUnavailable("Out of reach.")
    service.clock.advance(minutes=16)
    assert (await service.json("/failures?window=90d"))["freshness"]["status"] == "stale"
    service.workspace.failing = None
    service.clock.advance(minutes=1)
    for _ in range(1000):  # Nobody waits for the refresh that the first caller sets off.
        freshness = (await service.json("/failures?window=90d"))["freshness"]
        if freshness["status"] == "fresh":
            break
        await asyncio.sleep(0.01)
    assert (freshness["status"], freshness["reason"]) == ("fresh", None)


async def test_own_error_hides_everything(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    service.workspace.failing = RuntimeError("secret")
    with caplog.at_level(logging.ERROR):
        answer = await service.get("/failures", 500, headers={"x-request-id": "find-me"})
    checked(answer, "internal", "/failures")
    for text in (answer.text, str(answer.headers)):
        assert "secret" not in text
        assert "RuntimeError" not in text
        assert "Traceback" not in text
    (record,) = [record for record in caplog.records if record.name == "service.api.serving"]
    assert "find-me" in record.getMessage()
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "secret"


async def test_refusal_of_a_query_is_remembered_for_a_while(service: Service) -> None:
    service.workspace.failing = QueryRejected("The query was refused: why.")
    await service.get("/failures", 502)
    service.workspace.queries.clear()
    await service.get("/failures", 502)
    assert service.workspace.queries == []
    service.workspace.failing = None
    service.clock.advance(seconds=6)
    await service.get("/failures")
