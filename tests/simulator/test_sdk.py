"""Microsoft's own client and credentials, against the simulator."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import azure.identity
import pytest
from azure.core.exceptions import HttpResponseError
from azure.identity.aio import (
    ClientSecretCredential,
    DefaultAzureCredential,
    WorkloadIdentityCredential,
)
from azure.monitor.query import LogsQueryPartialResult, LogsQueryResult
from azure.monitor.query.aio import LogsQueryClient

from tests.simulator import CLIENT_ID, CLIENT_SECRET, TENANT_ID, WORKSPACE_ID, Logs, Simulator
from tests.simulator.envelope import Table
from tests.stores import NOW


def trusting(simulator: Simulator) -> dict[str, Any]:
    return {
        "authority": simulator.address,
        "disable_instance_discovery": True,
        "connection_verify": str(simulator.ca_file),
        "retry_total": 0,
    }


def by_secret(simulator: Simulator, secret: str = CLIENT_SECRET) -> ClientSecretCredential:
    return ClientSecretCredential(TENANT_ID, CLIENT_ID, secret, **trusting(simulator))


@asynccontextmanager
async def client(simulator: Simulator, credential: Any = None) -> AsyncIterator[LogsQueryClient]:
    async with (
        credential or by_secret(simulator) as signing_in,
        LogsQueryClient(
            signing_in,
            endpoint=simulator.address,
            connection_verify=str(simulator.ca_file),
            retry_total=0,
        ) as made,
    ):
        yield made


async def asked(made: LogsQueryClient, query: str, timespan: Any = None, **options: Any) -> Any:
    return await made.query_workspace(WORKSPACE_ID, query, timespan=timespan, **options)


async def test_sdk_gets_values_of_every_kusto_type(simulator: Simulator) -> None:
    columns = [
        *(("t", "datetime"), ("b", "bool"), ("g", "guid"), ("i", "int"), ("l", "long")),
        *(("r", "real"), ("nan", "real"), ("inf", "real"), ("s", "string"), ("span", "timespan")),
        *(("dec", "decimal"), ("d", "dynamic"), ("word", "dynamic"), ("nothing", "bool")),
    ]
    guid = UUID("74be27de-1e4e-49d9-b579-fe0b331d3642")
    row = [
        *(datetime(2015, 12, 31, 23, 59, 59, 900_000, UTC), False, guid, 12345, 2**62, 1.5),
        *(math.nan, -math.inf, "ü\n", timedelta(seconds=10), Decimal("0.10101"), {"a": [1, None]}),
        *("word", None),
    ]
    simulator.fail("answer", table=Table(columns, [row]), times=1)
    async with client(simulator) as made:
        result = await asked(made, "print 1")
    assert isinstance(result, LogsQueryResult)
    (table,) = result.tables
    assert list(zip(table.columns, table.columns_types, strict=True)) == columns
    assert list(table.rows[0]) == [
        *(row[0], False, str(guid), 12345, 2**62, 1.5, "NaN", "-Infinity", "ü\n", "00:00:10"),
        *("0.10101", '{"a":[1,null]}', "word", None),
    ]


async def test_sdk_gets_what_the_embedded_workspace_computes(simulator: Simulator) -> None:
    query = (
        'print s = "x", b = true, t = datetime(2000-01-02 03:04:05), l = long(101), r = 102.1, '
        'd = parse_json(\'{"a":"x"}\'), span = 26h, missing = bool(null)'
    )
    async with client(simulator) as made:
        result = await asked(made, query)
    at = datetime(2000, 1, 2, 3, 4, 5, tzinfo=UTC)
    expected = ["x", True, at, 101, 102.1, '{"a":"x"}', "1.02:00:00", None]
    assert list(result.tables[0].rows[0]) == expected


@pytest.mark.parametrize(
    ("timespan", "events"),
    [
        (None, 12),
        (timedelta(0), 12),
        (timedelta(hours=3), 3),
        ((NOW - timedelta(hours=5), NOW - timedelta(hours=2)), 3),
        ((NOW - timedelta(hours=5), timedelta(hours=1)), 1),
        ((datetime(2026, 11, 18, 10), datetime(2026, 11, 18, 13)), 3),
    ],
)
async def test_time_span_narrows_what_is_counted(
    simulator: Simulator, timespan: Any, events: int
) -> None:
    async with client(simulator) as made:
        result = await asked(made, "AADProvisioningLogs | count", timespan)
    assert result.tables[0].rows[0][0] == events


async def test_time_span_and_the_querys_own_filter_both_hold(simulator: Simulator) -> None:
    query = "AADProvisioningLogs | where TimeGenerated < ago(90m) | count"
    async with client(simulator) as made:
        result = await asked(made, query, timedelta(hours=4))
    assert result.tables[0].rows[0][0] == 3


async def test_several_workspaces_answer_as_one_table(
    simulator: Simulator, other_store: Path
) -> None:
    other = "11111111-2222-4333-8444-555555555555"
    simulator.hold(other, Logs(other_store))
    query = "AADProvisioningLogs | summarize count() by JobId | order by JobId asc"
    async with client(simulator) as made:
        result = await asked(made, query, additional_workspaces=[other])
        with pytest.raises(HttpResponseError) as refused:
            await asked(made, query, additional_workspaces=["nowhere"])
    assert [list(row) for row in result.tables[0].rows] == [["job-a", 12], ["job-b", 3]]
    assert refused.value.status_code == 400


async def test_statistics_and_rendering_come_when_they_are_asked_for(simulator: Simulator) -> None:
    query = "AADProvisioningLogs | where TimeGenerated > ago(3h) | take 2 | render timechart"
    async with client(simulator) as made:
        result = await asked(made, query, include_statistics=True, include_visualization=True)
        plain = await asked(made, query)
    assert result.statistics["query"]["inputDatasetStatistics"]["rows"]["scanned"] == 4
    assert result.statistics["query"]["datasetStatistics"][0]["tableRowCount"] == 2
    assert result.visualization["visualization"] == "timechart"
    assert plain.statistics is None
    assert plain.visualization is None


async def test_truncated_result_is_partial_to_the_sdk(simulator: Simulator) -> None:
    simulator.fail("truncated", rows=5)
    async with client(simulator) as made:
        result = await asked(made, "AADProvisioningLogs")
    assert isinstance(result, LogsQueryPartialResult)
    assert len(result.partial_data[0].rows) == 5
    assert result.partial_error is not None
    assert result.partial_error.code == "PartialError"


async def test_workload_identity_and_the_default_chain_get_tokens(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    federated = WorkloadIdentityCredential(
        tenant_id=TENANT_ID,
        client_id=CLIENT_ID,
        token_file_path=str(simulator.federated_token_file),
        **trusting(simulator),
    )
    async with client(simulator, federated) as made:
        assert (await asked(made, "print 1")).tables[0].rows[0][0] == 1
    for name, value in simulator.environment.items():
        monkeypatch.setenv(name, value)
    trusted = {"connection_verify": str(simulator.ca_file), "retry_total": 0}
    async with client(simulator, DefaultAzureCredential(**trusted)) as made:
        assert (await asked(made, "print 2")).tables[0].rows[0][0] == 2
    assert simulator.counts.tokens_issued == 2


async def test_the_blocking_credential_gets_a_token_by_discovery(simulator: Simulator) -> None:
    credential = azure.identity.ClientSecretCredential(
        TENANT_ID, CLIENT_ID, CLIENT_SECRET, **trusting(simulator)
    )
    with credential:
        token = await asyncio.to_thread(credential.get_token, f"{simulator.address}/.default")
    assert token.token


async def test_wrong_secret_is_told_by_its_code(simulator: Simulator) -> None:
    async with client(simulator, by_secret(simulator, "another")) as made:
        with pytest.raises(HttpResponseError, match="AADSTS7000215"):
            await asked(made, "print 1")
    assert simulator.counts.tokens_refused == 1
    assert simulator.counts.queries == 0


async def test_cancelled_query_is_counted_as_abandoned(simulator: Simulator) -> None:
    simulator.fail("hang", times=1)
    async with client(simulator) as made:
        hanging = asyncio.create_task(asked(made, "print 1"))
        await asyncio.to_thread(simulator.wait_for, lambda counts: counts.running == 1)
        hanging.cancel()
        counts = await asyncio.to_thread(simulator.wait_for, lambda counts: counts.running == 0)
        assert counts.abandoned == 1
        assert (await asked(made, "print 1")).tables[0].rows[0][0] == 1
