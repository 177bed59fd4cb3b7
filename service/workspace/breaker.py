"""Leaves a dead workspace alone, and finds out gently when it is back.

closed     queries go on; too many failures in a row open it
open       nobody asks; after a pause, one query of the background tries
probing    that query is under way: an answer closes it, a failure makes the next pause longer
"""

from __future__ import annotations

from collections.abc import Callable

_FIRST_PAUSE = 5.0


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
        self._pause = 0.0
        self._next_probe = 0.0
        self._probing = False
        self.why: str | None = None
        """While it is open: the last failure."""

    @property
    def open(self) -> bool:
        return self.why is not None

    def left(self, now: float) -> float:
        """Seconds until the next probe may begin, 0 while it is closed."""
        return max(0.0, self._next_probe - now) if self.open else 0.0

    def may_probe(self, now: float) -> bool:
        return self.open and not self._probing and now >= self._next_probe

    def begin_probe(self) -> None:
        self._probing = True

    def end_probe(self) -> None:
        """The probe has ended, with whatever was told, or without a word if it was given up."""
        self._probing = False

    def answered(self) -> None:
        self._failures, self._pause, self.why = 0, 0.0, None

    def failed(self, now: float, why: str, *, probe: bool) -> bool:
        """Whether this failure opened it. Of those under way when it opens, none counts again."""
        self._failures += 1
        if self._threshold is None or self._failures < self._threshold:
            return False
        if self.open and not probe:
            return False
        opened = not self.open
        self.why = why
        first = min(_FIRST_PAUSE, self._longest_pause)
        self._pause = min(self._pause * 2, self._longest_pause) if self._pause else first
        self._next_probe = now + self._pause * (0.5 + self._random() / 2)
        return opened
