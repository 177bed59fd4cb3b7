"""Which requests fail, and how."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tests.simulator.envelope import Table
from tests.simulator.faults import REPLIES

Place = Literal["query", "token"]
Matching = str | Callable[[str], bool]

_ON_THE_WIRE = ("cut", "drop", "hang")
_ON_THE_ANSWER = ("answer", "overflow", "slow", "too_large", "truncated")

FAULTS = frozenset((*REPLIES, *_ON_THE_WIRE, *_ON_THE_ANSWER, "invalid_client"))
"""Every fault by name.

Those of `faults.REPLIES` are fixed answers. `cut` sends `after` bytes of an answer and closes the
connection, `drop` closes it without an answer, `hang` never answers. `truncated` keeps `rows` rows
and says so in a PartialError, `too_large` does so for the limit of bytes, `overflow` gives all rows
with the PartialError of an overflow. `answer` gives `table` without asking the workspace; `slow`
only waits. `invalid_client` is for tokens.
"""


@dataclass(frozen=True)
class Fault:
    """One way to fail. It waits for `latency` seconds first."""

    name: str
    retry_after: float | str | None = None
    """The header: seconds, or a date as HTTP writes it."""
    latency: float = 0.0
    rows: int = 1
    after: int = 40
    table: Table | None = None
    """For `answer`."""


@dataclass
class Rule:
    """A fault for the next `times` requests that match, or for all until it is taken away.

    `matching` is a part of the query's text, or a function of it that a request has to satisfy.
    """

    fault: Fault
    at: Place = "query"
    times: int | None = None
    matching: Matching = ""
    probability: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.fault.name not in FAULTS:
            known = ", ".join(sorted(FAULTS))
            raise ValueError(f"there is no fault {self.fault.name}; there are {known}")
        self._random = random.Random(self.seed)

    def takes(self, text: str) -> bool:
        """Whether it is this request's turn; it counts if so."""
        matching = self.matching
        matches = matching in text if isinstance(matching, str) else matching(text)
        if not matches or self.times == 0 or self._random.random() >= self.probability:
            return False
        if self.times is not None:
            self.times -= 1
        return True


class Plan:
    """All rules, in the order in which they were given; may be changed from any thread."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []
        self._lock = threading.Lock()

    def add(self, rule: Rule) -> None:
        with self._lock:
            self._rules.append(rule)

    def clear(self) -> None:
        with self._lock:
            self._rules.clear()

    def faults(self, at: Place, text: str) -> list[Fault]:
        """What happens to this request: every `slow` whose turn it is, and at most one other."""
        slow: list[Fault] = []
        other: list[Fault] = []
        with self._lock:
            for rule in self._rules:
                faults = slow if rule.fault.name == "slow" else other
                if rule.at == at and (faults is slow or not other) and rule.takes(text):
                    faults.append(rule.fault)
            self._rules = [rule for rule in self._rules if rule.times != 0]
        return slow + other
