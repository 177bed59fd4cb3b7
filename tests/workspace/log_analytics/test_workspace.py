"""What the real SDK and real credentials make of a real answer over TLS, and of every failure."""

from __future__ import annotations

import asyncio
import logging
import traceback
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.identity.aio import ChainedTokenCredential, WorkloadIdentityCredential

from service.kql.template import Kql
from service.table import COLUMNS, TABLE
from service.workspace import errors
from service.workspace.log_analytics import LogAnalyticsWorkspace
from service.workspace.log_analytics.credentials import Credential
from tests.simulator import CLIENT_ID, CLIENT_SECRET, TENANT_ID, WORKSPACE_ID, Logs, Simulator
from tests.stores import NOW, Event, open_workspace, write_store
from tests.workspace.log_analytics.simulated import (
    EVER,
    PATIENT,
    ask,
    place_of,
    secret_of,
    simulated,
)

SHORT = timedelta(seconds=0.3)
OTHER_WORKSPACE = "0f5b7a2c-9a34-4c0e-8a57-6f1f0d0b3c11"

EVERY_ROW = Kql(f"{TABLE} | order by Id asc")


async def test_rows_are_those_of_the_embedded_workspace(
    workspace: LogAnalyticsWorkspace, stored: Path
) -> None:
    embedded = open_workspace(stored)
    expected = await embedded.query(EVERY_ROW, EVER, deadline=PATIENT)
    result = await ask(workspace, EVERY_ROW)
    await embedded.close()
    assert result.columns == expected.columns
    assert result.rows == expected.rows
    assert result.statistics.rows == 300
    assert result.partial is None


async def test_a_federated_token_is_good_too(simulator: Simulator) -> None:
    credential = Credential(
        lambda: ChainedTokenCredential(
            WorkloadIdentityCredential(
                tenant_id=TENANT_ID,
                client_id=CLIENT_ID,
                token_file_path=str(simulator.federated_token_file),
                authority=simulator.address,
                connection_verify=str(simulator.ca_file),
            )
        )
    )
    async with simulated(simulator, credential) as workspace:
        assert (await ask(workspace)).rows
    assert credential.used == "WorkloadIdentity"


async def test_one_token_serves_many_queries(
    workspace: LogAnalyticsWorkspace, simulator: Simulator
) -> None:
    await asyncio.gather(*(ask(workspace) for _ in range(4)))
    await ask(workspace)
    assert simulator.counts.tokens_issued == 1
    assert simulator.counts.connections <= 5


async def test_several_workspaces_are_asked_together(simulator: Simulator, tmp_path: Path) -> None:
    other = write_store(tmp_path / "other.duckdb", [Event(at=NOW, id="only-there")])
    simulator.hold(OTHER_WORKSPACE, Logs(other))
    async with simulated(simulator, workspaces=(WORKSPACE_ID, OTHER_WORKSPACE)) as workspace:
        result = await ask(workspace, Kql(f"{TABLE} | summarize count()"))
    assert result.rows == [(301,)]
    assert simulator.counts.queries == 1


async def test_one_of_several_workspaces_that_is_not_there_is_told(simulator: Simulator) -> None:
    nobody = "11111111-2222-4333-8444-555555555555"
    async with simulated(simulator, workspaces=(WORKSPACE_ID, nobody)) as workspace:
        with pytest.raises(errors.WorkspaceNotFound, match=r"One of the 2 .* `workspace_id`"):
            await ask(workspace)


async def test_a_workspace_without_any_data_has_no_rows(
    workspace: LogAnalyticsWorkspace, simulator: Simulator
) -> None:
    simulator.hold(WORKSPACE_ID, Logs())
    result = await ask(workspace)
    assert (result.columns, result.rows, result.partial) == ((), [], None)


@dataclass(frozen=True)
class Failing:
    """A fault of the simulator, and what it has to become."""

    fault: str
    error: type[errors.WorkspaceError]
    says: str
    how: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return "-".join([self.fault, *map(str, self.how.values())])


