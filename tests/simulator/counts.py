"""What the simulator saw, and the limits that it can hold a principal to."""

from __future__ import annotations

import copy
import math
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Limits:
    """What a principal may ask; more is answered with 429. The defaults are the documented ones."""

    at_once: int = 5
    in_window: int = 200
    window: float = 30.0
    """Seconds."""


@dataclass
class Counts:
    """What happened since the start, or since the last reset.

    A query is any POST to a query address, whatever became of it. `rows_in_span` and `rows_scanned`
    are estimates of what the workspace has to read, made from the query's text: the rows of the
    table between the bounds that it sets on `TimeGenerated`, within the request's time span; the
    latter counts only those that arrived as late as `ingestion_time() > …` asks for, where a query
    asks for it. Answers from the result cache read nothing.
    """

    queries: int = 0
    running: int = 0
    max_running: int = 0
    max_in_window: int = 0
    """The most queries that began within any 30 s."""
    statuses: Counter[int] = field(default_factory=Counter)
    """Answers by status; dropped and hanging queries have none."""
    faults: Counter[str] = field(default_factory=Counter)
    over_limit: int = 0
    from_cache: int = 0
    abandoned: int = 0
    """Queries whose caller left before there was an answer."""
    rows_returned: int = 0
    rows_in_span: int = 0
    rows_scanned: int = 0
    bytes_returned: int = 0
    tokens_issued: int = 0
    tokens_refused: int = 0
    connections: int = 0
    request_ids: list[str] = field(default_factory=list)
    """`x-ms-client-request-id` of every query, in their order."""


class Meter:
    """Counts queries as they begin and end. Belongs to the server's event loop."""

    def __init__(self, monotonic: Callable[[], float], limits: Limits | None) -> None:
        self._monotonic = monotonic
        self._limits = limits
        self._window = (limits or Limits()).window
        self._begun: deque[float] = deque()
        self._principals: dict[str, _Principal] = {}
        self.counts = Counts()

    def begin(self) -> None:
        now = self._monotonic()
        counts = self.counts
        counts.queries += 1
        counts.running += 1
        counts.max_running = max(counts.max_running, counts.running)
        _slide(self._begun, now, self._window)
        counts.max_in_window = max(counts.max_in_window, len(self._begun))

    def end(self) -> None:
        self.counts.running -= 1

    def admit(self, principal: str) -> int | None:
        """Takes a place for a query of the principal; seconds to wait if there is none."""
        if self._limits is None:
            return None
        state = self._principals.setdefault(principal, _Principal())
        now = self._monotonic()
        while state.begun and state.begun[0] <= now - self._limits.window:
            state.begun.popleft()
        if len(state.begun) >= self._limits.in_window:
            return max(1, math.ceil(state.begun[0] + self._limits.window - now))
        if state.running >= self._limits.at_once:
            return 1
        state.begun.append(now)
        state.running += 1
        return None

    def leave(self, principal: str) -> None:
        """Gives back the place that `admit` took."""
        if self._limits is not None:
            self._principals[principal].running -= 1

    def snapshot(self) -> Counts:
        return copy.deepcopy(self.counts)

    def reset(self) -> None:
        """Counts from nothing, but for the queries that are running."""
        self.counts = Counts(running=self.counts.running, max_running=self.counts.running)
        self._begun.clear()


@dataclass
class _Principal:
    begun: deque[float] = field(default_factory=deque)
    running: int = 0


def _slide(begun: deque[float], now: float, window: float) -> None:
    begun.append(now)
    while begun[0] <= now - window:
        begun.popleft()
