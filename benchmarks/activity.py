"""Activity against the same answers by hand-written SQL on the events themselves.

Both sides start from nothing but their own tables: what activity memorises between two looks is
cleared before each round. Spikes are judged on both sides, so that only the counting differs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np

from benchmarks.data import SMALL, Data
from benchmarks.figure import Aim, Figure, in_turns
from benchmarks.sql import ANSWERS
from service.insights.activity.keeper import Activity
from service.insights.activity.store import ActivityStore
from service.insights.detection import detect
from service.insights.insight import Context, NoOptions
from service.insights.operations import Operations
from service.insights.querying import Querying
from service.insights.question import Question
from service.insights.spikes import SpikeOptions, Spikes
from service.records.demo import demo_records
from service.records.importing import add_lines
from service.records.store import Store
from service.table import TableSchema
from service.times import BINS, Window
from service.workspace.embedded import EmbeddedWorkspace

JOBS, DAYS = 1000, 30
FASTER = Aim("at most", 1 / 20)
CHEAPER = Aim("at most", 0.05)
MEMORY = Aim("at most", 300)


def figures(data: Data, *, quick: bool) -> Iterator[Figure]:
    """Speed, memory and the cost of a refresh, on 2 million events of 1,000 jobs."""
    events = SMALL if quick else 2_000_000
    rounds = 1 if quick else 5
    path = data.folder / f"fleet-{events}-{data.end:%Y%m%d}.duckdb"
    path.unlink(missing_ok=True)
    arrival = [data.end - timedelta(days=1)]
    # The reading connection shares the writer's database: what is added later is seen at once.
    writing = Store.create_or_open(path, lambda: arrival[0])
    connection = duckdb.connect(str(path))
    jobs = min(JOBS, max(1, events // DAYS // 4))
    add_lines(
        demo_records(jobs=jobs, days=DAYS, events_per_day=events // DAYS, end=data.end), writing
    )
    workspace = EmbeddedWorkspace(connection, now=lambda: data.end)
    read: list[int] = []
    file = path.with_suffix(".activity")
    file.unlink(missing_ok=True)
    activity = Activity(
        ActivityStore.open(file, "benchmark", memory_limit="256MB", threads=2),
        Querying(
            workspace,
            deadline=timedelta(minutes=10),
            observe=lambda insight, outcome, elapsed, rows: read.append(
                rows if insight == "activity" else 0
            ),
        ),
        every=timedelta(hours=1),
        retention=timedelta(days=DAYS + 10),
        now=lambda: data.end,
        monotonic=lambda: 0.0,
    )
    with asyncio.Runner() as runner:
        run = runner.get_loop().run_until_complete
        run(_refresh(activity))
        filled = sum(read)
        yield from _speed(activity, connection.cursor(), data.end, rounds)
        yield _memory(activity, file)
        read.clear()
        arrival[0] = data.end + timedelta(minutes=1)
        more = demo_records(jobs=12, days=1, events_per_day=events // 100, seed=2, end=data.end)
        add_lines(more, writing)
        run(_refresh(activity))
        yield Figure(
            "refresh after 1 % more",
            "rows read by a refresh",
            "rows read by a full recount",
            sum(read) / filled,
            CHEAPER,
            f"{sum(read):,} rows, {filled:,} rows",
        )
        run(workspace.close())
    activity.close()
    writing.close()


def _speed(
    activity: Activity, by_hand: duckdb.DuckDBPyConnection, end: datetime, rounds: int
) -> Iterator[Figure]:
    day = BINS["1d"]
    window = Window(end - timedelta(days=DAYS), end, day)
    directory = activity.directory()
    busiest = next(iter(directory.jobs))
    sql, one = (
        ANSWERS["spikes"],
        ANSWERS["spikes"].replace("GROUP BY ALL", "AND JobId = $job GROUP BY ALL"),
    )
    span = {"start": _naive(window.start), "end": _naive(window.end)}

    def operations(job: str | None) -> Callable[[], object]:
        question = Question(window, end, job_id=job)

        def ask() -> object:
            activity.forget()
            (source,) = Operations().queries(question, NoOptions(), TableSchema())
            rows = Operations().answer(
                Context(question, directory), NoOptions(), source.cut(activity)
            )
            return rows[:100]

        return ask

    def spikes() -> object:
        activity.forget()
        question = Question(window, end)
        (source,) = Spikes().queries(question, SpikeOptions(), TableSchema())
        return Spikes().answer(Context(question, directory), SpikeOptions(), source.cut(activity))[
            :100
        ]

    def judged() -> object:
        found = by_hand.execute(sql, span).fetchall()
        keys = {key: row for row, key in enumerate(dict.fromkeys(row[:2] for row in found))}
        counts = np.zeros((len(keys), window.bins), np.int64)
        for job, name, start, events in found:
            counts[keys[job, name], (start.replace(tzinfo=UTC) - window.start) // day.width] = (
                events
            )
        return detect(counts, window.starts())

    for name, ours, theirs in (
        ("30 d daily, fleet", operations(None), lambda: by_hand.execute(sql, span).fetchall()),
        (
            "30 d daily, one job",
            operations(busiest),
            lambda: by_hand.execute(one, {**span, "job": busiest}).fetchall(),
        ),
        ("spikes of the fleet", spikes, judged),
    ):
        sides = in_turns(ours, theirs, rounds)
        yield Figure(
            name,
            "cut from activity",
            "SQL on the events",
            sides.ratio,
            FASTER,
            f"{sides.first * 1e3:.0f} ms, {sides.second * 1e3:.0f} ms",
        )


def _memory(activity: Activity, file: Path) -> Figure:
    used, counts = activity.store.read(
        ("SELECT sum(memory_usage_bytes)::BIGINT AS bytes FROM duckdb_memory()", ()),
        ("SELECT count(*) AS rows FROM narrow", ()),
    )
    rows = counts.to_pylist()[0]["rows"]
    return Figure(
        "activity in memory",
        "memory of its database",
        "300 MiB",
        used.to_pylist()[0]["bytes"] / (1 << 20),
        MEMORY,
        f"{rows:,} counts; {file.stat().st_size / (1 << 20):.0f} MiB on disk",
        "MiB",
    )


async def _refresh(activity: Activity) -> None:
    async for _ in activity.refresh():
        pass


def _naive(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(tzinfo=None)
