"""`serve` and `doctor` on Log Analytics, as a person starts them: the simulator plays Azure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.process import program, serving, stopped_when
from tests.acceptance.test_serve import recent
from tests.api.world import GARDEN, made_store
from tests.simulator import WORKSPACE_ID, Logs, Simulator


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    store = made_store(tmp_path / "logs.duckdb", iter(recent(20)))
    with Simulator({WORKSPACE_ID: Logs(store)}) as running:
        yield running


def azure(simulator: Simulator) -> dict[str, str]:
    """The environment in which the simulator is all there is of Azure."""
    return {
        **simulator.environment,
        "AZURE_TOKEN_CREDENTIALS": "EnvironmentCredential",
        "INSIGHTS_CA_FILE": str(simulator.ca_file),
        "INSIGHTS_ENDPOINT": simulator.address,
        "INSIGHTS_RETENTION": "7d",
    }


def test_a_workspace_is_served_by_its_id(simulator: Simulator) -> None:
    with serving("--workspace-id", WORKSPACE_ID, environment=azure(simulator)) as served:
        ready = served.client.get("/readyz").json()
        jobs = served.client.get("/jobs").json()["data"]
        ended = served.stop()
    assert WORKSPACE_ID in ready["workspace"]
    assert [(job["job_id"], job["events"]) for job in jobs] == [(GARDEN, 20)]
    assert ended.code == 0
    assert ended.err == ""


def test_the_callers_request_id_goes_upstream(simulator: Simulator) -> None:
    with serving("--workspace-id", WORKSPACE_ID, environment=azure(simulator)) as served:
        answer = served.client.get("/events", headers={"X-Request-ID": "ticket-4711"})
    assert answer.status_code == 200
    assert "ticket-4711" in simulator.counts.request_ids


def test_start_that_waits_for_a_workspace_ends_when_it_is_told_to(simulator: Simulator) -> None:
    simulator.fail("hang")
    ended = stopped_when(
        lambda: simulator.counts.queries > 0,
        *("serve", "--workspace-id", WORKSPACE_ID, "--port", "0"),
        environment=azure(simulator),
        within=10,
    )
    assert ended.code == 0
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("other", [["--store", "b"], ["--logs", "a"]])
def test_logs_come_from_one_place_only(other: list[str]) -> None:
    ended = program("serve", "--workspace-id", WORKSPACE_ID, *other)
    assert ended.code == 2
    assert "--workspace-id: give one of them" in ended.line


def test_doctor_finds_nothing_wrong(simulator: Simulator) -> None:
    ended = program("doctor", "--workspace-id", WORKSPACE_ID, environment=azure(simulator))
    assert (ended.code, ended.err) == (0, "")
    assert [line.split()[:2] for line in ended.out.splitlines()][:4] == [
        ["ok", "settings"],
        ["ok", "credential"],
        ["ok", "token"],
        ["ok", "workspace"],
    ]


def test_doctor_says_what_to_do(simulator: Simulator) -> None:
    simulator.fail("no_role")
    arguments = ["doctor", "--workspace-id", WORKSPACE_ID, "--json"]
    ended = program(*arguments, environment=azure(simulator))
    found = json.loads(ended.out)
    (failed,) = [check for check in found["checks"] if check["status"] == "failed"]
    assert (ended.code, found["ok"]) == (1, False)
    assert failed["check"] == "right"
    assert "the role Log Analytics Reader" in failed["detail"]
    assert ended.line.endswith("1 check failed, beginning with right; see above.")


def test_doctor_begins_with_the_settings() -> None:
    ended = program("doctor", environment={"INSIGHTS_WORKSPACE_ID": "garden"})
    assert ended.code == 1
    assert ended.out.startswith("failed         settings    INSIGHTS_WORKSPACE_ID")


def test_doctor_knows_the_embedded_workspace(tmp_path: Path) -> None:
    store = made_store(tmp_path / "logs.duckdb", iter(recent(3)))
    ended = program("doctor", "--store", str(store))
    assert (ended.code, ended.err) == (0, "")
    assert "ok             events      the newest is of 20" in ended.out
    assert "does not apply credential" in ended.out
