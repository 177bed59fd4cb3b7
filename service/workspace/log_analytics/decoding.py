"""An answer's body to typed rows, piece by piece as it comes in.

Parsing all of a large body in one call would hold the interpreter lock, and with it the event loop,
for seconds, whichever thread it is done in. So rows are parsed a slice at a time. Where a slice may
end is guessed, and known to be right when the slice parses: text that begins at a row's start is an
array of rows only if it ends at a row's end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from typing import Any

import orjson

from service.workspace.errors import AnswerUnreadable
from service.workspace.log_analytics.values import KQL_TYPES, READERS
from service.workspace.protocol import Column

Values = tuple[Any, ...]

SLICE = 1 << 17
"""Bytes that are parsed in one call: under a millisecond."""

_GUESSES = 8
_HEAD_WITHIN = 1 << 20

_ROWS = re.compile(rb'"columns"\s*:\s*(\[[^\[\]]*\])\s*,\s*"rows"\s*:\s*\[')
_BETWEEN_ROWS = re.compile(rb"\]\s{0,16},\s{0,16}\Z")


@dataclass(frozen=True)
class Decoded:
    """A table as it came. `error` is the API's error object where the answer is not whole;
    `elapsed` is the time in the workspace, where it said so."""

    columns: tuple[Column, ...]
    rows: list[Values]
    elapsed: timedelta | None = None
    error: dict[str, Any] = field(default_factory=dict)


class Decoder:
    """Takes the bytes of one answer in order; `feed` and `finish` are for a thread.

    Both raise `AnswerUnreadable` for what is no answer of the query API.
    """

    def __init__(self, slice_bytes: int = SLICE) -> None:
        self._slice = self._reach = slice_bytes
        self._head = b""
        self._rest = b""
        self._wire: list[dict[str, str]] = []
        self._rows: list[Values] = []

    def feed(self, data: bytes) -> None:
        """The next bytes of the body."""
        self._rest += data
        try:
            if self._head or self._find_rows():
                self._take_slices()
        except (ValueError, TypeError, LookupError, AttributeError):
            raise _unreadable() from None

    def finish(self) -> Decoded:
        """The whole table, when all bytes have come."""
        try:
            return self._finished()
        except (ValueError, TypeError, LookupError, AttributeError):
            raise _unreadable() from None

    def _find_rows(self) -> bool:
        match = _ROWS.search(self._rest, 0, _HEAD_WITHIN)
        if match is None:
            return False
        self._wire = orjson.loads(match[1])
        self._head, self._rest = self._rest[: match.end()], self._rest[match.end() :]
        return True

    def _take_slices(self) -> None:
        at = 0
        while len(self._rest) - at > self._reach:
            piece = self._rest[at : at + self._reach]
            for end, following in islice(_row_ends(piece), _GUESSES):
                try:
                    rows = orjson.loads(b"[%b]" % piece[:end])
                except orjson.JSONDecodeError:
                    continue
                self._rows += _typed(rows, self._wire)
                at += following
                self._reach = self._slice
                break
            else:  # One row is longer than this, or the rows have ended and the rest is long.
                self._reach *= 2
        self._rest = self._rest[at:]

    def _finished(self) -> Decoded:
        answer = orjson.loads(self._head + self._rest)
        error = answer.get("error") or {}
        tables = answer.get("tables")
        if not tables:
            if error:
                return Decoded((), [], None, error)
            raise _unreadable()
        table = tables[0]
        wire = table["columns"]
        self._rows += _typed(table["rows"], wire)
        columns = tuple(
            Column(each["name"], KQL_TYPES.get(each["type"], "string")) for each in wire
        )
        seconds = ((answer.get("statistics") or {}).get("query") or {}).get("executionTime")
        elapsed = None if seconds is None else timedelta(seconds=float(seconds))
        return Decoded(columns, self._rows, elapsed, error)


def _typed(rows: list[list[Any]], wire: list[dict[str, str]]) -> Iterator[Values]:
    """The rows with every value as its column's type has it."""
    readers = [
        (place, reader)
        for place, column in enumerate(wire)
        if (reader := READERS.get(column["type"]))
    ]
    for row in rows:
        if len(row) != len(wire):
            raise ValueError("a row of another length than the columns")
        for place, reader in readers:
            if (value := row[place]) is not None:
                row[place] = reader(value)
        yield tuple(row)


def _row_ends(piece: bytes) -> Iterator[tuple[int, int]]:
    """Where a row may end and the next begin, most likely places first.

    The piece begins outside any string; that is needed only where the first guess is wrong.
    """
    if (guess := piece.rfind(b"],[")) > 0:
        yield guess + 1, guess + 2
    plain = piece.replace(rb"\\", b"__").replace(rb"\"", b"__")
    at = plain.rfind(b"[")
    while at > 0:
        if plain.count(b'"', 0, at) % 2:  # in a string: on before it
            at = plain.rfind(b'"', 0, at)
        elif match := _BETWEEN_ROWS.search(plain, max(0, at - 34), at):
            yield match.start() + 1, at
        at = plain.rfind(b"[", 0, at)


def _unreadable() -> AnswerUnreadable:
    return AnswerUnreadable(
        "What answered for Log Analytics sent something that is not an answer of its query API; "
        "check the endpoint, and any proxy on the way to it."
    )
