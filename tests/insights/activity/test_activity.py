"""Activity equals a full recount, whatever arrives, in whatever order, whenever it is looked at."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import orjson
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from service.insights.activity.cutting import cut_series
from service.insights.activity.keeper import Activity
from service.insights.activity.store import ActivityError, ActivityStore
from service.insights.directory import App
from service.insights.querying import Querying
from service.insights.question import Question
from service.kql.template import Kql
from service.records.importing import add_lines
from service.records.store import Store
from service.table import COLUMNS, TableSchema
from service.times import BINS, Window
from service.workspace.embedded import EmbeddedWorkspace
from service.workspace.errors import WorkspaceUnavailable
from service.workspace.protocol import Result, TimeSpan
from tests.stores import Event, Step, open_workspace, querying_of, write_store

START = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
RETENTION = timedelta(days=10)

Key = tuple[datetime, str, str, str, str, str, str]


def counts_of(activity: Activity, width: str) -> Counter[Key]:
    """What activity holds, per bin and dimensions."""
    names = ("JobId", "Action", "Result", "ErrorCode", "Operation", "IdentityType")
    found: Counter[Key] = Counter()
    chosen = BINS[width]
    start = chosen.floor(START - RETENTION - timedelta(days=10))
    window = Window(start, chosen.ceil(START + timedelta(days=400)), chosen)
    series = cut_series(activity, Question(window, START), names)
    keys = list(zip(*(column.to_pylist() for column in series.names.columns), strict=True))
    for place, index in zip(*series.counts.nonzero(), strict=True):
        at = window.start + int(index) * chosen.width
        found[(at, *keys[place])] = int(series.counts[place, index])
    return found


def recount(events: Sequence[Event], width: str) -> Counter[Key]:
    """The same from the events themselves, without any query."""
    return Counter(
        (
            BINS[width].floor(event.at),
            event.job,
            event.action.lower(),
            event.result.lower(),
            event.code,
            event.steps[-1].name if event.steps else "",
            event.source_type,
        )
        for event in events
    )


class Upstream(EmbeddedWorkspace):
    """A workspace that can fail, or have something happen, between two queries."""

    before: Callable[[], None] = staticmethod(lambda: None)
    answered: Callable[[Kql, Result], Result] = staticmethod(lambda kql, result: result)

    async def query(self, kql: Kql, span: TimeSpan, *, deadline: timedelta) -> Result:
        self.before()
        return self.answered(kql, await super().query(kql, span, deadline=deadline))

    def keep(self, columns: frozenset[str]) -> None:
        """The table has only these columns from now on."""
        self._schema = TableSchema(columns)

    def allow(self, rows: int) -> None:
        """A result may have so many rows from now on."""
        self._max_rows = rows

    def fail_after(self, queries: int) -> None:
        left = itertools.count(queries, -1)

        def fail() -> None:
            if next(left) <= 0:
                raise WorkspaceUnavailable("The workspace is away.")

        self.before = fail


class Logs:
    """A workspace whose logs grow, with a clock of its own, and activity that looks at it.

    `off` is how wrong the service's clock is.
    """

    def __init__(
        self, folder: Path, *, max_rows: int = 500_000, retention: timedelta = RETENTION
    ) -> None:
        self._retention = retention
        self.true = START
        self.off = timedelta()
        self.events: list[Event] = []
        path = folder / "events.duckdb"
        self._store = Store.create_or_open(path, lambda: self.true)
        self._reading = duckdb.connect(str(path))
        self.workspace = Upstream(
            self._reading, now=lambda: self.true, max_rows=max_rows, threads=1
        )
        self.queries: list[tuple[str, int]] = []
        self._activity_path = folder / "activity.duckdb"
        self.restart()

    def restart(self) -> None:
        """The service begins anew, on the file it left."""
        store = ActivityStore.open(
            self._activity_path, self.workspace.identity, memory_limit="128MB", threads=1
        )
        querying = Querying(
            self.workspace,
            deadline=timedelta(minutes=1),
            observe=lambda insight, outcome, elapsed, rows: self.queries.append((insight, rows)),
        )
        self.activity = Activity(
            store,
            querying,
            every=timedelta(minutes=1),
            retention=self._retention,
            now=lambda: self.true + self.off,
            monotonic=lambda: (self.true - START).total_seconds(),
        )

    def arrive(self, events: Sequence[Event]) -> None:
        lines = []
        for event in events:
            lines.append(orjson.dumps(event.record(len(self.events))) + b"\n")
            self.events.append(event)
        self.true += timedelta(seconds=5)
        add_lines(lines, self._store)
        self.true += timedelta(seconds=5)

    def look(self) -> None:
        asyncio.run(self._look())

    async def _look(self) -> None:
        async for _ in self.activity.refresh():
            pass
        assert self.activity.loaded

    def counted(self, width: str = "5m") -> Counter[Key]:
        return counts_of(self.activity, width)

    def recounted(self, width: str = "5m") -> Counter[Key]:
        return recount(self.events, width)

    def close(self) -> None:
        asyncio.run(self.workspace.close())
        self.activity.close()
        self._store.close()


@contextmanager
def logs(**settings: Any) -> Iterator[Logs]:
    with TemporaryDirectory() as folder:
        made = Logs(Path(folder), **settings)
        try:
            yield made
        finally:
            made.close()


EVENTS = st.builds(
    Event,
    at=st.one_of(
        st.timedeltas(-timedelta(days=9), timedelta(days=300)),
        st.timedeltas(-timedelta(hours=1), timedelta(minutes=10)),
    ).map(lambda offset: START + offset),
    job=st.sampled_from(["job-a", "job-b", "Ünïcode 'job'"]),
    action=st.sampled_from(["Create", "Update", "Delete"]),
    result=st.sampled_from(["Success", "Failure", "Skipped"]),
    code=st.sampled_from(["", "Timeout"]),
    source_type=st.sampled_from(["User", "Group"]),
    steps=st.sampled_from([(), (Step("EntryImport"),), (Step("EntryImport"), Step("EntryExport"))]),
)
WAITS = [timedelta(seconds=1), timedelta(minutes=4), timedelta(hours=3), timedelta(days=3)]
JUMPS = [timedelta(hours=-9), timedelta(minutes=-7), timedelta(), timedelta(hours=9)]
"""Few different ones: times make queries, and each new query takes time to translate."""


def happenings(events: st.SearchStrategy[Event], at_most: int) -> st.SearchStrategy[Any]:
    return st.lists(
        st.one_of(
            st.lists(events, min_size=1, max_size=6).map(lambda some: ("arrive", some)),
            st.just(("look", None)),
            st.just(("restart", None)),
            st.sampled_from(WAITS).map(lambda by: ("wait", by)),
            st.sampled_from(JUMPS).map(lambda off: ("jump", off)),
        ),
        max_size=at_most,
    )


FEW_PER_BIN = st.builds(
    Event,
    at=st.timedeltas(-timedelta(days=9), timedelta(hours=5)).map(lambda offset: START + offset),
    code=st.sampled_from(["", "Timeout"]),
)
"""At most two combinations, so that a single bin is never cut."""


def happen(made: Logs, happenings: Sequence[tuple[str, Any]]) -> None:
    for what, detail in happenings:
        match what:
            case "arrive":
                made.arrive(detail)
            case "look":
                made.look()
            case "wait":
                made.true += detail
            case "jump":
                made.off = detail
            case "restart":
                made.activity.close()
                made.restart()
    made.look()


QUICK = settings(deadline=None, max_examples=12, phases=[Phase.explicit, Phase.generate])


@given(happenings(EVENTS, 8))
@QUICK
def test_activity_equals_a_full_recount_after_any_arrivals(what: Any) -> None:
    with logs() as made:
        happen(made, what)
        for width in ("5m", "1d", "7d"):
            assert made.counted(width) == made.recounted(width), width
        times: dict[str, list[datetime]] = {}
        for event in made.events:
            times.setdefault(event.job, []).append(event.at)
        assert {
            job.job_id: (job.first_event, job.last_event)
            for job in made.activity.directory().jobs.values()
        } == {job: (min(found), max(found)) for job, found in times.items()}


@given(happenings(FEW_PER_BIN, 4))
@settings(QUICK, max_examples=4)
def test_a_workspace_that_cuts_results_is_counted_in_pieces_and_whole(what: Any) -> None:
    with logs(max_rows=5) as made:
        happen(made, what)
        assert made.counted() == made.recounted()


def counted_from(made: Logs) -> Counter[Key]:
    """What there should be of the part that is loaded."""
    loaded_from = made.activity.store.state.loaded_from
    return Counter(
        {
            key: count
            for key, count in made.recounted().items()
            if loaded_from and key[0] >= loaded_from
        }
    )


def test_a_first_fill_that_fails_in_the_middle_goes_on_where_it_stopped() -> None:
    with logs(max_rows=60) as made:
        made.arrive([Event(START - timedelta(minutes=97 * number)) for number in range(130)])
        reached = []
        for _ in range(30):
            made.workspace.fail_after(2)
            with suppress(WorkspaceUnavailable):
                made.look()
            assert made.counted() == counted_from(made)
            reached.append(made.activity.store.state.loaded_from or START)
            if made.activity.loaded:
                break
        assert made.activity.loaded
        assert len(set(reached)) > 3
        assert reached == sorted(reached, reverse=True)
        assert made.counted() == made.recounted()


def test_a_halved_recount_that_fails_keeps_what_it_has_and_looks_again() -> None:
    with logs(max_rows=6) as made:
        made.arrive([Event(START - timedelta(days=1))])
        made.look()
        looked = made.activity.store.state.looked
        made.true += timedelta(hours=1)
        made.arrive([Event(START - timedelta(hours=7 * number)) for number in range(20)])
        for queries in (1, 2, 5):
            made.workspace.fail_after(queries)
            with pytest.raises(WorkspaceUnavailable):
                made.look()
            assert made.activity.store.state.looked == looked
            assert made.counted() <= made.recounted()
            assert made.activity.standing
            assert made.activity.standing.failure == "The workspace is away."
        made.workspace.fail_after(1000)
        made.look()
        assert made.counted() == made.recounted()
        assert made.activity.standing
        assert made.activity.standing.failure is None


@pytest.mark.parametrize("query", range(1, 4))
def test_rows_that_arrive_between_the_halves_of_a_recount_are_counted_next(query: int) -> None:
    with logs(max_rows=6) as made:
        made.arrive([Event(START - timedelta(days=9))])
        made.look()
        made.true += timedelta(hours=1)
        made.arrive([Event(START - timedelta(hours=7 * number)) for number in range(1, 9)])
        asked = itertools.count()

        def arrive() -> None:
            if next(asked) == query:
                made.true += timedelta(minutes=1)
                made.arrive([Event(START + timedelta(days=100)), Event(START)])
                made.true += timedelta(minutes=1)

        made.workspace.before = arrive
        made.look()
        made.look()
        assert made.counted() == made.recounted()


def test_a_bin_that_alone_is_too_large_is_said_until_it_is_counted_whole() -> None:
    with logs(max_rows=6) as made:
        many = [Event(START - timedelta(hours=1), code=f"code-{number}") for number in range(9)]
        made.arrive(many[:5])
        made.look()
        assert made.activity.complete(START - timedelta(days=1))
        made.arrive(many[5:])
        made.look()
        assert "five minutes" in (made.activity.lacking(START - timedelta(days=1)) or "")
        assert made.activity.complete(START)
        made.workspace.allow(500_000)
        made.arrive([many[0]])
        made.look()
        assert made.activity.complete(START - timedelta(days=1))
        assert made.counted() == made.recounted()


def test_newest_cycles_are_known_after_a_restart_without_news() -> None:
    with logs() as made:
        made.arrive([Event(START - timedelta(days=3), cycle="old")])
        made.arrive([Event(START - timedelta(days=2), cycle="new")])
        made.look()
        made.activity.close()
        made.restart()
        made.true += timedelta(minutes=5)
        made.look()
        assert made.activity.latest_cycles["job-a"].cycle_id == "new"


def test_newest_cycles_that_could_not_be_asked_for_are_asked_for_again() -> None:
    with logs() as made:
        made.arrive([Event(START - timedelta(hours=2), cycle="old")])
        made.workspace.fail_after(2)  # the clock and today's counts
        with suppress(WorkspaceUnavailable):
            made.look()
        assert made.activity.latest_cycles == {}
        made.true += timedelta(hours=1)
        made.workspace.fail_after(1000)
        made.look()
        assert made.activity.latest_cycles["job-a"].cycle_id == "old"


def test_newest_cycles_that_did_not_all_come_are_asked_for_again() -> None:
    with logs() as made:
        made.arrive([Event(START - timedelta(days=2), job=job, cycle="run") for job in "abc"])

        def cut(kql: Kql, result: Result) -> Result:
            if "let Newest" not in kql.text:
                return result
            return replace(result, rows=result.rows[:1], partial="the result was cut at 1 row")

        made.workspace.answered = cut
        made.look()
        assert len(made.activity.latest_cycles) == 1
        made.workspace.answered = lambda kql, result: result
        made.true += timedelta(minutes=5)
        made.look()
        assert set(made.activity.latest_cycles) == set("abc")


def test_cycles_of_a_recount_that_was_cut_are_those_of_all_events() -> None:
    with logs(max_rows=6) as made:
        first = [Event(START - timedelta(hours=1), job=job, cycle="run") for job in "abc"]
        made.arrive(first)
        made.look()
        codes = [f"code-{number}" for number in range(9)]
        late = [replace(event, code=code) for event in first for code in codes]
        made.arrive(late)
        made.look()
        assert made.activity.lacking(START - timedelta(days=1))
        counts = {job: cycle.events for job, cycle in made.activity.latest_cycles.items()}
        assert counts == dict.fromkeys("abc", 10)


CYCLED = st.builds(
    Event,
    at=st.timedeltas(-timedelta(days=12), timedelta(days=1)).map(lambda offset: START + offset),
    job=st.sampled_from(["job-a", "job-b"]),
    cycle=st.sampled_from(["", "run-1", "run-2", "run-3"]),
    action=st.sampled_from(["Create", "Update"]),
    result=st.sampled_from(["Success", "Failure", "Skipped"]),
)


@given(happenings(CYCLED, 8))
@settings(QUICK, max_examples=15)
def test_newest_cycles_are_those_of_all_events_after_any_arrivals(what: Any) -> None:
    with logs(retention=timedelta(days=60)) as made:
        happen(made, what)
        newest = {
            event.job: event.cycle
            for event in sorted(made.events, key=lambda event: (event.at, event.cycle))
            if event.cycle
        }
        found = made.activity.latest_cycles
        assert {job: cycle.cycle_id for job, cycle in found.items()} == newest
        for job, cycle in found.items():
            mine = [one for one in made.events if (one.job, one.cycle) == (job, cycle.cycle_id)]
            assert (cycle.started, cycle.ended) == (
                min(one.at for one in mine),
                max(one.at for one in mine),
            )
            assert cycle.events == len(mine)
            assert cycle.failures == sum(one.result == "Failure" for one in mine)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
def test_a_renamed_application_shows_its_newest_name_whatever_came_first(
    order: tuple[int, ...],
) -> None:
    told = [
        Event(START - timedelta(days=3), id="a", app="Zelkova", app_id="old"),
        Event(START - timedelta(days=2), id="b", app="Garden", app_id="new"),
        Event(START - timedelta(days=1), id="c", app="", app_id=""),
    ]
    with logs() as made:
        for index in order:
            made.arrive([told[index]])
            made.look()
            made.true += timedelta(hours=1)
        job = made.activity.directory().jobs["job-a"]
        assert job.app == App("new", "Garden")
        assert (job.first_event, job.last_event) == (told[0].at, told[2].at)


def test_weeks_begin_on_monday() -> None:
    monday = BINS["1d"].floor(START) - timedelta(days=START.weekday())
    edge = timedelta(microseconds=1)
    with logs() as made:
        made.arrive(
            [Event(at) for at in (monday - edge, monday, monday + timedelta(days=7) - edge)]
        )
        made.look()
        weeks = Counter[datetime]()
        for key, events in made.counted("7d").items():
            weeks[key[0]] += events
        assert weeks == {monday - timedelta(days=7): 1, monday: 2}


_FILL = """
import asyncio, os, sys
from datetime import datetime, timedelta
from pathlib import Path
from tests.insights.activity.test_activity import START, counting_over

