"""Activity against the same answers by hand-written SQL on the events themselves.

Both sides start from nothing but their own tables: what activity memorises is cleared before each
round. One figure says what is asked more often: all spikes after a look at the workspace that found
more events, when what is usual of most series is known already. Spikes are judged on both sides.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import duckdb
import numpy as np

from benchmarks.data import SMALL, Data
from benchmarks.figure import Aim, Figure, in_turns
from benchmarks.sql import ANSWERS
from service.insights.activity.keeper import Activity
from service.insights.activity.store import ActivityStore
from service.insights.detection import Detection, detect
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
PAGE = 100
FASTER = Aim("at most", 1 / 20)
CHEAPER = Aim("at most", 0.05)
MEMORY = Aim("at most", 300)


def figures(data: Data, *, quick: bool) -> Iterator[Figure]:
    """Speed, memory and the cost of a refresh, on 2 million events of 1,000 jobs."""
    events = SMALL if quick else 2_000_000
    rounds = 1 if quick else 5
    path = data.folder / f"fleet-{events}-{data.end:%Y%m%d}.duckdb"
    path.unlink(missing_ok=True)
    moment = [data.end]
    # The reading connection shares the writer's database: what is added later is seen at once.
    writing = Store.create_or_open(path, lambda: moment[0])
    connection = duckdb.connect(str(path))
    jobs = min(JOBS, max(1, events // DAYS // 4))
    # In the order of time: the newest are left for later.
    log = demo_records(jobs=jobs, days=DAYS, events_per_day=events // DAYS, end=data.end)
    add_lines(islice(log, events * 95 // 100), writing)
    workspace = EmbeddedWorkspace(connection, now=lambda: moment[0])
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

        def more(share: float) -> None:
            """So much of all events arrives, and the service looks."""
            add_lines(islice(log, int(events * share)), writing)
            look()

        def look() -> None:
            moment[0] += timedelta(minutes=1)
            run(_refresh(activity))
            moment[0] += timedelta(minutes=1)

        look()
        filled = sum(read)
        fleet = _Fleet(activity, connection.cursor(), rounds)
        yield from fleet.series()
        yield from fleet.spikes(lambda: more(0.001))
        yield _memory(activity, file)
        read.clear()
        more(0.01)
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


class _Fleet:
    """The same questions to activity and, by hand, to the events."""

    def __init__(self, activity: Activity, by_hand: duckdb.DuckDBPyConnection, rounds: int) -> None:
        self._activity = activity
        self._by_hand = by_hand
        self._rounds = rounds
        self._directory = activity.directory()
        newest = self._directory.events_until
        assert newest, "nothing was counted"
        self._now = newest
        day = BINS["1d"]
        self._window = Window(day.floor(self._now - timedelta(days=DAYS)), day.ceil(self._now), day)
        self._span = {"start": _naive(self._window.start), "end": _naive(self._window.end)}

    def series(self) -> Iterator[Figure]:
        """A daily series of the fleet and of one job."""
        busiest = next(iter(self._directory.jobs))
        sql = ANSWERS["spikes"].replace("GROUP BY ALL", "AND JobId = $job GROUP BY ALL")

        def one() -> object:
            return self._by_hand.execute(sql, {**self._span, "job": busiest}).fetchall()

        yield self._figure("30 d daily, fleet", lambda: self._operations(None), self._rows)
        yield self._figure("30 d daily, one job", lambda: self._operations(busiest), one)

    def spikes(self, look: Callable[[], None]) -> Iterator[Figure]:
        """A page of them, and all there are: with nothing kept, and after a look that found some.

        By hand, the same series are judged in the same way.
        """

        def page() -> object:
            return self._spikes(SpikeOptions())[:PAGE]

        def every() -> object:
            return list(self._spikes(SpikeOptions(only="spikes")))

        yield self._figure("spikes, a page", page, lambda: self._judged(PAGE))
        yield self._figure("spikes of the fleet, cold", every, lambda: self._judged(None))
        every()
        yield self._figure("spikes of the fleet", every, lambda: self._judged(None), look)

    def _figure(
        self,
        name: str,
        ours: Callable[[], object],
        theirs: Callable[[], object],
        prepare: Callable[[], None] | None = None,
    ) -> Figure:
        sides = in_turns(ours, theirs, self._rounds, prepare=prepare or self._activity.forget)
        return Figure(
            name,
            "cut from activity",
            "SQL on the events",
            sides.ratio,
            FASTER,
            f"{sides.first * 1e3:.0f} ms, {sides.second * 1e3:.0f} ms",
        )

    def _operations(self, job: str | None) -> object:
        question = Question(self._window, self._now, job_id=job)
        (source,) = Operations().queries(question, NoOptions(), TableSchema())
        context = Context(question, self._directory)
        return Operations().answer(context, NoOptions(), source.cut(self._activity))[:PAGE]

    def _spikes(self, options: SpikeOptions) -> Sequence[object]:
        question = Question(self._window, self._now)
        (source,) = Spikes().queries(question, options, TableSchema())
        context = Context(question, self._directory)
        return Spikes().answer(context, options, source.cut(self._activity))

    def _rows(self) -> list[tuple[str, str, datetime, int]]:
        return self._by_hand.execute(ANSWERS["spikes"], self._span).fetchall()

    def _judged(self, busiest: int | None) -> Detection:
        """What stands out in so many of the busiest series, or in all."""
        window, found = self._window, self._rows()
        keys = {key: row for row, key in enumerate(dict.fromkeys(row[:2] for row in found))}
        counts = np.zeros((len(keys), window.bins), np.int64)
        for job, name, start, events in found:
            day = (start.replace(tzinfo=UTC) - window.start) // window.bin.width
            counts[keys[job, name], day] = events
        chosen = np.argsort(-counts.sum(axis=1), kind="stable")[:busiest]
        return detect(counts[chosen], window.starts(), unfinished=True)


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
