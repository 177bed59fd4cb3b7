"""Each way to fail, as a plain client sees it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.simulator import WORKSPACE_ID, Logs, Simulator
from tests.simulator.calling import Caller, calling
from tests.simulator.faults import OVERFLOW, REPLIES, TOO_LARGE
from tests.simulator.plan import FAULTS
from tests.stores import NOW

QUERY = "AADProvisioningLogs | project Id, JobId"

ENVELOPES: dict[str, tuple[int, list[str]]] = {
    "semantic_error": (400, ["BadArgumentError", "SemanticError", "SEM0100"]),
    "syntax_error": (400, ["BadArgumentError", "SyntaxError", "SYN0002"]),
    "not_authenticated": (401, ["AuthenticationFailed"]),
    "invalid_token": (403, ["InvalidAuthenticationToken"]),
    "wrong_audience": (403, ["InvalidAuthenticationTokenAudience"]),
    "no_access": (403, ["InsufficientAccessError"]),
    "no_role": (403, ["InsufficientAccessError", "UnauthorizedClient"]),
    "network_closed": (403, ["InsufficientAccessError", "NspValidationFailedError"]),
    "not_found": (404, ["PathNotFoundError"]),
    "throttled": (429, ["ThrottledError"]),
    "server_error": (500, ["InternalServerError"]),
    "unavailable": (503, ["ServiceUnavailable"]),
    "gateway_timeout": (504, ["GatewayTimeout", "GatewayTimeout"]),
}
BODIES: dict[str, tuple[int, bytes]] = {
    "bad_gateway": (502, b"<!DOCTYPE html>"),
    "html": (200, b"<!DOCTYPE html>"),
    "not_json": (200, b'{"tables":'),
    "empty": (200, b""),
    "no_data": (204, b""),
}


@pytest.fixture(scope="module")
def simulator(store: Path) -> Iterator[Simulator]:
    with Simulator({WORKSPACE_ID: Logs(store)}, now=lambda: NOW) as running:
        yield running


@pytest.fixture
def caller(simulator: Simulator) -> Iterator[Caller]:
    with calling(simulator) as made:
        yield made
    simulator.recover()


def codes(error: dict[str, Any]) -> list[str]:
    """The error's code and those of its inner errors, outermost first."""
    inner = error.get("innererror")
    return [error["code"], *(codes(inner) if inner else [])]


def test_every_fixed_answer_is_looked_at_here() -> None:
    assert ENVELOPES.keys() | BODIES.keys() == REPLIES.keys()


@pytest.mark.parametrize("name", ENVELOPES)
def test_failure_has_the_recorded_status_and_codes(caller: Caller, name: str) -> None:
    caller.simulator.fail(name, retry_after=7)
    answer = caller.ask(QUERY)
    status, expected = ENVELOPES[name]
    assert (answer.status_code, codes(answer.json()["error"])) == (status, expected)
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.headers["retry-after"] == "7"
    assert "correlationId" in answer.json()["error"]


@pytest.mark.parametrize("name", BODIES)
def test_odd_body_is_sent_as_it_is(caller: Caller, name: str) -> None:
    caller.simulator.fail(name)
    answer = caller.ask(QUERY)
    status, start = BODIES[name]
    assert answer.status_code == status
    assert answer.content.startswith(start)
    assert bool(answer.content) == bool(start)


@pytest.mark.parametrize(
    ("name", "code", "rows"),
    [("truncated", TOO_LARGE, 5), ("too_large", TOO_LARGE, 5), ("overflow", OVERFLOW, 12)],
)
def test_partial_answer_has_rows_and_an_inner_code(
    caller: Caller, name: str, code: str, rows: int
) -> None:
    caller.simulator.fail(name, rows=5)
    answer = caller.ask(QUERY)
    assert answer.status_code == 200
    said = answer.json()
    assert len(said["tables"][0]["rows"]) == rows
    assert said["error"]["code"] == "PartialError"
    (detail,) = said["error"]["details"]
    assert codes(detail) == ["EngineError", code]


def test_result_that_fits_is_not_truncated(caller: Caller) -> None:
    caller.simulator.fail("truncated", rows=12)
    assert "error" not in caller.ask(QUERY).json()


def test_result_beyond_the_limit_of_rows_is_partial(store: Path) -> None:
    logs = {WORKSPACE_ID: Logs(store)}
    with Simulator(logs, max_rows=7) as simulator, calling(simulator) as caller:
        said = caller.ask(QUERY).json()
    assert len(said["tables"][0]["rows"]) == 7
    assert codes(said["error"]["details"][0])[-1] == TOO_LARGE


def test_cut_body_is_shorter_than_it_says(caller: Caller) -> None:
    caller.simulator.fail("cut", after=40)
    token = caller.token
    with pytest.raises(httpx.RemoteProtocolError, match=r"received 40 bytes, expected [1-9]"):
        caller.ask(QUERY, token=token)


def test_dropped_connection_has_no_answer(caller: Caller) -> None:
    caller.simulator.fail("drop")
    with pytest.raises(httpx.TransportError):
        caller.ask(QUERY)


