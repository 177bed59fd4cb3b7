"""The doctor over the real SDK: each trouble is found at its own check, and nothing after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from service.doctor import Finding, examine
from service.doctor.finding import CHECKS
from service.settings import Settings
from service.table import COLUMNS
from service.workspace.log_analytics import LogAnalyticsWorkspace
from tests.simulator import WORKSPACE_ID, Logs, Simulator
from tests.stores import NOW, open_workspace
from tests.workspace.log_analytics.simulated import simulated

SETTINGS = Settings(workspace_id=(WORKSPACE_ID,))


async def findings(
    workspace: LogAnalyticsWorkspace, settings: Settings = SETTINGS, at: datetime = NOW
) -> Mapping[str, Finding]:
    found = await examine(workspace, settings, now=lambda: at)
    assert [finding.check for finding in found] == list(CHECKS)
    return {finding.check: finding for finding in found}


async def test_where_all_is_well_every_check_says_so(
    workspace: LogAnalyticsWorkspace, simulator: Simulator
) -> None:
    found = await findings(workspace)
    assert {finding.status for finding in found.values()} == {"ok"}
    assert "ClientSecret" in found["credential"].detail
    assert WORKSPACE_ID in found["workspace"].detail
    assert "2026-11-18T12:00:00Z, 0 s ago; 95 % arrive within" in found["events"].detail
    assert simulator.counts.queries == 2


@dataclass(frozen=True)
class Trouble:
    """A fault of the simulator, the check that finds it, and what it says."""

    fault: str
    check: str
    says: str
    how: dict[str, Any] = field(default_factory=dict)


TROUBLES = [
    Trouble("invalid_client", "token", "AZURE_CLIENT_SECRET", {"at": "token"}),
    Trouble("server_error", "token", "sign-in", {"at": "token"}),
    Trouble("not_authenticated", "token", "tenant"),
    Trouble("wrong_audience", "token", "`audience`"),
    Trouble("not_found", "workspace", "`workspace_id`"),
    Trouble("unavailable", "workspace", "503"),
    Trouble("no_role", "right", "Log Analytics Reader"),
    Trouble("network_closed", "right", "Network isolation"),
    Trouble("semantic_error", "table", "Diagnostic settings"),
    Trouble("gateway_timeout", "events", "too long", {"matching": "summarize"}),
]


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.fault)
async def test_each_trouble_is_found_at_its_check(
    workspace: LogAnalyticsWorkspace, simulator: Simulator, trouble: Trouble
) -> None:
    simulator.fail(trouble.fault, **trouble.how)
    found = await findings(workspace)
    place = CHECKS.index(trouble.check)
    asked_alone = ("budget", "clock")
    assert {found[check].status for check in CHECKS[:place]} == {"ok"}
    assert found[trouble.check].status == "failed"
    assert trouble.says in found[trouble.check].detail
    later = [check for check in CHECKS[place + 1 :] if check not in asked_alone]
    assert {found[check].status for check in later} <= {"not tried"}
    assert found["budget"].status == "ok"


async def test_columns_that_answers_go_without_are_named(
    workspace: LogAnalyticsWorkspace, simulator: Simulator, stored: Path
) -> None:
    simulator.hold(WORKSPACE_ID, Logs(stored, columns=frozenset(COLUMNS) - {"DurationMs"}))
    columns = (await findings(workspace))["columns"]
    assert (columns.status, "go without DurationMs" in columns.detail) == ("ok", True)


async def test_a_table_without_its_time_is_of_no_use(
    workspace: LogAnalyticsWorkspace, simulator: Simulator, stored: Path
) -> None:
    simulator.hold(WORKSPACE_ID, Logs(stored, columns=frozenset(COLUMNS) - {"JobId"}))
    found = await findings(workspace)
    assert (found["columns"].status, found["events"].status) == ("failed", "not tried")
    assert "transformation" in found["columns"].detail


async def test_a_workspace_that_gets_nothing_any_more_is_told(
    workspace: LogAnalyticsWorkspace,
) -> None:
    events = (await findings(workspace, at=NOW + timedelta(days=30)))["events"]
    assert events.status == "failed"
    assert "diagnostic setting" in events.detail


async def test_a_workspace_without_any_data_is_told_from_one_without_events(
    workspace: LogAnalyticsWorkspace, simulator: Simulator
) -> None:
    simulator.hold(WORKSPACE_ID, Logs())
    found = await findings(workspace)
    assert (found["right"].status, found["table"].status) == ("ok", "failed")
    assert "nothing at all" in found["table"].detail
    assert "Diagnostic settings" in found["table"].detail
    assert {found["columns"].status, found["events"].status} == {"not tried"}


async def test_events_of_an_answer_that_is_not_whole_are_not_known(
    workspace: LogAnalyticsWorkspace, simulator: Simulator
) -> None:
    simulator.fail("truncated", rows=0, matching="summarize")
    events = (await findings(workspace))["events"]
    assert events.status == "failed"
    assert "not known" in events.detail
    assert "no event" not in events.detail
    simulator.recover()
    simulator.fail("overflow", matching="summarize")
    events = (await findings(workspace))["events"]
    assert (events.status, "may be newer ones" in events.detail) == ("ok", True)


async def test_columns_that_did_not_all_come_are_told(
    workspace: LogAnalyticsWorkspace, simulator: Simulator
) -> None:
    simulator.fail("truncated", rows=3, matching="getschema")
    found = await findings(workspace)
    assert (found["workspace"].status, found["columns"].status) == ("failed", "not tried")
    assert "did not return all columns" in found["workspace"].detail


async def test_replicas_may_not_ask_more_than_one_identity_is_allowed(
    workspace: LogAnalyticsWorkspace,
) -> None:
    many = Settings(workspace_id=(WORKSPACE_ID,), replicas=6)
    budget = (await findings(workspace, many))["budget"]
    assert budget.status == "failed"
    assert "6 replicas of 1 at once and 16 in 30 s" in budget.detail


async def test_a_clock_that_is_wrong_is_told(simulator: Simulator) -> None:
    async with simulated(simulator, now=lambda: NOW) as workspace:
        clock = (await findings(workspace))["clock"]
    assert clock.status == "failed"
    assert "time server" in clock.detail


async def test_the_embedded_workspace_has_no_credential_to_check(stored: Path) -> None:
    embedded = open_workspace(stored)
    found = await examine(embedded, Settings(store=stored), now=lambda: NOW)
    await embedded.close()
    by_status = {
        status: [finding.check for finding in found if finding.status == status]
        for status in ("ok", "does not apply")
    }
    assert by_status == {
        "ok": ["settings", "workspace", "table", "columns", "events"],
        "does not apply": ["credential", "token", "right", "budget", "clock"],
    }
