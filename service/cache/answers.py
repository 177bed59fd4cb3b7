"""Answers with their age, made once for everybody.

fresh      younger than `fresh_for`             served
ageing     younger than `stale_for`             served, while one refresh runs behind it
too old    younger than `stale_if_error` says   callers wait for the refresh, but not long: then
                                                it is served as stale while the refresh goes on
older      or none                              callers wait for the refresh
failing    the refresh failed, not fresh for    served as stale, with the reason; the next refresh
           less than `stale_if_error`           waits a little, and longer each time
rejected   asking again cannot help             the refusal is repeated for a growing time
not whole  rows are missing                     served as it is for a growing time, never as stale
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Generic, Literal, TypeVar

from cachetools import LRUCache, TTLCache

from service.cache.flights import Delayed, Flights

log = logging.getLogger(__name__)

Value = TypeVar("Value")
Outcome = Literal["hit", "miss", "stale", "joined"]

_FIRST_WAIT = 5.0
_LONGEST_WAIT_OF_FAILURES = 60.0
_LONGEST_WAIT_OF_REJECTIONS = 300.0


@dataclass(frozen=True)
class Policy:
    """How long an answer may be used, in seconds.

    `stale_if_error` begins when it is not fresh any more, as in RFC 5861: what was fresh when the
    workspace failed lasts that long.
    """

    fresh_for: float = 300.0
    stale_for: float = 900.0
    stale_if_error: float = 3600.0
    patience: float = 5.0
    """How long a caller waits for a new answer where there is an old one."""


@dataclass(frozen=True)
class Computed(Generic[Value]):
    """What a computation hands over: its value, its size in bytes, and whether it is whole."""

    value: Value
    size: int
    complete: bool = True


@dataclass(frozen=True)
class Answer(Generic[Value]):
    """A value with its age.

    `made` is on the monotonic clock, `as_of` on the wall clock. `stale` tells why an answer past
    its time is served all the same, and is `None` while it is fresh.
    """

    value: Value
    as_of: datetime
    made: float
    fresh_for: float
    complete: bool
    stale: str | None = None


@dataclass(frozen=True)
class _Setback:
    """The last computation gave no whole answer: its error, or none if it was not complete.

    Until then nobody should try again, for that many seconds in a row.
    """

    error: Exception | None
    until: float
    wait: float


class AnswerCache(Generic[Value]):
    """Holds answers up to a number of bytes; the least recently used go first.

    An answer that is not complete is never kept as if it were, nor in the place of one that is.
    """

    def __init__(
        self,
        *,
        max_bytes: int,
        policy: Policy,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
        rejections: tuple[type[Exception], ...] = (),
        failures: tuple[type[Exception], ...] = (),
        observe: Callable[[Outcome], None] = lambda _: None,
    ) -> None:
        self._policy = policy
        self.stale_if_error = policy.stale_if_error
        self._ageing_for = policy.stale_for - policy.fresh_for
        self._now = now
        self._monotonic = monotonic
        self._rejections = rejections
        self._failures = failures
        self._observe = observe
        self._answers: LRUCache[Hashable, Computed[Answer[Value]]] = LRUCache(
            max_bytes, getsizeof=lambda held: held.size
        )
        self._flights: Flights[Answer[Value]] = Flights()
        self._refreshes: set[asyncio.Task[None]] = set()
        self._setbacks: TTLCache[Hashable, _Setback] = TTLCache(
            1024, ttl=_LONGEST_WAIT_OF_REJECTIONS * 2, timer=monotonic
        )

    async def get(
        self,
        key: Hashable,
        compute: Callable[[], Awaitable[Computed[Value]]],
        *,
        fresh_for: float | None = None,
        renew: Callable[[], Awaitable[Computed[Value]]] | None = None,
    ) -> Answer[Value]:
        """The answer for this key, from memory if it is young enough, else computed.

        `fresh_for` stands in for the policy's, for keys whose answers age otherwise; `renew` for
        `compute` where nobody waits for the answer.
        """
        held = self._answers.get(key)
        age = self._monotonic() - held.value.made if held else 0.0
        if held and age < held.value.fresh_for:
            self._observe("hit")
            return held.value
        if held and not held.value.complete:
            held = None
        setback = self._setback(key)
        if held and age < held.value.fresh_for + self._ageing_for:
            self._observe("stale")
            if not setback and key not in self._flights:
                self._refresh(key, renew or compute, fresh_for)
            return held.value
        if setback and isinstance(setback.error, self._rejections):
            self._observe("hit")
            # Raised again and again, its traceback would grow.
            raise setback.error.with_traceback(None)
        lasts = held and age < held.value.fresh_for + self.stale_if_error
        if not (held and lasts):
            self._observe("joined" if key in self._flights else "miss")
            return await self._flights.join(key, lambda: self._compute(key, compute, fresh_for))
        failed = self._setbacks.get(key)
        if failed and isinstance(failed.error, self._failures):
            # It may still fail, or take long to: nobody waits to find out.
            self._observe("stale")
            if not setback and key not in self._flights:
                self._refresh(key, renew or compute, fresh_for)
            return replace(held.value, stale=str(failed.error))
        self._observe("joined" if key in self._flights else "miss")
        patience = self._policy.patience
        try:
            return await self._flights.join(
                key, lambda: self._compute(key, compute, fresh_for), patience=patience
            )
        except Delayed:
            late = f"The workspace has not answered within {patience:g} s; it is still being asked."
            return replace(held.value, stale=late)
        except self._failures as error:
            return replace(held.value, stale=str(error))

    def kept(self, key: Hashable, stale: str) -> Answer[Value] | None:
        """The whole answer that is held for this key, if it is within bounds, as stale for this
        reason; nothing is computed."""
        held = self._answers.get(key)
        if held is None or not held.value.complete:
            return None
        if self._monotonic() - held.value.made >= held.value.fresh_for + self.stale_if_error:
            return None
        self._observe("stale")
        return replace(held.value, stale=stale)

    async def close(self) -> None:
        for task in self._refreshes:
            task.cancel()
        await asyncio.gather(*self._refreshes, return_exceptions=True)
        await self._flights.close()

    def _refresh(
        self,
        key: Hashable,
        compute: Callable[[], Awaitable[Computed[Value]]],
        fresh_for: float | None,
    ) -> None:
        task = asyncio.create_task(self._refresh_quietly(key, compute, fresh_for))
        self._refreshes.add(task)
        task.add_done_callback(self._refreshes.discard)

    async def _refresh_quietly(
        self,
        key: Hashable,
        compute: Callable[[], Awaitable[Computed[Value]]],
        fresh_for: float | None,
    ) -> None:
        try:
            await self._flights.join(key, lambda: self._compute(key, compute, fresh_for))
        except (*self._failures, *self._rejections) as error:
            # The next caller sees why the answer is old; nobody waits for this refresh.
            if held := self._answers.get(key):
                self._answers[key] = replace(held, value=replace(held.value, stale=str(error)))
        except Exception:
            log.exception("an answer could not be made anew")

    async def _compute(
        self,
        key: Hashable,
        compute: Callable[[], Awaitable[Computed[Value]]],
        fresh_for: float | None,
    ) -> Answer[Value]:
        as_of, made = self._now(), self._monotonic()
        try:
            computed = await compute()
        except Exception as error:
            self._set_back(key, error)
            raise
        if computed.complete:
            self._setbacks.pop(key, None)
            fresh = self._policy.fresh_for if fresh_for is None else fresh_for
        else:
            fresh = self._monotonic() - made + self._set_back(key, None)
        answer = Answer(computed.value, as_of, made, fresh, computed.complete)
        fits = computed.size <= self._answers.maxsize
        if fits and (computed.complete or not self._serves_whole(key)):
            self._answers[key] = Computed(answer, computed.size)
        return answer

    def _serves_whole(self, key: Hashable) -> bool:
        held = self._answers.get(key)
        if held is None or not held.value.complete:
            return False
        return self._monotonic() - held.value.made < held.value.fresh_for + self._ageing_for

    def _setback(self, key: Hashable) -> _Setback | None:
        """The last setback, while its time lasts."""
        setback = self._setbacks.get(key)
        return setback if setback and self._monotonic() < setback.until else None

    def _set_back(self, key: Hashable, error: Exception | None) -> float:
        """For how many seconds nobody should try again."""
        rejected = isinstance(error, self._rejections)
        longest = _LONGEST_WAIT_OF_REJECTIONS if rejected else _LONGEST_WAIT_OF_FAILURES
        earlier = self._setbacks.get(key)
        wait = min(earlier.wait * 2 if earlier else _FIRST_WAIT, longest)
        self._setbacks[key] = _Setback(error, self._monotonic() + wait, wait)
        return wait
