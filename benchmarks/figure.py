"""A figure: two sides measured alternately in one run, their ratio, and what it should be."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Literal

_LINE = "{:28} {:>9}  {:14} {:5} {}\n"
HEADING = _LINE.format("what", "value", "aim", "met", "both sides")


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

    def __str__(self) -> str:
        value = f"{self.value:.2f}" if not self.unit else f"{self.value:.1f} {self.unit}"
        aim = f"{self.aim.bound} {self.aim.value:.3g}"
        sides = f"{self.what} against {self.against}: {self.notes}"
        return _LINE.format(self.name, value, aim, "yes" if self.met else "NO", sides)


@dataclass(frozen=True)
class Sides:
    """Seconds of two sides, and the middle one of the ratios of their rounds."""

    first: float
    second: float
    ratio: float


def in_turns(
    first: Callable[[], object],
    second: Callable[[], object],
    rounds: int,
    *,
    prepare: Callable[[], object] = lambda: None,
) -> Sides:
    """Times both sides in every round, so that what else the machine does meets both.

    `prepare` goes before each round and is not timed. The ratio is that of the middle round, not of
    the best times: the shorter side would find a quiet moment more easily.
    """
    times = []
    for _ in range(rounds):
        prepare()
        times.append((_seconds(first), _seconds(second)))
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