for line in sys.stdin:
    child = os.fork()
    if not child:
        asyncio.run(counting_over(Path(sys.argv[1]), Path(line.strip())))
        os._exit(0)
    print(child, flush=True)
    os.waitpid(child, 0)
    print("gone", flush=True)
"""


async def counting_over(events: Path, path: Path) -> Counter[Key]:
    """Activity of a store of events, kept in this file and filled to the end."""
    workspace = open_workspace(events, now=lambda: START)
    store = ActivityStore.open(path, "embedded", memory_limit="128MB", threads=1)
    activity = Activity(
        store,
        querying_of(workspace),
        every=timedelta(minutes=1),
        retention=RETENTION,
        now=lambda: START,
        monotonic=lambda: 0.0,
    )
    async for _ in activity.refresh():
        pass
    counts = counts_of(activity, "5m")
    await workspace.close()
    activity.close()
    return counts


def test_a_process_killed_in_the_middle_leaves_a_store_that_goes_on(tmp_path: Path) -> None:
    events = [
        Event(START - timedelta(seconds=397 * number), code=f"code-{number % 7}")
        for number in range(2000)
    ]
    path = write_store(tmp_path / "events.duckdb", events, arrived=START)
    expected = recount(events, "5m")
    with subprocess.Popen(
        [sys.executable, "-c", _FILL, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        left = []
        for number in range(10):
            kept = tmp_path / f"activity-{number % 3}.duckdb"
            print(kept, file=process.stdin, flush=True)
            child = int(process.stdout.readline())
            time.sleep(0.1 + 0.17 * number)
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            assert process.stdout.readline() == "gone\n"
            if kept.exists():
                store = ActivityStore.open(kept, "embedded", memory_limit="128MB", threads=1)
                left.append(store.state)
                store.close()
            if number >= 7:
                assert asyncio.run(counting_over(path, kept)) == expected
        process.stdin.close()
    assert any(state.loaded_from is not None for state in left)


def test_a_file_that_another_process_holds_is_named_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "activity.duckdb"
    held = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", held, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        with pytest.raises(ActivityError) as refused:
            ActivityStore.open(path, "embedded", memory_limit="64MB", threads=1)
        process.communicate("\n")
    assert str(refused.value) == (
        f"{path} is in use by another process; stop it, or give another file for activity."
    )


def test_a_path_that_can_be_no_file_is_named_in_one_line(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere" / "activity.duckdb"):
        with pytest.raises(ActivityError) as refused:
            ActivityStore.open(path, "embedded", memory_limit="64MB", threads=1)
        assert str(refused.value).startswith(f"{path} can't keep activity: ")
        assert "\n" not in str(refused.value)


def test_late_event_recounts_only_its_bin() -> None:
    with logs() as made:
        made.arrive([Event(START - timedelta(minutes=minute)) for minute in range(0, 6000, 7)])
        made.look()
        made.true += timedelta(hours=1)
        made.arrive([Event(START - timedelta(days=3))])
        made.queries.clear()
        made.look()
        assert made.queries == [("activity", 2)]  # the bin's count, and the run's
        assert made.counted() == made.recounted()


def test_a_look_that_finds_nothing_new_costs_one_query_and_no_rows() -> None:
    with logs() as made:
        made.arrive([Event(START)])
        made.look()
        made.true += timedelta(minutes=1)
        made.queries.clear()
        made.look()
        assert made.queries == [("activity", 0)]


def test_a_restart_asks_only_what_it_missed() -> None:
    with logs() as made:
        made.arrive([Event(START - timedelta(hours=hour)) for hour in range(200)])
        made.look()
        made.activity.close()
        made.true += timedelta(hours=5)
        made.arrive([Event(START + timedelta(hours=1))])
        made.restart()
        made.queries.clear()
        made.look()
        of_activity = [rows for insight, rows in made.queries if insight == "activity"]
        assert max(of_activity) == 2  # the bin's count, and the run's
        assert made.counted() == made.recounted()


@pytest.mark.parametrize("damage", [b"", b"not a database", b"\0" * 100_000])
def test_a_damaged_file_is_counted_anew_and_the_log_says_so(
    damage: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "activity.duckdb"
    path.write_bytes(damage)
    store = ActivityStore.open(path, "embedded", memory_limit="64MB", threads=1)
    assert store.state.loaded_from is None
    assert "counted anew" in caplog.text
    store.close()


def test_a_file_of_another_workspace_is_counted_anew(tmp_path: Path) -> None:
    path = tmp_path / "activity.duckdb"
    ActivityStore.open(path, "one", memory_limit="64MB", threads=1).close()
    store = ActivityStore.open(path, "another", memory_limit="64MB", threads=1)
    assert store.state.loaded_from is None
    store.close()


@pytest.mark.parametrize("restarts", [True, False])
@pytest.mark.parametrize("column", ["ResultSignature", "ProvisioningSteps", "CycleId"])
def test_counts_are_those_of_the_columns_that_the_table_has_now(
    column: str, restarts: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with logs() as made:
        events = [Event(START - timedelta(days=day), code="Timeout", cycle="run") for day in (0, 5)]
        made.arrive(events)
        made.workspace.keep(frozenset(COLUMNS) - {column})
        made.look()
        before = made.counted()
        made.workspace.keep(frozenset(COLUMNS))
        made.true += timedelta(minutes=5)
        if restarts:
            made.activity.close()
            made.restart()
        made.look()
        assert made.counted() == made.recounted()
        assert made.activity.latest_cycles["job-a"].cycle_id == "run"
        # No count is made of the run.
        assert (before == made.recounted()) == (column == "CycleId")
        assert (f"new: {column}" in caplog.text) == (column != "CycleId")
        made.workspace.keep(frozenset(COLUMNS) - {column})
        made.true += timedelta(minutes=5)
        made.look()
        assert made.counted() == before


def test_what_was_made_of_counts_of_other_columns_is_not_kept() -> None:
    def renewed(before: str | None) -> str:
        return "renewed" if before else "made anew"

    with logs() as made:
        made.arrive([Event(START)])
        made.look()
        assert made.activity.kept("levels", renewed) == "made anew"
        made.look()
        assert made.activity.kept("levels", renewed) == "renewed"
        made.workspace.keep(frozenset(COLUMNS) - {"ResultSignature"})
        made.look()
        assert made.activity.kept("levels", renewed) == "made anew"


def test_a_workspace_without_any_data_is_counted_when_data_comes() -> None:
    with logs() as made:
        made.workspace.answered = lambda kql, result: replace(result, columns=(), rows=[])
        made.look()
        assert made.counted() == {}
        made.arrive([Event(START - timedelta(days=day), cycle="run") for day in range(3)])
        made.workspace.answered = lambda kql, result: result
        made.look()
        assert made.counted() == made.recounted()
        assert made.activity.latest_cycles["job-a"].events == 3


@given(happenings(EVENTS, 8))
@settings(QUICK, max_examples=6)
def test_arrivals_are_those_since_the_first_look_each_once(what: Any) -> None:
    with logs() as made:
        made.look()
        known = 0
        for happening in [*what, ("look", None)]:
            match happening:
                case ("restart", _):
                    happen(made, [happening])  # which looks
                    known = len(made.events)
                case ("arrive", some):
                    made.arrive(some)
                case ("look", _):
                    made.look()
                case ("wait", by):
                    made.true += by
                case ("jump", off):
                    made.off = off
            arrived = Counter(
                (event.job, event.action.lower(), event.result.lower())
                for event in made.events[known:]
            )
            if happening[0] == "look":
                assert made.activity.arrivals.totals == arrived
            else:
                assert Counter(made.activity.arrivals.totals) <= arrived
