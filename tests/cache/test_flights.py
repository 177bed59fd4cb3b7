"""Whoever asks while the same answer is being made waits for that one."""

from __future__ import annotations

import asyncio

import pytest

from service.cache.flights import Flights


class Work:
    """A computation that ends when the test says so, and counts how often it began."""

    def __init__(self) -> None:
        self.begun = 0
        self.cancelled = False
        self._end = asyncio.Event()
        self._error: Exception | None = None
        self.lets_go = asyncio.Event()
        self.lets_go.set()

    async def __call__(self) -> str:
        self.begun += 1
        try:
            await self._end.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            await self.lets_go.wait()
            raise
        if self._error:
            raise self._error
        return "answer"

    def end(self, error: Exception | None = None) -> None:
        self._error = error
        self._end.set()


async def joined(flights: Flights[str], work: Work, callers: int) -> list[asyncio.Task[str]]:
    """So many callers, all waiting."""
    tasks = [asyncio.create_task(flights.join("key", work)) for _ in range(callers)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


async def test_a_hundred_callers_cost_one_computation() -> None:
    flights, work = Flights[str](), Work()
    callers = await joined(flights, work, 100)
    assert "key" in flights
    work.end()
    assert await asyncio.gather(*callers) == ["answer"] * 100
    assert work.begun == 1
    assert "key" not in flights


async def test_next_caller_after_the_landing_computes_anew() -> None:
    flights, work = Flights[str](), Work()
    work.end()
    await flights.join("key", work)
    await flights.join("key", work)
    assert work.begun == 2


async def test_other_keys_do_not_wait() -> None:
    flights, slow, quick = Flights[str](), Work(), Work()
    waiting = await joined(flights, slow, 1)
    quick.end()
    assert await flights.join("other", quick) == "answer"
    slow.end()
    await asyncio.gather(*waiting)


async def test_caller_that_leaves_does_not_stop_the_flight() -> None:
    flights, work = Flights[str](), Work()
    first, *others = await joined(flights, work, 3)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    work.end()
    assert await asyncio.gather(*others) == ["answer"] * 2
    assert work.begun == 1


async def test_last_caller_that_leaves_stops_the_flight() -> None:
    flights, work = Flights[str](), Work()
    callers = await joined(flights, work, 3)
    for caller in callers:
        caller.cancel()
    await asyncio.wait(callers)
    await asyncio.sleep(0)
    assert work.cancelled
    assert "key" not in flights


async def test_caller_after_a_stopped_flight_starts_another_that_stays_joinable() -> None:
    flights, stopped, work = Flights[str](), Work(), Work()
    stopped.lets_go.clear()
    (caller,) = await joined(flights, stopped, 1)
    caller.cancel()
    await asyncio.wait([caller])
    callers = await joined(flights, work, 1)
    assert stopped.cancelled
    stopped.lets_go.set()
    await asyncio.sleep(0.01)
    callers += await joined(flights, work, 1)
    assert "key" in flights
    work.end()
    assert await asyncio.gather(*callers) == ["answer"] * 2
    assert work.begun == 1


async def test_error_reaches_all_and_is_not_kept() -> None:
    flights, failing, work = Flights[str](), Work(), Work()
    callers = await joined(flights, failing, 5)
    failing.end(ValueError("broken"))
    errors = await asyncio.gather(*callers, return_exceptions=True)
    assert [str(error) for error in errors] == ["broken"] * 5
    work.end()
    assert await flights.join("key", work) == "answer"


async def test_closing_stops_all_flights() -> None:
    flights, work = Flights[str](), Work()
    callers = await joined(flights, work, 2)
    await flights.close()
    assert work.cancelled
    await asyncio.wait(callers)
    assert all(caller.cancelled() for caller in callers)
