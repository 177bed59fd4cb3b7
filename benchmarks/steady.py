"""What a minute of questions costs the workspace, beside asking each request's own KQL.

Time is simulated: the service runs in this process with clocks that are moved on by one refresh
interval at a time, and asks the simulator of Log Analytics through the real client. In every
interval events arrive, some of them late, of any age. First nobody asks, then one caller asks every
panel, then many callers ask panels of 1,000 jobs.

The other side is what exporters and dashboards do: the KQL of each request is sent as it is, and
its answer kept for 60 s. Both sides have the same requests, logs and simulator, and both tell it
not to answer from its own cache.

`rows in span` is what an engine reads that knows rows by their time only: between the bounds that
each query sets, whatever else it asks for. For the query that recounts changed bins that is the
whole table, since late rows may be of any age; `rows asked about` counts those bins' rows instead.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import duckdb
import httpx
from cachetools import TTLCache
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.data import Data
from benchmarks.figure import Aim, Figure
from benchmarks.simulated import asking
from service.app import create_app
from service.kql.template import Kql
from service.records.demo import demo_records
from service.records.importing import add_lines
from service.records.store import ARRIVED, EVENTS, Store
from service.settings import Settings
from service.workspace.protocol import TimeSpan
from tests.api.service import Recording, Rest, lifespan
from tests.api.world import Clock, event, grown
from tests.simulator import WORKSPACE_ID, Counts, Logs, Simulator
from tests.simulator.reading import bounds_of

FEWER = Aim("at least", 100)
SAME = Aim("at most", 1.0)
ONE = Aim("at most", 1.0)

JOBS, DAYS = 1000, 30
ARRIVE = 20
PANELS = (
    *("failures", "errors", "actions", "operations", "spikes", "skips", "cycles", "objects"),
    "skipped-members",
)
EVER = TimeSpan(datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
_LATE = (timedelta(hours=1), timedelta(days=1), timedelta(days=9), timedelta(days=25))
_OF_A_REFRESH = ("activity", "latest-cycles")
_INTERVAL = timedelta(seconds=60)
_KEPT = 60.0
_DEADLINE = timedelta(minutes=1)
_QUIET = 0.2
"""Seconds that nothing must happen for."""


def figures(data: Data, *, quick: bool) -> Iterator[Figure]:
    """Queries and rows per interval on both sides, and what more callers cost."""
    size = _Size(20, 40, 2, 1) if quick else _Size(JOBS, 1000, 10, 2)
    yield from asyncio.run(_measured(_fleet(data, size), data.end, size))


@dataclass(frozen=True)
class _Size:
    """Jobs; requests in an interval, intervals of each part, and how many of the last part's are
    also asked for the other way."""

    jobs: int
    requests: int
    intervals: int
    compared: int


@dataclass(frozen=True)
class _Cost:
    """What some intervals cost: queries, in all and of the service's insights, and rows."""

    intervals: int
    by_insight: Counter[str]
    queries: int
    in_span: int
    asked_about: int
    returned: int

    def each(self, number: int) -> float:
        return number / self.intervals


async def _measured(store: Path, end: datetime, size: _Size) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        clock = Clock(end)
        with Simulator(
            {WORKSPACE_ID: Logs(store)},
            now=clock.now,
            monotonic=clock.monotonic,
            token_lifetime=timedelta(days=1),
            memory="128MB",
        ) as simulator:
            async with _world(simulator, clock, store, Path(folder)) as world:
                panels = [f"/{panel}" for panel in PANELS]
                chance = random.Random(1)
                mixes = [_mix(world.jobs, chance, size.requests) for _ in range(size.intervals)]
                await world.passing([panels])
                nobody = await world.passing([[]] * size.intervals)
                one = await world.passing([panels] * size.intervals)
                many = await world.passing(mixes)
                exported = await world.exported(mixes[-size.compared :])
    return _figures(nobody, one, many, exported, size)


