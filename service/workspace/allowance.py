"""What a workspace allows: so many queries in any span of time, and none while it says so."""

from __future__ import annotations

from collections import deque

_MARGIN = 0.1
"""Seconds by which a period is taken to be longer: two clocks never run quite alike."""


class Budget:
    """At most so many queries in any `period` seconds, as the workspace sees them arrive.

    A query arrives there at some moment between its begin and its end, so it counts while it runs
    and for a whole period after: no delay on the way can bring one too many into a period.
    """

    def __init__(self, queries: int | None, period: float) -> None:
        self._queries = queries
        self._period = period + _MARGIN
        self._running = 0
        self._ended: deque[float] = deque()

    def opens(self, now: float) -> float:
        """When the next query may begin: `now` if it may, or if no clock can tell."""
        if self._queries is None or self._counted(now) < self._queries or not self._ended:
            return now
        return self._ended[0] + self._period

    def free(self, now: float) -> bool:
        return self._queries is None or self._counted(now) < self._queries

    def begin(self) -> None:
        self._running += 1

    def give_back(self) -> None:
        """The query was not sent after all."""
        self._running -= 1

    def end(self, now: float) -> None:
        self._running -= 1
        if self._queries is not None:
            self._ended.append(now)

    def _counted(self, now: float) -> int:
        while self._ended and self._ended[0] + self._period <= now:
            self._ended.popleft()
        return self._running + len(self._ended)


class Throttle:
    """Closed while the workspace has told to wait; knows for how many seconds it ever was."""

    def __init__(self) -> None:
        self._since = 0.0
        self._past = 0.0
        self.until = 0.0

    def close(self, now: float, seconds: float) -> None:
        """Closes for so long from now on; never shortens what was told before."""
        if now >= self.until:
            self._past = self.total(now)
            self._since = self.until = now
        self.until = max(self.until, now + seconds)

    def left(self, now: float) -> float:
        """Seconds until it opens, 0 while it is open."""
        return max(0.0, self.until - now)

    def total(self, now: float) -> float:
        """Seconds that it was closed, up to now."""
        return self._past + min(now, self.until) - self._since