def test_hanging_query_never_answers(caller: Caller) -> None:
    caller.simulator.fail("hang")
    token = caller.token
    with pytest.raises(httpx.ReadTimeout):
        caller.ask(QUERY, token=token, timeout=0.1)


def test_what_hangs_does_not_keep_the_simulator_from_closing(store: Path) -> None:
    with Simulator({WORKSPACE_ID: Logs(store)}) as simulator, calling(simulator) as caller:
        simulator.fail("hang", at="token")
        with pytest.raises(httpx.ReadTimeout):
            caller.client.post("/any/oauth2/v2.0/token", timeout=0.1)


def test_fault_lasts_for_its_times_and_the_others_come_after_it(caller: Caller) -> None:
    caller.simulator.fail("throttled", times=2)
    caller.simulator.fail("unavailable", times=1)
    assert [caller.ask(QUERY).status_code for _ in range(4)] == [429, 429, 503, 200]


def test_fault_strikes_only_queries_that_match(caller: Caller) -> None:
    caller.simulator.fail("server_error", matching="project")
    caller.simulator.fail("unavailable", matching=lambda text: text.endswith("count"))
    texts = [QUERY, "AADProvisioningLogs | count", "AADProvisioningLogs | take 1"]
    assert [caller.ask(text).status_code for text in texts] == [500, 503, 200]


def test_fault_by_chance_strikes_alike_with_the_same_seed(caller: Caller) -> None:
    token = caller.token

    def struck(seed: int) -> list[int]:
        caller.simulator.recover()
        caller.simulator.fail("server_error", probability=0.5, seed=seed)
        return [caller.ask("print 1", token=token).status_code for _ in range(12)]

    first = struck(1)
    assert set(first) == {200, 500}
    assert struck(1) == first
    assert struck(2) != first


def test_slow_answer_may_fail_too(caller: Caller) -> None:
    caller.simulator.fail("slow", latency=0.01)
    caller.simulator.fail("unavailable", times=1)
    before = caller.simulator.counts.faults["slow"]
    assert [caller.ask(QUERY).status_code for _ in range(2)] == [503, 200]
    assert caller.simulator.counts.faults["slow"] == before + 2


def test_query_that_takes_longer_than_it_may_times_out(caller: Caller) -> None:
    query = """
    let many = range x from 1 to 100000 step 1 | extend k = 1;
    many | join kind=inner (many) on k | join kind=inner (many) on k | summarize sum(x * x1)
    """
    answer = caller.ask(query, headers={"Prefer": "wait=1"})
    assert answer.status_code == 504
    assert answer.headers["preference-applied"] == "wait=1"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("Garden | take 1", ["BadArgumentError", "SemanticError", "SEM0100"]),
        (
            "AADProvisioningLogs | where Garden == 1",
            ["BadArgumentError", "SemanticError", "SEM0100"],
        ),
        ("AADProvisioningLogs | where Id ==", ["BadArgumentError", "SyntaxError", "SYN0002"]),
        ('AADProvisioningLogs | where Id == "', ["BadArgumentError", "SyntaxError", "SYN0002"]),
        ("AADProvisioningLogs | wher Id", ["BadArgumentError", "SyntaxError", "SYN0002"]),
    ],
)
def test_faulty_query_is_refused_as_recorded(
    caller: Caller, query: str, expected: list[str]
) -> None:
    answer = caller.ask(query)
    assert (answer.status_code, codes(answer.json()["error"])) == (400, expected)


def test_absent_table_and_column_are_named(caller: Caller, store: Path) -> None:
    simulator = caller.simulator
    simulator.hold("never-routed", Logs(table=False))
    simulator.hold("narrow", Logs(store, columns=frozenset({"TimeGenerated", "Id"})))
    absent = caller.ask(QUERY, workspace="never-routed").text
    assert "'AADProvisioningLogs'" in absent
    assert "SEM0100" in absent
    assert "'JobId'" in caller.ask(QUERY, workspace="narrow").text
    assert caller.rows("print 1", workspace="never-routed") == [[1]]


def test_workspace_without_any_data_answers_204(caller: Caller) -> None:
    caller.simulator.hold("empty", Logs())
    assert caller.ask(QUERY, workspace="empty").status_code == 204


def test_unknown_workspace_is_not_found(caller: Caller) -> None:
    assert codes(caller.ask(QUERY, workspace="nowhere").json()["error"]) == ["PathNotFoundError"]


def test_request_without_a_json_body_is_answered_with_nothing(caller: Caller) -> None:
    answer = caller.client.post(
        f"/v1/workspaces/{WORKSPACE_ID}/query",
        content=b"query=x",
        headers={"Authorization": f"Bearer {caller.token}"},
    )
    assert (answer.status_code, answer.content) == (200, b"")


def test_unknown_fault_is_refused_with_those_that_there_are(caller: Caller) -> None:
    with pytest.raises(
        ValueError, match="there is no fault earthquake; there are answer, "
    ) as error:
        caller.simulator.fail("earthquake")
    assert all(name in str(error.value) for name in FAULTS)
    with pytest.raises(ValueError, match="unknown: often"):
        caller.simulator.fail("drop", often=True)
