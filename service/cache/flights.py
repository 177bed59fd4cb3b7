"""Single flight: whoever asks while the same answer is being made waits for that one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Delayed(Exception):
    """The flight takes longer than its caller wanted to wait; it goes on."""


@dataclass
class _Flight(Generic[Value]):
    task: asyncio.Task[Value]
    waiting: int = 0
    delayed: bool = False


class Flights(Generic[Value]):
    """At most one computation per key at a time.

    A caller that leaves does not stop the flight for the others; when the last one has left, the
    flight is cancelled, because nobody wants its answer any more. One that has `Delayed` somebody
    goes on all the same: whoever comes next wants it.
    """

    def __init__(self) -> None:
        self._flights: dict[Hashable, _Flight[Value]] = {}

    def __contains__(self, key: Hashable) -> bool:
        return key in self._flights

    async def join(
        self,
        key: Hashable,
        compute: Callable[[], Awaitable[Value]],
        *,
        patience: float | None = None,
    ) -> Value:
        """The computation's value or its error, shared by everyone who waits for this key.

        Raises `Delayed` when neither has come after `patience` seconds, and at once for a flight
        that has delayed somebody before.
        """
        flight = self._flights.get(key) or self._start(key, compute)
        flight.waiting += 1
        try:
            if patience is not None:
                if not flight.delayed:
                    await asyncio.wait([flight.task], timeout=patience)
                if not flight.task.done():
                    flight.delayed = True
                    raise Delayed
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not (flight.waiting or flight.delayed or flight.task.done()):
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
        flight.task.add_done_callback(lambda _: self._landed(key, flight))
        return flight

    def _landed(self, key: Hashable, flight: _Flight[Value]) -> None:
        if not flight.task.cancelled():
            flight.task.exception()  # told to whoever waited, if anybody still did
        self._land(key, flight)

    def _land(self, key: Hashable, flight: _Flight[Value]) -> None:
        # A flight that was given up may land after the next one for its key has begun.
        if self._flights.get(key) is flight:
            del self._flights[key]


async def _run(compute: Callable[[], Awaitable[Value]]) -> Value:
    return await compute()
