"""Cuts a JSON document into its records while it is read, without decoding it.

A Graph page or an array of records may be far bigger than memory should be, so records are found
by their braces: outside of strings, as whole objects at the top, in an array at the top, or in the
list that a page (`value`) or an Event Hub message (`records`) wraps.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.records.problems import FileError

_WRAPPER = re.compile(rb'"(?:value|records)"\s*:\s*$', re.IGNORECASE)
_WRAPPER_REACH = 64
_LONGEST_RECORD = 256 << 20
_DEEPEST = 4  # a record in the list of a page in a list

_STEPS = np.zeros(256, dtype=np.int8)
_STEPS[[ord("{"), ord("[")]] = 1
_STEPS[[ord("}"), ord("]")]] = -1
_BLANKS = b" \t\r\n,"


@dataclass(frozen=True)
class Piece:
    """A record's text and the line it begins on; `fault` says what stands there instead."""

    line: int
    text: bytes
    fault: str | None = None


@dataclass
class _Open:
    """A container that is open, and whether the records in it are cut out."""

    start: int
    is_list: bool
    is_cut: bool


def pieces_of(blocks: Iterable[bytes]) -> Iterator[Piece]:
    """The records of the document in order; `FileError` where it can't be followed any further."""
    scanner = _Scanner()
    for block in blocks:
        yield from scanner.feed(block)
    yield from scanner.finish()


class _Scanner:
    def __init__(self) -> None:
        self._buffer = bytearray()
        self._scanned = 0
        self._in_string = False
        self._escaped = False
        self._depth = 0
        self._open: list[_Open] = []
        self._line = 1
        self._counted = 0
        self._done = 0

    def feed(self, block: bytes) -> Iterator[Piece]:
        self._buffer += block
        positions, steps, depths = self._brackets(block)
        shallow = np.flatnonzero(depths + (steps < 0) <= _DEEPEST)
        for index in shallow.tolist():
            position = self._scanned + int(positions[index])
            if steps[index] > 0:
                yield from self._opened(position, int(depths[index]))
            else:
                yield from self._closed(position, int(depths[index]))
        self._scanned = len(self._buffer)
        self._forget()

    def finish(self) -> Iterator[Piece]:
        if self._open:
            record = next((held for held in self._open if not held.is_cut), None)
            line = self._line_at(record.start if record else len(self._buffer))
            yield Piece(line, b"", "the file ends before it does")
        else:
            yield from self._gap(len(self._buffer))

    def _brackets(
        self, block: bytes
    ) -> tuple[NDArray[np.int64], NDArray[np.int8], NDArray[np.int64]]:
        """Where brackets outside of strings stand, +1 or -1, and the depth after each."""
        data = np.frombuffer(block, dtype=np.uint8)
        is_quote = data == ord('"')
        escaped = self._escaped_positions(data)
        is_quote[escaped] = False
        quotes = np.flatnonzero(is_quote)
        kinds = _STEPS[data]
        found = np.flatnonzero(kinds)
        quoted = (np.searchsorted(quotes, found) + int(self._in_string)) % 2 == 1
        positions = found[~quoted]
        steps = kinds[positions]
        depths = self._depth + np.cumsum(steps, dtype=np.int64)
        self._in_string ^= bool(len(quotes) % 2)
        if len(depths):
            self._depth = int(depths[-1])
        return positions, steps, depths

    def _escaped_positions(self, data: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Positions that a backslash before them escapes; remembers one at the block's end."""
        slashes = np.flatnonzero(data == ord("\\"))
        before = self._escaped
        self._escaped = False
        first = np.array([0] if before and len(data) else [], dtype=np.int64)
        if before and len(slashes) and slashes[0] == 0:
            slashes = slashes[1:]
        if not len(slashes):
            return first
        starts = np.flatnonzero(np.diff(slashes, prepend=-2) != 1)
        lengths = np.diff(np.append(starts, len(slashes)))
        in_run = np.arange(len(slashes)) - np.repeat(starts, lengths)
        escaped = slashes[in_run % 2 == 0] + 1
        if escaped[-1] == len(data):
            self._escaped = True
            escaped = escaped[:-1]
        return np.concatenate((first, escaped))

    def _opened(self, position: int, depth: int) -> Iterator[Piece]:
        if len(self._open) != depth - 1:
            return
        inside = self._open[-1] if self._open else None
        is_list = self._buffer[position] == ord("[")
        if inside is None or (inside.is_cut and inside.is_list):
            yield from self._gap(position)
            self._open.append(_Open(position, is_list, is_cut=is_list))
        elif is_list and not inside.is_list and self._wraps(position):
            inside.is_cut = True
            self._open.append(_Open(position, is_list, is_cut=True))
        self._done = position + 1

    def _closed(self, position: int, depth: int) -> Iterator[Piece]:
        if depth < 0:
            line = self._line_at(position)
            raise FileError(f"it is not valid JSON: line {line} closes more than was opened")
        if len(self._open) != depth + 1:
            return
        closed = self._open[-1]
        if closed.is_list:
            yield from self._gap(position)
        self._open.pop()
        if not closed.is_cut:
            text = bytes(self._buffer[closed.start : position + 1])
            yield Piece(self._line_at(closed.start), text)
        self._done = position + 1

    def _wraps(self, position: int) -> bool:
        before = self._buffer[max(0, position - _WRAPPER_REACH) : position]
        return _WRAPPER.search(before) is not None

    def _gap(self, position: int) -> Iterator[Piece]:
        """What stands between two records, where it is more than a comma and white space."""
        gap = self._buffer[self._done : position].lstrip(_BLANKS)
        if gap:
            yield Piece(self._line_at(position - len(gap)), b"", "it is not an object")

    def _line_at(self, position: int) -> int:
        if position >= self._counted:
            self._line += self._buffer.count(b"\n", self._counted, position)
            self._counted = position
            return self._line
        return self._line - self._buffer.count(b"\n", position, self._counted)

    def _forget(self) -> None:
        """Lets go of the text that no record needs any more."""
        waiting = [held.start for held in self._open if not held.is_cut]
        between = not self._open or self._open[-1].is_list
        keep = min([*waiting, self._done if between else self._scanned])
        if self._scanned - keep > _LONGEST_RECORD:
            line = self._line_at(keep)
            raise FileError(f"it is not valid JSON: what begins on line {line} does not end")
        self._line_at(keep)
        del self._buffer[:keep]
        self._scanned -= keep
        self._counted -= keep
        self._done = max(0, self._done - keep)
        for held in self._open:
            held.start -= keep
