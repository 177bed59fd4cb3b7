"""What the simulator counts, and the limits it keeps."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import orjson
import pytest

from service.insights.activity.counting import recounting_kql
from service.records.importing import add_lines
from service.records.store import Store
from service.table import TableSchema
from tests.api.world import Clock
from tests.simulator import WORKSPACE_ID, Limits, Logs, Simulator
from tests.simulator.calling import Caller, calling
from tests.stores import EVER, NOW, Event, write_store

COUNT = "AADProvisioningLogs | count"


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture
def limited(store: Path, clock: Clock) -> Iterator[Caller]:
    """A caller of a simulator that allows two queries at once and four in 30 s."""
    limits = Limits(at_once=2, in_window=4)
    logs = {WORKSPACE_ID: Logs(store)}
    with (
        Simulator(logs, now=clock.now, monotonic=clock.monotonic, limits=limits) as simulator,
        calling(simulator) as made,
    ):
        yield made


def test_queries_rows_and_tokens_are_counted(caller: Caller) -> None:
    token = caller.token
    caller.ask("AADProvisioningLogs | take 5", token=token)
    caller.ask("Garden", token=token)
    caller.ask_token(client_secret="another")
    counts = caller.simulator.counts
    assert counts.queries == 2
    assert counts.statuses == {200: 1, 400: 1}
    assert (counts.rows_returned, counts.rows_in_span, counts.rows_scanned) == (5, 12, 12)
    assert (counts.tokens_issued, counts.tokens_refused) == (1, 1)
    assert (counts.connections, counts.running, counts.max_running) == (1, 0, 1)
    assert counts.bytes_returned > 0


def test_counts_begin_anew_when_they_are_reset(caller: Caller) -> None:
    caller.ask(COUNT)
    caller.simulator.reset()
    caller.ask(COUNT)
    counts = caller.simulator.counts
    assert (counts.queries, counts.max_running, counts.max_in_window) == (1, 1, 1)


def test_rows_to_read_follow_the_times_that_a_query_sets(caller: Caller) -> None:
    caller.ask("AADProvisioningLogs | where TimeGenerated >= ago(3h)", timespan="P1D")
    assert caller.simulator.counts.rows_scanned == 3
    caller.ask("AADProvisioningLogs", timespan="PT2H")
    assert caller.simulator.counts.rows_scanned == 3 + 2


def test_rows_to_read_are_those_that_arrived_since_where_a_query_asks_for_these(
    tmp_path: Path,
) -> None:
    path = write_store(tmp_path / "grown.duckdb", [Event(NOW)], arrived=NOW - timedelta(days=1))
    late = [Event(NOW - timedelta(hours=hour), id=f"late-{hour}").record(hour) for hour in (3, 5)]
    with Store.create_or_open(path, lambda: NOW) as writing:
        add_lines((orjson.dumps(record) + b"\n" for record in late), writing)
    changed = recounting_kql(EVER, TableSchema(), NOW - timedelta(minutes=10)).text
    with Simulator({WORKSPACE_ID: Logs(path)}) as simulator, calling(simulator) as caller:
        assert len(caller.rows(changed)) == 3  # two bins, and a run
        counts = simulator.counts
    assert (counts.rows_in_span, counts.rows_scanned) == (3, 2)


def test_most_queries_at_once_and_in_a_window_are_remembered(limited: Caller, clock: Clock) -> None:
    token = limited.token
    for _ in range(3):
        limited.ask(COUNT, token=token)
        clock.advance(seconds=14)
    for _ in range(2):
        limited.ask(COUNT, token=token)
    counts = limited.simulator.counts
    assert (counts.max_running, counts.max_in_window) == (1, 4)


def test_more_in_a_window_than_allowed_is_refused_until_it_has_passed(
    limited: Caller, clock: Clock
) -> None:
    token = limited.token
    for _ in range(4):
        assert limited.ask(COUNT, token=token).status_code == 200
        clock.advance(seconds=1)
    refused = limited.ask(COUNT, token=token)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "26")
    clock.advance(seconds=26)
    assert limited.ask(COUNT, token=token).status_code == 200
    assert limited.simulator.counts.over_limit == 1


def test_more_at_once_than_allowed_is_refused_while_they_run(limited: Caller) -> None:
    token = limited.token
    limited.simulator.fail("hang", matching="take")
    with ThreadPoolExecutor(2) as threads:
        hanging = [
            threads.submit(limited.ask, f"print 1 | take {number}", token=token, timeout=0.5)
            for number in (1, 2)
        ]
        limited.simulator.wait_for(lambda counts: counts.running == 2)
        assert limited.ask(COUNT, token=token).status_code == 429
        assert all(waiting.exception() for waiting in hanging)
    counts = limited.simulator.wait_for(lambda counts: counts.running == 0)
    assert (counts.max_running, counts.abandoned) == (3, 2)
    assert limited.ask(COUNT, token=token).status_code == 200


def test_the_same_query_is_answered_from_a_cache_for_two_minutes(
    limited: Caller, clock: Clock
) -> None:
    token = limited.token

    def age(**headers: str) -> str | None:
        limited.simulator.reset()
        answer = limited.ask(COUNT, token=token, headers=headers)
        return str(answer.headers["age"]) if "age" in answer.headers else None

    assert age() is None
    clock.advance(seconds=50)
    assert age() == "50"
    assert age(**{"Cache-Control": "max-age=60"}) == "50"
    assert limited.simulator.counts.from_cache == 1
    assert limited.simulator.counts.rows_scanned == 0
    clock.advance(seconds=40)
    assert age(**{"Cache-Control": "max-age=60"}) is None
    clock.advance(seconds=40)
    assert age() == "40"
    assert age(**{"Cache-Control": "no-cache"}) is None
    clock.advance(seconds=120)
    assert age() is None


def test_answers_carry_the_time_of_the_simulated_clock(limited: Caller, clock: Clock) -> None:
    clock.advance(hours=1)
    assert limited.ask(COUNT).headers["date"] == "Wed, 18 Nov 2026 13:00:00 GMT"