def _figures(nobody: _Cost, one: _Cost, many: _Cost, exported: _Cost, size: _Size) -> list[Figure]:
    own, other = many.each(many.queries), exported.each(exported.queries)
    asked = f"{size.requests:,} requests over {size.jobs:,} jobs a minute"
    others = "each request's own KQL kept for 60 s"
    return [
        Figure(
            "steady, refresh",
            "queries per interval while nobody asks, but for answers that expired",
            "one",
            nobody.each(sum(nobody.by_insight[name] for name in _OF_A_REFRESH)),
            ONE,
            f"in {nobody.intervals} intervals "
            + ", ".join(f"{name} {times}" for name, times in nobody.by_insight.most_common()),
        ),
        Figure(
            "steady, callers",
            f"queries per interval with {asked}",
            "one caller who asks every panel once",
            own / one.each(one.queries),
            SAME,
            f"{own:.1f}, {one.each(one.queries):.1f}",
        ),
        Figure(
            "steady, queries",
            others,
            f"ours, {asked}",
            other / own,
            FEWER,
            f"{other:.1f}, {own:.1f}",
        ),
        *(
            Figure(
                f"steady, {name}",
                others,
                f"ours, {asked}",
                exported.each(theirs) / many.each(ours),
                FEWER,
                f"{exported.each(theirs):,.0f}, {many.each(ours):,.0f} a minute",
            )
            for name, theirs, ours in (
                ("rows in span", exported.in_span, many.in_span),
                ("rows asked about", exported.asked_about, many.asked_about),
            )
        ),
    ]


def _mix(jobs: Sequence[str], chance: random.Random, requests: int) -> list[str]:
    def one() -> str:
        base = "" if chance.random() < 0.1 else f"/jobs/{quote(chance.choice(jobs), safe='')}"
        return f"{base}/{chance.choice(PANELS)}"

    return [one() for _ in range(requests)]


@asynccontextmanager
async def _world(
    simulator: Simulator, clock: Clock, store: Path, folder: Path
) -> AsyncIterator[_World]:
    rest = Rest()
    workspace = Recording(
        asking(simulator.address, simulator.ca_file, simulator.environment, now=clock.now),
        metered=True,
    )
    settings = Settings(retention=timedelta(days=DAYS + 5))
    app = create_app(
        settings, workspace, now=clock.now, monotonic=clock.monotonic, sleep=rest.sleep
    )
    async with lifespan(app):
        await rest.begun.wait()
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            yield _World(simulator, clock, store, folder, rest, workspace, client)