FAILURES = [
    Failing("semantic_error", errors.TableAbsent, "send ProvisioningLogs to it"),
    Failing("syntax_error", errors.QueryRejected, "(SYN0002)"),
    Failing("not_authenticated", errors.TokenRefused, "clock"),
    Failing("invalid_token", errors.TokenRefused, "(InvalidAuthenticationToken)"),
    Failing("wrong_audience", errors.AudienceWrong, "`audience`"),
    Failing("no_access", errors.RightMissing, "the role Log Analytics Reader"),
    Failing("no_role", errors.RightMissing, "takes up to an hour"),
    Failing("network_closed", errors.NetworkAccessClosed, "Network isolation"),
    Failing("not_found", errors.WorkspaceNotFound, "`workspace_id`"),
    Failing("throttled", errors.WorkspaceThrottled, "for 30 s"),
    Failing("throttled", errors.WorkspaceThrottled, "for 7 s", {"retry_after": 7}),
    Failing("throttled", errors.WorkspaceThrottled, "for 30 s", {"retry_after": "nan"}),
    Failing("server_error", errors.WorkspaceDisturbed, "status 500 (InternalServerError)"),
    Failing("bad_gateway", errors.WorkspaceDisturbed, "status 502"),
    Failing("unavailable", errors.WorkspaceDisturbed, "status 503"),
    Failing("unavailable", errors.WorkspaceUnavailable, "asked again later", {"retry_after": 9}),
    Failing("gateway_timeout", errors.WorkspaceTimeout, "shorter window"),
    Failing("empty", errors.AnswerUnreadable, "proxy"),
    Failing("html", errors.AnswerUnreadable, "proxy"),
    Failing("not_json", errors.AnswerUnreadable, "proxy"),
    Failing("cut", errors.AnswerCut, "in the middle"),
    Failing("drop", errors.WorkspaceDisturbed, "broke before"),
    Failing("invalid_client", errors.TokenRefused, "(AADSTS7000215)", {"at": "token"}),
    Failing("server_error", errors.WorkspaceDisturbed, "sign-in", {"at": "token"}),
    Failing("drop", errors.WorkspaceDisturbed, "sign-in", {"at": "token"}),
]


@pytest.mark.parametrize("failing", FAILURES, ids=str)
async def test_every_failure_is_an_error_that_says_what_to_do(
    simulator: Simulator, failing: Failing, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    simulator.fail(failing.fault, **failing.how)
    async with simulated(simulator) as workspace:
        with pytest.raises(failing.error) as raised:
            await ask(workspace)
    assert type(raised.value) is failing.error
    assert failing.says in str(raised.value)
    assert simulator.counts.queries <= 1
    for secret in (CLIENT_SECRET, "Bearer", "garden-logs", "192.0.2.7", "<h"):
        assert secret not in "".join(traceback.format_exception(raised.value)) + caplog.text


async def test_a_wrong_secret_is_refused_with_what_to_set(simulator: Simulator) -> None:
    async with simulated(simulator, secret_of(simulator, "another")) as workspace:
        with pytest.raises(errors.TokenRefused, match="AZURE_CLIENT_SECRET to the secret's value"):
            await ask(workspace)


async def test_an_audience_that_the_sign_in_does_not_know(simulator: Simulator) -> None:
    async with simulated(simulator, audience="https://other.example") as workspace:
        with pytest.raises(errors.AudienceWrong, match="`audience`"):
            await ask(workspace)


async def test_a_token_that_was_revoked_is_told_and_replaced(
    workspace: LogAnalyticsWorkspace, simulator: Simulator
) -> None:
    await ask(workspace)
    simulator.revoke_tokens()
    with pytest.raises(errors.TokenRefused):
        await ask(workspace)


async def test_a_refused_token_is_replaced_after_a_minute_and_not_at_once(
    simulator: Simulator,
) -> None:
    seconds = [0.0]
    workspace = LogAnalyticsWorkspace(
        place_of(simulator), secret_of(simulator), monotonic=lambda: seconds[0]
    )
    await ask(workspace)
    simulator.revoke_tokens()
    for second in (30.0, 59.0, 61.0):
        seconds[0] = second
        with pytest.raises(errors.TokenRefused):
            await ask(workspace)
        assert simulator.counts.tokens_issued == 1
    assert (await ask(workspace)).rows
    assert simulator.counts.tokens_issued == 2
    await workspace.close()


async def test_queries_under_way_go_on_while_a_refused_token_is_replaced(
    simulator: Simulator,
) -> None:
    seconds = [0.0]
    workspace = LogAnalyticsWorkspace(
        place_of(simulator), secret_of(simulator), monotonic=lambda: seconds[0]
    )
    await ask(workspace)
    seconds[0] = 100.0
    simulator.fail("slow", latency=0.3, matching="count")
    simulator.fail("invalid_token", matching="max")
    slow = asyncio.create_task(ask(workspace, Kql(f"{TABLE} | count")))
    await asyncio.to_thread(simulator.wait_for, lambda counts: counts.queries == 2)
    refused = await asyncio.gather(*(ask(workspace) for _ in range(3)), return_exceptions=True)
    assert {type(error) for error in refused} == {errors.TokenRefused}
    assert (await slow).rows == [(300,)]
    simulator.recover()
    assert (await ask(workspace)).rows
    assert simulator.counts.tokens_issued == 2
    await workspace.close()


async def test_a_server_that_is_not_trusted(simulator: Simulator) -> None:
    credential = secret_of(simulator)
    async with simulated(simulator, credential, ca_file=None) as workspace:
        with pytest.raises(errors.WorkspaceUnavailable, match="set `ca_file`"):
            await ask(workspace)


async def test_nobody_listens(simulator: Simulator, unused_tcp_port: int) -> None:
    endpoint = f"https://127.0.0.1:{unused_tcp_port}"
    async with simulated(simulator, endpoint=endpoint) as workspace:
        with pytest.raises(errors.WorkspaceDisturbed, match="No connection to"):
            await ask(workspace)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("truncated", "the result was cut at 2 rows"),
        ("too_large", "the result was cut at"),
        ("overflow", "incomplete or wrong (-2133196788)"),
    ],
)
async def test_a_partial_result_says_so(
    workspace: LogAnalyticsWorkspace, simulator: Simulator, fault: str, reason: str
) -> None:
    simulator.fail(fault, rows=2)
    result = await ask(workspace, EVERY_ROW)
    assert result.rows
    assert result.partial is not None
    assert reason in result.partial


