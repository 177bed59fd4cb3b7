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


@pytest.mark.parametrize("kind", [WorkspaceUnavailable, WorkspaceTimeout, WorkspaceDisturbed])
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


def test_person_is_never_the_probe() -> None:
    async def story() -> None:
        upstream = Upstream()
        gate = await broken(upstream)
        upstream.failing = lambda: None
        await asyncio.sleep(1000)
        with pytest.raises(WorkspaceUnavailable, match="tried again in 1 s"):
            await ask(gate.people)
        assert upstream.arrivals == []
        assert await ask(gate.background) is ANSWER
        assert await ask(gate.people) is ANSWER

    run(story())


def test_one_probe_at_a_time_and_nobody_waits_for_it() -> None:
    async def story() -> None:
        upstream = Upstream()
        gate = await broken(upstream)
        await asyncio.sleep(5)
        upstream.works = 50.0
        probe = asyncio.create_task(ask(gate.background))
        await asyncio.sleep(1)
        start = asyncio.get_running_loop().time()
        for entrance in (gate.people, gate.background):
            with pytest.raises(WorkspaceUnavailable, match="left alone"):
                await ask(entrance)
        assert asyncio.get_running_loop().time() == start
        assert len(upstream.arrivals) == 1
        with pytest.raises(WorkspaceUnavailable, match=r"Away\."):
            await probe

    run(story())


def test_probe_that_is_given_up_makes_way_for_the_next() -> None:
    async def story() -> None:
        upstream = Upstream()
        gate = await broken(upstream)
        await asyncio.sleep(5)
        probe = asyncio.create_task(ask(gate.background))
        await asyncio.sleep(0.5)
        probe.cancel()
        await asyncio.wait([probe])
        upstream.failing = lambda: None
        assert await ask(gate.background) is ANSWER

    run(story())


@pytest.mark.parametrize(
    ("chance", "pauses"),
    [(1.0, [5, 10, 20, 40, 60, 60, 60]), (0.0, [2.5, 5, 10, 20, 30, 30, 30])],
)
def test_pauses_between_probes_grow_up_to_a_bound(chance: float, pauses: list[float]) -> None:
    async def story() -> list[float]:
        upstream = Upstream()
        gate = await broken(upstream, chance)
        upstream.works = 0.0
        ended = [asyncio.get_running_loop().time()]
        while len(ended) <= len(pauses):
            before = len(upstream.arrivals)
            await asyncio.gather(ask(gate.background), return_exceptions=True)
            if len(upstream.arrivals) > before:
                ended.append(upstream.arrivals[-1])
            await asyncio.sleep(0.5)
        return [later - earlier for earlier, later in itertools.pairwise(ended)]

    assert run(story()) == pauses


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
    """Background work comes when it is told to, at the latest after a minute."""

    async def story() -> None:
        upstream, loop = Upstream(), asyncio.get_running_loop()
        gate = await broken(upstream, chance)
        upstream.works = works
        came: list[float] = []

        async def refresh() -> None:
            while True:
                try:
                    await ask(gate.background)
                    came.append(loop.time())
                    await asyncio.sleep(60)
                except WorkspaceUnavailable as error:
                    await asyncio.sleep(min(60, error.retry_after))

        refreshing = asyncio.create_task(refresh())
        end = loop.time() + hours * 3600
        while loop.time() < end:
            at = loop.time()
            errors = await asyncio.gather(
                *(ask(gate.people) for _ in range(callers)), return_exceptions=True
            )
            assert all(isinstance(error, WorkspaceUnavailable) for error in errors)
            assert (loop.time(), gate.waiting) == (at, 0)
            await asyncio.sleep(97)
        assert len(upstream.arrivals) <= 6 + hours * 3600 / 30
        assert upstream.most == 1
        upstream.works, upstream.failing = 0.01, lambda: None
        await asyncio.sleep(61 + works)
        assert came
        assert await ask(gate.people) is ANSWER
        refreshing.cancel()

    run(story())
