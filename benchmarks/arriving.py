"""How long the event loop waits while the largest answers of Log Analytics come in and are kept.

The simulator works in a process of its own and answers over TLS, as the service is answered in
Azure. What comes in is kept as the service keeps it: counts in activity's store, another query's
rows by column. An idle loop is measured first: what it shows is the machine's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import uvloop

from benchmarks.data import SMALL, Data
from benchmarks.figure import Aim, Figure
from benchmarks.simulated import asking
from benchmarks.stalls import Stall, ticking
from service.cli.serve import loop_kept_free
from service.insights.activity.counting import CLOCK, counted, counting_kql
from service.insights.activity.store import ActivityStore, State
from service.insights.fleet_table import FleetTable
from service.kql.template import Kql
from service.table import TableSchema
from service.workspace.log_analytics import LogAnalyticsWorkspace
from service.workspace.protocol import TimeSpan
from tests.simulator.process import Remote, started

AIM = Aim("at most", 20.0)
ROWS = 240_000
EVER = TimeSpan(datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
COLUMNS = Kql(
    "AADProvisioningLogs | project TimeGenerated, Id, JobId, CycleId, ChangeId, Action, ResultType,"
    " ResultSignature, DurationMs, ServicePrincipal"
)
_DEADLINE = timedelta(minutes=5)


def figures(data: Data, *, quick: bool) -> Iterator[Figure]:
    """One figure for an answer of ten columns, one for the counts of activity (`quick`: a few)."""
    store = data.store(SMALL if quick else ROWS)
    rounds = 1 if quick else 3
    with started(store) as simulator, loop_kept_free():
        for name, keep in (("rows", _rows_kept), ("counts", _counts_kept)):
            measured = [_measured(simulator, keep) for _ in range(rounds)]
            stalls = [stall.late * 1e3 for _, stall, _, _ in measured]
            idle = median(idle.late * 1e3 for idle, _, _, _ in measured)
            rows, seconds = measured[-1][2:]
            yield Figure(
                f"arriving, {name}",
                f"longest stall while {rows:,} rows come in and are kept",
                "20 ms",
                max(stalls),
                AIM,
                ", ".join(f"{stall:.1f}" for stall in stalls)
                + f" ms, idle {idle:.1f} ms; {seconds:.1f} s",
                unit="ms",
            )


Keep = Callable[[LogAnalyticsWorkspace, ActivityStore], Awaitable[int]]


def _measured(simulator: Remote, keep: Keep) -> tuple[Stall, Stall, int, float]:
    """The stall of the idle loop and of the work, its rows and seconds."""
    with TemporaryDirectory() as folder:
        file = Path(folder, "activity.duckdb")
        store = ActivityStore.open(file, "benchmark", memory_limit="128MB", threads=2)
        try:
            return uvloop.run(_watched(simulator, store, keep))
        finally:
            store.close()


async def _watched(
    simulator: Remote, store: ActivityStore, keep: Keep
) -> tuple[Stall, Stall, int, float]:
    workspace = asking(simulator.address, simulator.ca_file, simulator.environment)
    async with ticking() as ticks:
        await workspace.query(CLOCK, EVER, deadline=_DEADLINE)  # signs in and connects
        ticks.take()
        await asyncio.sleep(1)
        idle, began = ticks.take(), time.perf_counter()
        rows = await keep(workspace, store)
        stall, seconds = ticks.take(), time.perf_counter() - began
    await workspace.close()
    return idle, stall, rows, seconds


async def _rows_kept(workspace: LogAnalyticsWorkspace, _: ActivityStore) -> int:
    result = await workspace.query(COLUMNS, EVER, deadline=_DEADLINE)
    table = await asyncio.to_thread(FleetTable.read, result, ("-TimeGenerated",))
    await asyncio.to_thread(result.release)
    return len(table)


async def _counts_kept(workspace: LogAnalyticsWorkspace, store: ActivityStore) -> int:
    kql = counting_kql(EVER, TableSchema())
    result = await workspace.query(kql, EVER, deadline=_DEADLINE)
    rows = len(result.rows)
    table = await asyncio.to_thread(counted, result)
    await asyncio.to_thread(store.replace, table, EVER, State(EVER.start, EVER.start))
    return rows
