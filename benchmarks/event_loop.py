"""How long queries keep the event loop from its turn.

    python -m benchmarks.event_loop [--rows 200000]

Big results are fetched from the embedded workspace while a task notes when it gets its turn. The
loop may never wait for more than 20 ms. Each is done several times and the best of them counts,
because other work on the machine makes gaps too: those of an idle loop are printed first.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import duckdb

from service.cli.serve import loop_kept_free
from service.kql.template import Kql
from service.records.store import Store, open_for_reading
from service.table import COLUMNS
from service.times import utc_now
from service.workspace.embedded import EmbeddedWorkspace
from service.workspace.protocol import Result, TimeSpan

TURN = 0.001
REPEATED = 5
DEADLINE = timedelta(minutes=5)
EVER = TimeSpan(datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))

QUERIES = {
    "few columns": "AADProvisioningLogs | project JobId, TimeGenerated, DurationMs",
    "counted per row": "AADProvisioningLogs | summarize count() by JobId, Id, TimeGenerated",
    "parsed JSON": "AADProvisioningLogs | project JobId, Steps = parse_json(ProvisioningSteps)",
    "every column": "AADProvisioningLogs",
}


@dataclass
class Gaps:
    """Seconds beyond the turn that the loop let its task wait."""

    longest: float = 0.0
    over: int = 0

    async def watch(self) -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(TURN)
            gap = time.perf_counter() - before - TURN
            self.longest = max(self.longest, gap)
            self.over += gap > 0.02


async def watched(work: Callable[[], Awaitable[object]]) -> tuple[Gaps, float]:
    """The gaps while the work is done, and the seconds it took."""
    gaps = Gaps()
    task = asyncio.create_task(gaps.watch())
    started = time.perf_counter()
    await work()
    elapsed = time.perf_counter() - started
    await asyncio.sleep(0.05)
    task.cancel()
    return gaps, elapsed


def write(path: Path, rows: int) -> None:
    """A store of as many events, written by DuckDB itself: only reading is measured."""
    Store.create_or_open(path, utc_now).close()
    text = [name for name, kind in COLUMNS.items() if kind == "string" and name != "Id"]
    steps = '[{"name":"EntryImport","status":0},{"name":"EntryExportUpdate","status":0}]'
    values = {name: f"'{name} of this event'" for name in text}
    values |= {"ProvisioningSteps": f"'{steps}'", "JobId": "'job-' || (n % 100)", "Id": "'e' || n"}
    values |= {
        "TimeGenerated": "TIMESTAMP '2026-11-01' + n * INTERVAL 1 SECOND",
        "DurationMs": "n % 5000",
        "_BilledSize": "NULL",
        "_Arrived": "TIMESTAMP '2026-11-01'",
        "_ContentKey": "uuid()",
    }
    names = ", ".join(f'"{name}"' for name in values)
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            f"INSERT INTO events ({names}) "
            f"SELECT {', '.join(values.values())} FROM range({rows}) numbers(n)"
        )


def read(result: Result) -> None:
    """What the service does with a result: reads each row, then lets go of them all."""
    for _ in result.records():
        pass
    result.release()


async def measure(workspace: EmbeddedWorkspace) -> None:
    async def asked(kql: str) -> None:
        result = await workspace.query(Kql(kql), EVER, deadline=DEADLINE)
        await asyncio.to_thread(read, result)

    async def idle() -> None:
        await asyncio.sleep(2)

    async def two() -> None:
        await asyncio.gather(asked(QUERIES["counted per row"]), asked(QUERIES["parsed JSON"]))

    works: dict[str, Callable[[], Awaitable[object]]] = {"idle": idle}
    works |= {name: partial(asked, kql) for name, kql in QUERIES.items()}
    works["two at once"] = two
    sys.stdout.write(f"{'':16}{'longest gap':>12}{'over 20 ms':>12}{'took':>10}\n")
    for name, work in works.items():
        measured = [await watched(work) for _ in range(REPEATED)]
        gaps, elapsed = min(measured, key=lambda each: each[0].longest)
        sys.stdout.write(
            f"{name:16}{gaps.longest * 1000:>9.1f} ms{gaps.over:>12}{elapsed:>8.2f} s\n"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=200_000, help="events in every result")
    rows = parser.parse_args().rows
    with loop_kept_free(), tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "events.duckdb")
        write(path, rows)
        connection = open_for_reading(path, memory_limit="512MB", threads=2)
        workspace = EmbeddedWorkspace(connection)
        try:
            asyncio.run(measure(workspace))
        finally:
            asyncio.run(workspace.close())


if __name__ == "__main__":
    main()
