"""A figure: two sides measured alternately in one run, their ratio, and what it should be."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Literal


@dataclass(frozen=True)
class Aim:
    """What a value should be: `at least` or `at most` so much."""

    bound: Literal["at least", "at most"]
    value: float

    def met_by(self, value: float) -> bool:
        return value >= self.value if self.bound == "at least" else value <= self.value


@dataclass(frozen=True)
class Figure:
    """One line of the table. `unit` is empty for a ratio; `notes` are the two sides as measured."""

    name: str
    what: str
    against: str
    value: float
    aim: Aim
    notes: str
    unit: str = ""

    @property
    def met(self) -> bool:
        return self.aim.met_by(self.value)


@dataclass(frozen=True)
class Sides:
    """Seconds of two sides, and the middle one of the ratios of their rounds."""

    first: float
    second: float
    ratio: float


def in_turns(first: Callable[[], object], second: Callable[[], object], rounds: int) -> Sides:
    """Times both sides in every round, so that what else the machine does meets both.

    The ratio is that of the middle round, not of the best times: the shorter side would find a
    quiet moment more easily.
    """
    times = [(_seconds(first), _seconds(second)) for _ in range(rounds)]
    return Sides(
        median(one for one, _ in times),
        median(other for _, other in times),
        median(one / other for one, other in times),
    )


def _seconds(side: Callable[[], object]) -> float:
    gc.collect()
    started = time.perf_counter()
    side()
    return time.perf_counter() - started