async def test_the_deadline_ends_the_request(
    workspace: LogAnalyticsWorkspace, simulator: Simulator
) -> None:
    await ask(workspace)
    simulator.fail("hang")
    with pytest.raises(errors.WorkspaceTimeout, match=r"within 0\.3 s"):
        await ask(workspace, deadline=SHORT)
    assert simulator.wait_for(lambda counts: counts.abandoned == 1).running == 0


async def test_the_deadline_counts_for_the_sign_in_too(simulator: Simulator) -> None:
    simulator.fail("hang", at="token")
    async with simulated(simulator) as workspace:
        with pytest.raises(errors.WorkspaceTimeout, match="sign-in"):
            await ask(workspace, deadline=SHORT)


async def test_a_caller_that_leaves_ends_the_request(
    workspace: LogAnalyticsWorkspace, simulator: Simulator
) -> None:
    await ask(workspace)
    simulator.fail("hang")
    asking = asyncio.create_task(ask(workspace))
    await asyncio.to_thread(simulator.wait_for, lambda counts: counts.running == 1)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await asyncio.to_thread(simulator.wait_for, lambda counts: counts.abandoned == 1)


async def test_closing_ends_what_is_under_way(simulator: Simulator) -> None:
    async with simulated(simulator) as workspace:
        await ask(workspace)
        simulator.fail("hang")
        asking = asyncio.create_task(ask(workspace))
        await asyncio.to_thread(simulator.wait_for, lambda counts: counts.running == 1)
        await workspace.close()
        with pytest.raises(errors.WorkspaceUnavailable, match="stopping"):
            await asking
        with pytest.raises(errors.WorkspaceUnavailable, match="stopping"):
            await ask(workspace)


async def test_the_schema_is_that_of_the_table_now(
    workspace: LogAnalyticsWorkspace, simulator: Simulator, stored: Path
) -> None:
    assert (await workspace.schema()).columns == frozenset(COLUMNS)
    fewer = frozenset(COLUMNS) - {"ProvisioningSteps", "ModifiedProperties"}
    simulator.hold(WORKSPACE_ID, Logs(stored, columns=fewer))
    assert (await workspace.schema()).columns == fewer


async def test_a_workspace_without_any_data_has_the_columns_of_the_reference(
    workspace: LogAnalyticsWorkspace, simulator: Simulator
) -> None:
    simulator.hold(WORKSPACE_ID, Logs())
    assert (await workspace.schema()).columns == frozenset(COLUMNS)


async def test_columns_that_did_not_all_come_are_not_believed(
    workspace: LogAnalyticsWorkspace, simulator: Simulator
) -> None:
    simulator.fail("truncated", rows=3, times=1)
    with pytest.raises(errors.WorkspaceDisturbed, match="all columns"):
        await workspace.schema()
    assert (await workspace.schema()).columns == frozenset(COLUMNS)


async def test_the_clock_is_compared_with_the_workspaces(workspace: LogAnalyticsWorkspace) -> None:
    assert workspace.clock_skew is None
    await ask(workspace)
    assert workspace.clock_skew is not None
    assert abs(workspace.clock_skew) < timedelta(seconds=5)


async def test_answers_differ_by_workspace_and_not_by_order(simulator: Simulator) -> None:
    both = (WORKSPACE_ID, OTHER_WORKSPACE)
    async with (
        simulated(simulator) as one,
        simulated(simulator, workspaces=both) as two,
        simulated(simulator, workspaces=both[::-1]) as turned,
    ):
        assert one.identity != two.identity == turned.identity
