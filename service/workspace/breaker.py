"""Leaves a dead workspace alone, and finds out gently when it is back.

closed     queries go on; failures in a row open it, and so does silence
open       nobody asks; when the time has come that was told, the gate sends a probe
probing    that query is under way: an answer closes it, a failure makes the next pause longer
"""

from __future__ import annotations

from collections.abc import Callable

_FIRST_PAUSE = 5.0

_TOO_SLOW = 3
"""Different queries that time out in a row before the workspace is taken for dead. One alone may be
too heavy, however often it is asked."""


class Breaker:
    """Counts failures in a row; `failures` of them open it, `None` never does.

    Any answer counts as life, a refusal too. Pauses double up to `longest_pause` seconds and vary
    by up to half, so that replicas do not come all at once; `random` gives 0 to 1.
    """

    def __init__(
        self, failures: int | None, *, longest_pause: float, random: Callable[[], float]
    ) -> None:
        self._threshold = failures
        self._longest_pause = longest_pause
        self._random = random
        self._failures = 0
        self._too_slow: set[str] = set()
        self._pause = 0.0
        self.next_probe = 0.0
        """When the next probe may begin, or when the one under way is given up."""
        self.why: str | None = None
        """While it is open: the last failure."""

    @property
    def open(self) -> bool:
        return self.why is not None

    def left(self, now: float) -> float:
        """Seconds until more is known, 0 while it is closed."""
        return max(0.0, self.next_probe - now) if self.open else 0.0

    def answered(self) -> None:
        self._failures, self._pause, self.why = 0, 0.0, None
        self._too_slow.clear()

    def failed(self) -> bool:
        """Whether this failure is one too many."""
        self._failures += 1
        return self._too_many()

    def timed_out(self, query: str) -> bool:
        """Whether this query, which took too long, is one too many."""
        self._too_slow.add(query)
        return self._too_many()

    def trip(self, now: float, why: str) -> None:
        """Opens it, or lengthens the pause of one that is open."""
        first = min(_FIRST_PAUSE, self._longest_pause)
        self._pause = min(self._pause * 2, self._longest_pause) if self._pause else first
        self.next_probe = now + self._pause * (0.5 + self._random() / 2)
        self.why = why

    def _too_many(self) -> bool:
        if self._threshold is None:
            return False
        slow = len(self._too_slow)
        return slow >= _TOO_SLOW or self._failures + slow >= self._threshold
