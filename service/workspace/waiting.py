"""Who waits for a turn: people before background work, each in the order in which they came."""

from __future__ import annotations

import asyncio
from bisect import insort
from collections.abc import Iterator
from dataclasses import dataclass, field

_IN_A_ROW = 4
"""People who go before background work that waits; then it has one turn. So it gets a fifth of the
turns at worst, and with that a refresh always comes through."""


@dataclass(order=True)
class Turn:
    """A place in the line; `called` ends with the turn, or with the reason why there is none."""

    number: int
    urgent: bool = field(compare=False)
    until: float = field(compare=False)
    called: asyncio.Future[None] = field(compare=False)


class Line:
    """Turns that wait; whoever comes back with an old number stands where that number stands."""

    def __init__(self) -> None:
        self._people: list[Turn] = []
        self._background: list[Turn] = []
        self._in_a_row = 0

    def __len__(self) -> int:
        return len(self._people) + len(self._background)

    def __iter__(self) -> Iterator[Turn]:
        yield from self._people
        yield from self._background

    def waiting(self, *, urgent: bool) -> int:
        return len(self._of(urgent))

    def join(self, turn: Turn) -> None:
        insort(self._of(turn.urgent), turn)

    def leave(self, turn: Turn) -> None:
        """Gives up the place; does nothing for whoever has none."""
        if turn in (line := self._of(turn.urgent)):
            line.remove(turn)

    def next(self, *, background: bool) -> Turn | None:
        """Takes out whose turn it is, `None` if nobody's; `background` says whether it may be
        background work's."""
        waits = background and bool(self._background)
        if self._people and not (waits and self._in_a_row >= _IN_A_ROW):
            self._in_a_row = self._in_a_row + 1 if self._background else 0
            return self._people.pop(0)
        if not waits:
            return None
        self._in_a_row = 0
        return self._background.pop(0)

    def _of(self, urgent: bool) -> list[Turn]:
        return self._people if urgent else self._background
