"""Single flight: whoever asks while the same answer is being made waits for that one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

Value = TypeVar("Value")


@dataclass
class _Flight(Generic[Value]):
    task: asyncio.Task[Value]
    waiting: int = 0


class Flights(Generic[Value]):
    """At most one computation per key at a time.

    A caller that leaves does not stop the flight for the others; when the last one has left, the
    flight is cancelled, because nobody wants its answer any more.
    """

    def __init__(self) -> None:
        self._flights: dict[Hashable, _Flight[Value]] = {}

    def __contains__(self, key: Hashable) -> bool:
        return key in self._flights

    async def join(self, key: Hashable, compute: Callable[[], Awaitable[Value]]) -> Value:
        """The computation's value or its error, shared by everyone who waits for this key."""
        flight = self._flights.get(key) or self._start(key, compute)
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                self._land(key, flight)
                flight.task.cancel()

    async def close(self) -> None:
        """Cancels every flight and waits until all have ended."""
        tasks = [flight.task for flight in self._flights.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, key: Hashable, compute: Callable[[], Awaitable[Value]]) -> _Flight[Value]:
        flight = self._flights[key] = _Flight(asyncio.create_task(_run(compute)))
        flight.task.add_done_callback(lambda _: self._land(key, flight))
        return flight

    def _land(self, key: Hashable, flight: _Flight[Value]) -> None:
        # A flight that was given up may land after the next one for its key has begun.
        if self._flights.get(key) is flight:
            del self._flights[key]


async def _run(compute: Callable[[], Awaitable[Value]]) -> Value:
    return await compute()
