"""A dead workspace is left alone, and nobody has to ask to find out that it is back."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.workspace.errors import (
    QueryRejected,
    WorkspaceAccessDenied,
    WorkspaceDisturbed,
    WorkspaceError,
    WorkspaceThrottled,
    WorkspaceTimeout,
    WorkspaceUnanswered,
    WorkspaceUnavailable,
)
from service.workspace.gate import Gate
from service.workspace.limits import QueryLimits
from tests.virtual_time import run
from tests.workspace.upstream import ANSWER, Upstream, ask, gate_of

LIMITS = QueryLimits(breaks_after=5, longest_pause=60)


def away() -> WorkspaceUnavailable:
    return WorkspaceUnavailable("Away.")


async def broken(upstream: Upstream, chance: float = 0.5) -> Gate:
    """A gate whose breaker has just opened."""
    upstream.failing = away
    gate = gate_of(upstream, LIMITS, chance)
    for _ in range(5):
        with pytest.raises(WorkspaceUnavailable, match=r"Away\."):
            await ask(gate.people)
    assert gate.left_alone == "Away."
    upstream.arrivals.clear()
    return gate


def test_open_breaker_tells_everybody_at_once_and_asks_nobody() -> None:
    async def story() -> None:
        upstream = Upstream()
        gate = await broken(upstream)
        start = asyncio.get_running_loop().time()
        for entrance in (gate.people, gate.background):
            with pytest.raises(WorkspaceUnavailable, match="tried again in 4 s") as caught:
                await ask(entrance)
            assert caught.value.retry_after == 4
            assert "Away." in str(caught.value)
        assert asyncio.get_running_loop().time() == start
        assert upstream.arrivals == []

    run(story())


def test_callers_that_wait_when_it_opens_are_told_at_once() -> None:
    async def story() -> None:
        upstream = Upstream()
        upstream.failing = away
        gate = gate_of(upstream, QueryLimits(at_once=1, wait=1000, background_wait=1000))
        entrances = [gate.people, gate.background] * 50
        errors = await asyncio.gather(*map(ask, entrances), return_exceptions=True)
        assert {type(error) for error in errors} == {WorkspaceUnavailable}
        assert len(upstream.arrivals) == 5

    run(story())


@pytest.mark.parametrize("error", [QueryRejected, WorkspaceAccessDenied, WorkspaceThrottled, None])
def test_any_answer_is_life_whatever_it_says(error: type[WorkspaceError] | None) -> None:
    async def story() -> None:
        upstream = Upstream()
        gate = gate_of(upstream, QueryLimits(budget=None, wait=0.5))
        for _ in range(5):
            for failing in [*[WorkspaceUnavailable] * 4, error]:
                upstream.failing = lambda kind=failing: kind and kind("So it is.")  # type: ignore[misc]
                await asyncio.gather(ask(gate.people), return_exceptions=True)
                await asyncio.sleep(20)
        assert gate.left_alone is None
        assert len(upstream.arrivals) == 25

    run(story())


@pytest.mark.parametrize("kind", [WorkspaceUnavailable, WorkspaceDisturbed])
def test_what_counts_as_dead_does_so_five_times_in_a_row(
    kind: Callable[[str], WorkspaceError],
) -> None:
    async def story() -> None:
        upstream = Upstream()
        gate = gate_of(upstream, QueryLimits(budget=None))
        upstream.failing = lambda: kind("So it is.")
        while gate.left_alone is None:
            await asyncio.gather(ask(gate.people), return_exceptions=True)
        assert len(upstream.arrivals) == 5

    run(story())


def test_different_queries_that_time_out_count_as_dead_sooner() -> None:
    async def story() -> None:
        upstream = Upstream()
        upstream.failing = lambda: WorkspaceTimeout("Too slow.")
        gate = gate_of(upstream, LIMITS)
        for number in range(3):
            assert gate.left_alone is None
            await asyncio.gather(ask(gate.people, number), return_exceptions=True)
        assert gate.left_alone == "Too slow."

    run(story())


def test_one_query_that_is_too_heavy_locks_nobody_out() -> None:
    async def story() -> None:
        upstream = Upstream()
        gate = gate_of(upstream, LIMITS)
        for works in [1000.0] * 12:
            upstream.works = works
            heavy = asyncio.create_task(ask(gate.people, 1))
            await asyncio.sleep(0)
            upstream.works = 0.1
            with pytest.raises(WorkspaceTimeout):
                await heavy
        assert gate.left_alone is None
        assert await ask(gate.people, 2) is ANSWER

    run(story())


def test_probe_comes_at_the_time_told_and_nobody_has_to_ask() -> None:
    async def story() -> None:
        upstream, start = Upstream(), asyncio.get_running_loop().time
        gate = await broken(upstream)
        opened = start()
        with pytest.raises(WorkspaceUnavailable) as caught:
            await ask(gate.people)
        upstream.failing = lambda: None
        await asyncio.sleep(caught.value.retry_after + upstream.works)
        assert upstream.arrivals == [opened + 3.75]
        assert gate.left_alone is None
        assert await ask(gate.people) is ANSWER

    run(story())


def test_recovery_wakes_who_waits_for_it() -> None:
    async def story() -> None:
        upstream = Upstream()
        gate = await broken(upstream)
        waiting = asyncio.create_task(gate.recovered())
        await asyncio.sleep(20)
        assert not waiting.done()
        upstream.failing = lambda: None
        await asyncio.sleep(20)
        assert waiting.done()

    run(story())


def test_one_probe_at_a_time_and_nobody_waits_for_it() -> None:
    async def story() -> None:
        upstream = Upstream()
        gate = await broken(upstream)
        upstream.works = 50.0
        await asyncio.sleep(5)
        start = asyncio.get_running_loop().time()
        for entrance in (gate.people, gate.background):
            with pytest.raises(WorkspaceUnavailable, match="left alone") as caught:
                await ask(entrance)
            # Until then the probe has answered, or the next pause has begun.
            assert caught.value.retry_after == 9
        assert asyncio.get_running_loop().time() == start
        assert (upstream.there, len(upstream.arrivals)) == (1, 1)
        await asyncio.sleep(9)
        assert (upstream.there, len(upstream.arrivals)) == (0, 1)

    run(story())


def test_closing_ends_a_probe() -> None:
    async def story() -> None:
        upstream = Upstream()
        gate = await broken(upstream)
        upstream.works = 5.0
        await asyncio.sleep(5)
        assert upstream.there == 1
        await gate.close()
        assert (upstream.there, upstream.given_up) == (0, 1)
        await asyncio.sleep(1000)
        assert len(upstream.arrivals) == 1
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(story())


@pytest.mark.parametrize(
    ("chance", "pauses"),
    [(1.0, [5, 10, 20, 40, 60, 60, 60]), (0.0, [2.5, 5, 10, 20, 30, 30, 30])],
)
def test_pauses_between_probes_grow_up_to_a_bound(chance: float, pauses: list[float]) -> None:
    async def story() -> list[float]:
        upstream = Upstream()
        await broken(upstream, chance)
        upstream.works = 0.0
        ended = [asyncio.get_running_loop().time()]
        await asyncio.sleep(sum(pauses) + 1)
        ended += upstream.arrivals
        return [later - earlier for earlier, later in itertools.pairwise(ended)]

    assert run(story()) == pauses


def test_silent_workspace_is_left_alone_and_nobody_waits_any_longer() -> None:
    async def story() -> None:
        upstream, loop = Upstream(), asyncio.get_running_loop()
        upstream.works = 1e6
        gate, start = gate_of(upstream, LIMITS), loop.time()
        asked = [asyncio.create_task(ask(gate.people, number)) for number in range(2)]
        asked += [asyncio.create_task(ask(gate.background, 2))]
        errors = await asyncio.gather(*asked, return_exceptions=True)
        assert {type(error) for error in errors} == {WorkspaceUnavailable}
        assert "not even what time it is" in str(errors[0])
        # Silent for ten seconds, and no sign of life within ten more.
        assert loop.time() - start == 20
        with pytest.raises(WorkspaceUnavailable, match="left alone"):
            await ask(gate.people)
        assert loop.time() - start == 20

    run(story())


def test_nobody_waits_behind_queries_that_fill_every_place_and_are_not_answered() -> None:
    async def story() -> None:
        upstream, loop = Upstream(), asyncio.get_running_loop()
        upstream.works = 1e6
        gate = gate_of(upstream, LIMITS)
        waits: list[float] = []

        async def come(number: int) -> None:
            came = loop.time()
            with pytest.raises(WorkspaceUnanswered):
                await ask(gate.people, number)
            waits.append(loop.time() - came)

        asked = []
        for number in range(300):
            asked.append(asyncio.create_task(come(number)))
            await asyncio.sleep(0.5)
            assert gate.waiting <= 20
        await asyncio.gather(*asked)
        assert max(waits) <= 60 + LIMITS.wait
        assert upstream.there <= 1  # none is left running but a probe
        # But for those that were sent, and those who came before it was known.
        assert sum(wait > 0 for wait in waits) <= 4 + 20
        assert gate.left_alone

    run(story())


def test_slow_workspace_that_gives_a_sign_of_life_is_not_left_alone() -> None:
    async def story() -> None:
        upstream = Upstream()
        upstream.works = 50.0
        gate = gate_of(upstream, LIMITS)
        asked = asyncio.create_task(ask(gate.people))
        await asyncio.sleep(0)
        upstream.works = 1.0
        assert await asked is ANSWER
        assert gate.left_alone is None
        assert 1 < len(upstream.arrivals) <= 6

    run(story())


def test_columns_that_do_not_come_count_as_a_failure_and_hold_nobody_long() -> None:
    async def story() -> None:
        upstream, loop = Upstream(), asyncio.get_running_loop()
        upstream.works = 1e6
        gate, start = (
            gate_of(upstream, QueryLimits(schema_within=6.0, silent_after=5.0)),
            loop.time(),
        )
        with pytest.raises(WorkspaceTimeout, match="columns"):
            await gate.people.schema()
        assert loop.time() - start == 6
        await asyncio.sleep(5)
        assert gate.left_alone
        before = loop.time()
        with pytest.raises(WorkspaceUnavailable):
            await gate.people.schema()
        assert loop.time() == before

    run(story())


@settings(deadline=None, max_examples=15)
@given(
    hours=st.sampled_from([0.1, 1.0, 6.0]),
    callers=st.integers(1, 30),
    chance=st.floats(0, 1),
    works=st.sampled_from([0.01, 1.0, 60.0]),
)
def test_however_long_it_is_away_it_is_asked_little_and_found_back_within_a_minute(
    hours: float, callers: int, chance: float, works: float
) -> None:
    """Whether or not anybody asks meanwhile."""

    async def story() -> None:
        upstream, loop = Upstream(), asyncio.get_running_loop()
        gate = await broken(upstream, chance)
        upstream.works = works
        end = loop.time() + hours * 3600
        while loop.time() < end:
            at = loop.time()
            errors = await asyncio.gather(
                *(ask(gate.people) for _ in range(callers)), return_exceptions=True
            )
            assert all(isinstance(error, WorkspaceUnavailable) for error in errors)
            assert (loop.time(), gate.waiting) == (at, 0)
            await asyncio.sleep(97)
        assert 1 <= len(upstream.arrivals) <= 6 + hours * 3600 / 30
        assert upstream.most == 1
        upstream.works, upstream.failing = 0.01, lambda: None
        await asyncio.sleep(61 + 10)
        assert await ask(gate.people) is ANSWER

    run(story())
