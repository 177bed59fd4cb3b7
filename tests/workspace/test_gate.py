"""What the workspace sees of any number of callers, and what they see of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.table import COLUMNS
from service.workspace.errors import (
    Overloaded,
    QueryRejected,
    WorkspaceDisturbed,
    WorkspaceError,
    WorkspaceThrottled,
    WorkspaceTimeout,
    WorkspaceUnavailable,
)
from service.workspace.gate import Gate
from service.workspace.limits import PERIOD, QueryLimits
from tests.virtual_time import run
from tests.workspace.upstream import ANSWER, Upstream, ask, gate_of, most_within

PATIENT = QueryLimits(wait=1e6, background_wait=1e6, length=10_000)


def now() -> float:
    return asyncio.get_running_loop().time()


async def outcome(asked: Awaitable[object]) -> str:
    """`answered`, or the name of the error."""
    try:
        await asked
    except WorkspaceError as error:
        return type(error).__name__
    return "answered"


async def outcomes(asked: Sequence[Coroutine[Any, Any, object]]) -> Counter[str]:
    return Counter(await asyncio.gather(*(outcome(one) for one in asked)))


def failing_times(times: int, error: Callable[[], Exception]) -> Callable[[], Exception | None]:
    """Fails so many times, then answers."""
    left = iter(range(times))
    return lambda: error() if next(left, None) is not None else None


@dataclass(frozen=True)
class Caller:
    """Comes `after` seconds after the one before; leaves after `stays` seconds, if told."""

    after: float
    urgent: bool
    works: float
    travels: float
    stays: float | None
    error: type[WorkspaceError] | None


ERRORS = [None, None, QueryRejected, WorkspaceTimeout, WorkspaceDisturbed, WorkspaceThrottled]
CALLERS = st.builds(
    Caller,
    after=st.sampled_from([0.0, 0.0, 0.0, 0.01, 1.0, 29.0, 31.0]),
    urgent=st.booleans(),
    works=st.sampled_from([0.0, 0.1, 1.0, 40.0]),
    travels=st.sampled_from([0.0, 0.2, 5.0]),
    stays=st.sampled_from([None, None, 0.0, 0.05, 1.0]),
    error=st.sampled_from(ERRORS),
)


@settings(deadline=None, max_examples=150)
@given(
    callers=st.lists(CALLERS, min_size=1, max_size=60),
    at_once=st.integers(1, 5),
    budget=st.integers(1, 8),
    wait=st.sampled_from([0.5, 10.0, 1000.0]),
)
def test_workspace_never_sees_too_many_at_once_nor_in_a_period(
    callers: list[Caller], at_once: int, budget: int, wait: float
) -> None:
    upstream = Upstream()

    async def come(gate: Gate, caller: Caller) -> None:
        upstream.works, upstream.travels = caller.works, caller.travels
        upstream.failing = lambda: caller.error("It failed.") if caller.error else None
        entrance = gate.people if caller.urgent else gate.background
        asked = asyncio.create_task(outcome(ask(entrance)))
        if caller.stays is not None:
            await asyncio.sleep(caller.stays)
            asked.cancel()
        await asyncio.wait([asked])

    async def story() -> None:
        gate = gate_of(upstream, QueryLimits(at_once, budget, 20, wait, wait))
        came = []
        for caller in callers:
            await asyncio.sleep(caller.after)
            came.append(asyncio.create_task(come(gate, caller)))
        await asyncio.gather(*came)
        await gate.close()
        assert (gate.waiting, gate.in_flight) == (0, 0)

    run(story())
    assert upstream.most <= at_once
    assert most_within(upstream.arrivals, PERIOD) <= budget


def test_a_long_queue_is_worked_off_as_fast_as_the_budget_allows() -> None:
    async def story() -> tuple[float, Upstream]:
        upstream, start = Upstream(), now()
        gate = gate_of(upstream, PATIENT)
        assert await outcomes([ask(gate.people) for _ in range(400)]) == {"answered": 400}
        return now() - start, upstream

    took, upstream = run(story())
    assert (upstream.most, most_within(upstream.arrivals, PERIOD)) == (4, 100)
    # Three full periods, each begun by a query that ran for a second, and the last hundred.
    assert 3 * PERIOD < took < 3 * (PERIOD + 2) + 26


def test_callers_are_served_in_the_order_in_which_they_came() -> None:
    async def story() -> list[str]:
        upstream = Upstream()
        gate = gate_of(upstream, PATIENT)
        asked = []
        for number in range(30):
            asked.append(asyncio.create_task(ask(gate.people, number)))
            await asyncio.sleep(0)
        await asyncio.gather(*asked)
        return upstream.asked

    assert run(story()) == [str(number) for number in range(30)]


def test_people_go_first_and_background_work_gets_a_fifth() -> None:
    async def story() -> list[str]:
        upstream = Upstream()
        gate = gate_of(upstream, QueryLimits(1, None, 1000, 1e6, 1e6))
        asked = [asyncio.create_task(ask(gate.people, 0))]
        await asyncio.sleep(0)
        asked += [asyncio.create_task(ask(gate.background, 2)) for _ in range(3)]
        await asyncio.sleep(0)
        asked += [asyncio.create_task(ask(gate.people, 1)) for _ in range(12)]
        await asyncio.gather(*asked)
        return upstream.asked

    people, background = "1", "2"
    assert run(story()) == ["0", *([*[people] * 4, background] * 3)]


def test_background_work_leaves_one_place_to_people() -> None:
    async def story() -> None:
        upstream, start = Upstream(), now()
        upstream.works = 30.0
        gate = gate_of(upstream, PATIENT)
        background = [asyncio.create_task(ask(gate.background)) for _ in range(10)]
        await asyncio.sleep(1)
        assert upstream.there == 3
        upstream.works = 1.0
        await ask(gate.people)
        assert now() - start == 2
        await asyncio.gather(*background)

    run(story())


def test_who_waits_too_long_is_told_when_to_come_again() -> None:
    async def story() -> None:
        upstream = Upstream()
        upstream.works = 50.0
        gate = gate_of(upstream, QueryLimits(wait=10, silent_after=60))
        running = [asyncio.create_task(ask(gate.people)) for _ in range(4)]
        await asyncio.sleep(0)
        start = now()
        with pytest.raises(Overloaded, match="ask again in 5 s") as caught:
            await ask(gate.people)
        assert (now() - start, caught.value.retry_after) == (10, 5)
        assert len(upstream.arrivals) == 4
        await asyncio.gather(*running)

    run(story())


def test_line_that_is_full_turns_away_at_once_and_each_class_has_its_own() -> None:
    async def story() -> None:
        upstream, start = Upstream(), now()
        gate = gate_of(upstream, QueryLimits(at_once=1, length=3, wait=1000, background_wait=1000))
        asked = [asyncio.create_task(outcome(ask(gate.people))) for _ in range(1 + 3)]
        asked += [asyncio.create_task(outcome(ask(gate.background))) for _ in range(3)]
        await asyncio.sleep(0)
        assert gate.waiting == 6
        for entrance in (gate.people, gate.background):
            with pytest.raises(Overloaded):
                await ask(entrance)
        assert now() == start
        assert Counter(await asyncio.gather(*asked)) == {"answered": 7}

    run(story())


def test_spent_budget_is_told_at_once_where_waiting_is_no_use() -> None:
    async def story() -> None:
        upstream = Upstream()
        gate = gate_of(upstream, QueryLimits(budget=4, wait=10))
        await outcomes([ask(gate.people) for _ in range(4)])
        start = now()
        with pytest.raises(Overloaded) as caught:
            await ask(gate.people)
        assert (now(), caught.value.retry_after) == (start, 31)
        await asyncio.sleep(21)
        await ask(gate.people)
        assert len(upstream.arrivals) == 5

    run(story())


def test_caller_that_leaves_frees_its_place_and_its_query() -> None:
    async def story() -> None:
        upstream = Upstream()
        upstream.works = 50.0
        gate = gate_of(upstream, QueryLimits(at_once=1, length=1, wait=1000))
        running, waiting = (asyncio.create_task(ask(gate.people, number)) for number in (0, 1))
        await asyncio.sleep(1)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert gate.waiting == 0
        following = asyncio.create_task(ask(gate.people, 2))
        await asyncio.sleep(1)
        running.cancel()
        await asyncio.wait([running])
        upstream.works = 1.0
        assert await following is ANSWER
        assert upstream.given_up == 1
        assert upstream.asked == ["0", "2"]

    run(story())


def test_caller_that_leaves_as_its_turn_comes_passes_it_on() -> None:
    async def story() -> None:
        upstream = Upstream()
        gate = gate_of(upstream, QueryLimits(at_once=1, budget=3, wait=1000))
        running = asyncio.create_task(ask(gate.people))
        await asyncio.sleep(0)
        leaving, staying = (asyncio.create_task(ask(gate.people)) for _ in range(2))
        await asyncio.sleep(0)
        running.add_done_callback(lambda _: leaving.cancel())
        await running
        assert await staying is ANSWER
        assert leaving.cancelled()
        assert (len(upstream.arrivals), gate.in_flight) == (2, 0)
        await ask(gate.people)  # what was not sent is not counted

    run(story())


def test_throttling_closes_the_gate_for_everybody_until_the_time_told() -> None:
    async def story() -> None:
        upstream, start = Upstream(), now()
        upstream.works = 0.0
        gate = gate_of(upstream, QueryLimits(wait=30, background_wait=60))
        upstream.failing = failing_times(1, lambda: WorkspaceThrottled("Too much.", 20))
        met = asyncio.create_task(ask(gate.people))
        await asyncio.sleep(5)
        others = [asyncio.create_task(ask(entrance)) for entrance in (gate.people, gate.background)]
        assert gate.throttled_for == 15
        assert await asyncio.gather(met, *others) == [ANSWER] * 3
        assert [at - start for at in upstream.arrivals] == [0, 20, 20, 20]
        await asyncio.sleep(5)
        assert (gate.throttled_total, gate.throttled_for) == (20, 0)

    run(story())


def test_who_would_wait_too_long_for_the_throttle_is_told_so_at_once() -> None:
    async def story() -> None:
        upstream, start = Upstream(), now()
        upstream.works = 0.0
        gate = gate_of(upstream, QueryLimits(wait=10))
        upstream.failing = failing_times(1, lambda: WorkspaceThrottled("Too much.", 60))
        assert await outcomes([ask(gate.people) for _ in range(4)]) == {
            "answered": 3,
            "WorkspaceThrottled": 1,
        }
        with pytest.raises(WorkspaceThrottled, match="60 s") as caught:
            await ask(gate.people)
        assert (now(), caught.value.retry_after) == (start, 60)
        assert len(upstream.arrivals) == 4

    run(story())


def test_waiting_callers_learn_of_a_throttle_that_outlasts_them_when_it_begins() -> None:
    async def story() -> None:
        upstream, start = Upstream(), now()
        gate = gate_of(upstream, QueryLimits(at_once=1, wait=10))
        upstream.failing = lambda: WorkspaceThrottled("Too much.", 60)
        assert await outcomes([ask(gate.people) for _ in range(9)]) == {"WorkspaceThrottled": 9}
        assert (now() - start, len(upstream.arrivals)) == (1, 1)

    run(story())


def test_endless_throttling_is_met_a_few_times_only() -> None:
    async def story() -> None:
        upstream = Upstream()
        upstream.failing = lambda: WorkspaceThrottled("Too much.", 1)
        gate = gate_of(upstream, QueryLimits(background_wait=60))
        for entrance in (gate.people, gate.background):
            upstream.arrivals.clear()
            with pytest.raises(WorkspaceThrottled):
                await ask(entrance)
            assert len(upstream.arrivals) == 3

    run(story())


def test_short_disturbance_is_not_noticed_but_as_a_pause() -> None:
    async def story() -> None:
        upstream, start = Upstream(), now()
        gate = gate_of(upstream, QueryLimits())
        upstream.failing = failing_times(2, lambda: WorkspaceDisturbed("Dropped."))
        assert await ask(gate.people) is ANSWER
        assert [at - start for at in upstream.arrivals] == [0, 1.75, 4.25]
        assert upstream.deadlines == [60, 58.25, 55.75]

    run(story())


@pytest.mark.parametrize(
    ("error", "tries"),
    [
        (WorkspaceDisturbed, 3),
        (WorkspaceUnavailable, 1),
        (WorkspaceTimeout, 1),
        (QueryRejected, 1),
    ],
)
def test_only_what_may_pass_at_once_is_tried_again(error: type[WorkspaceError], tries: int) -> None:
    async def story() -> None:
        upstream = Upstream()
        upstream.failing = lambda: error("It failed.")
        with pytest.raises(error):
            await ask(gate_of(upstream, QueryLimits()).people)
        assert len(upstream.arrivals) == tries

    run(story())


def test_no_try_begins_after_the_deadline() -> None:
    async def story() -> None:
        upstream = Upstream()
        upstream.works = 4.0
        upstream.failing = lambda: WorkspaceDisturbed("Dropped.")
        with pytest.raises(WorkspaceTimeout):
            await ask(gate_of(upstream, QueryLimits()).people, deadline=5)
        assert upstream.deadlines == [5, 0.25]

    run(story())


def test_tries_of_one_caller_keep_its_place_before_later_ones() -> None:
    async def story() -> list[str]:
        upstream = Upstream()
        gate = gate_of(upstream, QueryLimits(at_once=1, wait=1000))
        upstream.failing = failing_times(1, lambda: WorkspaceDisturbed("Dropped."))
        await asyncio.gather(*(ask(gate.people, number) for number in range(5)))
        return upstream.asked

    assert run(story()) == ["0", "1", "0", "2", "3", "4"]


def test_closing_turns_waiting_callers_away_and_closes_the_workspace() -> None:
    async def story() -> None:
        upstream = Upstream()
        gate = gate_of(upstream, QueryLimits(at_once=1, wait=1000))
        asked = [asyncio.create_task(outcome(ask(gate.people))) for _ in range(4)]
        await asyncio.sleep(0)
        await gate.people.close()
        assert upstream.closed
        assert Counter(await asyncio.gather(*asked)) == {"answered": 1, "WorkspaceUnavailable": 3}
        with pytest.raises(WorkspaceUnavailable, match="stopping"):
            await ask(gate.people)

    run(story())


def test_schema_is_one_query_for_everybody_and_renewed_by_background_work() -> None:
    async def story() -> None:
        upstream = Upstream()
        gate = gate_of(upstream, QueryLimits())
        await asyncio.gather(*(gate.people.schema() for _ in range(200)))
        await gate.background.schema()
        assert upstream.asked == ["schema"]
        await asyncio.sleep(4000)
        await gate.people.schema()
        assert upstream.asked == ["schema"]
        upstream.failing = lambda: WorkspaceUnavailable("Away.")
        await gate.background.schema()
        assert upstream.asked == ["schema"] * 2

    run(story())


def test_queries_for_the_schema_are_told_with_their_outcome() -> None:
    async def story() -> None:
        upstream, told = Upstream(), list[tuple[str, float, int]]()
        gate = Gate(
            upstream,
            QueryLimits(at_once=1, length=0),
            monotonic=now,
            observe_schema=lambda *observed: told.append(observed),
        )
        with pytest.raises(Overloaded):
            await gate.people.schema()
        assert told == []
        gate = Gate(
            upstream,
            QueryLimits(),
            monotonic=now,
            observe_schema=lambda *observed: told.append(observed),
        )
        upstream.failing = failing_times(1, lambda: WorkspaceUnavailable("Away."))
        with pytest.raises(WorkspaceUnavailable):
            await gate.people.schema()
        await asyncio.gather(*(gate.people.schema() for _ in range(9)))
        assert told == [("WorkspaceUnavailable", 1.0, 0), ("success", 1.0, len(COLUMNS))]

    run(story())


def test_schema_that_could_not_be_renewed_is_asked_for_again_soon() -> None:
    async def story() -> None:
        upstream = Upstream()
        gate = gate_of(upstream, QueryLimits())
        await gate.background.schema()
        await asyncio.sleep(4000)
        upstream.failing = failing_times(1, lambda: WorkspaceUnavailable("Away."))
        await gate.background.schema()
        await gate.background.schema()
        assert upstream.asked == ["schema"] * 2
        await asyncio.sleep(61)
        await gate.background.schema()
        assert upstream.asked == ["schema"] * 3

    run(story())


def test_refused_query_lets_background_work_look_at_the_schema_again() -> None:
    async def story() -> None:
        upstream = Upstream()
        gate = gate_of(upstream, QueryLimits())
        await gate.background.schema()
        upstream.failing = failing_times(1, lambda: QueryRejected("No such column."))
        assert await outcome(ask(gate.people)) == "QueryRejected"
        await gate.people.schema()
        await gate.background.schema()
        assert upstream.asked == ["schema", "0", "schema"]

    run(story())


def test_known_schema_is_not_asked_for_while_the_breaker_is_open() -> None:
    async def story() -> None:
        upstream = Upstream()
        gate = gate_of(upstream, QueryLimits(breaks_after=1))
        await gate.background.schema()
        upstream.failing = lambda: WorkspaceUnavailable("Away.")
        assert await outcome(ask(gate.people)) == "WorkspaceUnavailable"
        await asyncio.sleep(4000)
        await gate.background.schema()
        assert upstream.asked[:2] == ["schema", "0"]
        assert upstream.asked.count("schema") == 1

    run(story())


def test_schema_that_can_not_be_had_fails_all_who_wait_together() -> None:
    async def story() -> None:
        upstream = Upstream()
        upstream.works = 8.0
        upstream.failing = lambda: WorkspaceUnavailable("Away.")
        gate, start = gate_of(upstream, QueryLimits()), now()
        asked = [gate.people.schema() for _ in range(50)]
        assert await outcomes(asked) == {"WorkspaceUnavailable": 50}
        assert now() - start == 8

    run(story())


def test_views_are_the_workspace_but_for_its_queries() -> None:
    async def story() -> None:
        upstream = Upstream()
        for entrance in (
            gate_of(upstream, QueryLimits()).people,
            gate_of(upstream, QueryLimits()).background,
        ):
            assert (entrance.identity, entrance.metered) == ("upstream", True)
            assert entrance.arrival_uncertainty == upstream.arrival_uncertainty

    run(story())