class _World:
    """The service, its workspace and the time that passes for both."""

    def __init__(
        self,
        simulator: Simulator,
        clock: Clock,
        store: Path,
        folder: Path,
        rest: Rest,
        workspace: Recording,
        client: httpx.AsyncClient,
    ) -> None:
        self._simulator = simulator
        self._clock = clock
        self._store = store
        self._folder = folder
        self._rest = rest
        self._workspace = workspace
        self._client = client
        self._events = 0
        with duckdb.connect(str(store), read_only=True) as connection:
            found = connection.execute(f"SELECT DISTINCT JobId FROM {EVENTS} ORDER BY 1").fetchall()
        self.jobs = [str(job) for (job,) in found]

    async def ask(self, paths: Sequence[str]) -> None:
        for path in paths:
            answer = await self._client.get(path)
            assert answer.status_code == 200, f"{path}: {answer.text}"

    async def passing(self, intervals: Sequence[Sequence[str]]) -> _Cost:
        """Lets intervals pass, in each of which these paths are asked."""
        total: Counter[str] = Counter()
        before = await self._by_insight()
        for paths in intervals:
            self._simulator.reset()
            self._workspace.queries.clear()
            self._grow()
            self._clock.advance(seconds=_INTERVAL.total_seconds())
            await self._rest.end()
            await self._quiet()
            await self.ask(paths)
            await self._quiet()
            self._count(total, self._simulator.counts)
        return _Cost(len(intervals), await self._by_insight() - before, **total)

    async def _by_insight(self) -> Counter[str]:
        """The service's own count of its queries."""
        text = (await self._client.get("/metrics")).text
        return Counter(
            {
                sample.labels["insight"]: int(sample.value)
                for family in text_string_to_metric_families(text)
                for sample in family.samples
                if sample.name == "insights_workspace_queries_total"
            }
        )

    async def _quiet(self) -> None:
        """Returns when for a while no query has come and none runs."""
        before = -1
        while (counts := self._simulator.counts).running or counts.queries != before:
            before = counts.queries
            await asyncio.sleep(_QUIET)

    async def exported(self, intervals: Sequence[Sequence[str]]) -> _Cost:
        """What exporters would cost in these intervals."""
        kept: TTLCache[str, bool] = TTLCache(100_000, _KEPT, timer=self._clock.monotonic)
        total: Counter[str] = Counter()
        workspace = asking(
            self._simulator.address,
            self._simulator.ca_file,
            self._simulator.environment,
            now=self._clock.now,
        )
        for paths in intervals:
            self._clock.advance(seconds=_INTERVAL.total_seconds())
            texts = {path: await self._kql(path) for path in dict.fromkeys(paths)}
            self._simulator.reset()
            self._workspace.queries.clear()
            for path in paths:
                if path not in kept:
                    result = await workspace.query(texts[path], EVER, deadline=_DEADLINE)
                    result.release()
                    kept[path] = True
            self._count(total, self._simulator.counts)
        await workspace.close()
        return _Cost(len(intervals), Counter(), **total)

    async def _kql(self, path: str) -> Kql:
        """The KQL of a request, for its job alone."""
        *job, panel = path.strip("/").split("/")
        about = f"?job_id={job[-1]}" if job else ""
        answer = await self._client.get(f"/insights/{panel}/kql{about}")
        assert answer.status_code == 200, answer.text
        return Kql(answer.text)

    def _grow(self) -> None:
        """New events at the end of the coming interval, and some that come late."""
        arrived = self._clock.now() + _INTERVAL - timedelta(seconds=1)
        path = self._folder / f"{self._events}.duckdb"
        late = [arrived - by for by in _LATE]
        fresh = [arrived - timedelta(seconds=2 * n) for n in range(1, ARRIVE - len(late) + 1)]
        lines = []
        for at in (*late, *fresh):
            self._events += 1
            job = self.jobs[self._events * 7 % len(self.jobs)]
            lines.append(event(self._events, at, job=job))
        self._store = grown(self._store, path, lines, arrived)
        self._simulator.hold(WORKSPACE_ID, Logs(self._store))

    def _count(self, total: Counter[str], counts: Counts) -> None:
        assert counts.statuses == {200: counts.queries}, counts
        total["queries"] += counts.queries
        total["in_span"] += counts.rows_in_span
        total["returned"] += counts.rows_returned
        total["asked_about"] += counts.rows_in_span
        for text in self._workspace.queries:
            bounds = bounds_of(text, EVER, self._clock.now())
            if bounds.since:
                every, changed = _rows(self._store, bounds.span, bounds.since)
                total["asked_about"] += changed - every


def _rows(store: Path, span: TimeSpan, since: datetime) -> tuple[int, int]:
    """The rows of the span, and those of its bins that got any since an instant."""
    within = "TimeGenerated >= $start AND TimeGenerated < $end"
    names = {"start": span.start, "end": span.end, "since": since}
    values = {name: at.astimezone(UTC).replace(tzinfo=None) for name, at in names.items()}
    with duckdb.connect(str(store), read_only=True) as connection:
        found = connection.execute(
            f"""
            WITH row AS (
                SELECT time_bucket(INTERVAL 5 MINUTE, TimeGenerated) AS bin, {ARRIVED} AS arrived
                FROM {EVENTS} WHERE {within}
            )
            SELECT count(*), count(*) FILTER (bin IN (SELECT bin FROM row WHERE arrived > $since))
            FROM row
            """,
            values,
        ).fetchone()
    assert found is not None
    return found


def _fleet(data: Data, size: _Size) -> Path:
    path = data.folder / f"steady-{size.jobs}-{data.end:%Y%m%d}.duckdb"
    if not path.exists():
        part = path.with_suffix(".part")
        part.unlink(missing_ok=True)
        records = demo_records(
            jobs=size.jobs, days=DAYS, events_per_day=2 * size.jobs, end=data.end
        )
        with Store.create_or_open(part, lambda: data.end - timedelta(days=1)) as writing:
            add_lines(records, writing)
        part.replace(path)
    return path
