"""A file in pieces that can be parsed anywhere: its form told by its content, not by its name."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Literal

import orjson

from service.records import log_analytics, portal_csv
from service.records.documents import Piece, pieces_of
from service.records.problems import FileError
from service.records.sources import Source
from service.records.values import spelled

Form = Literal["lines", "document", "table", "steps", "properties"]

CHUNK_BYTES = 4 << 20
_PROBE_BYTES = 256 << 10
_LONGEST_LINE = 256 << 20
_LONGEST_CELL = 64 << 20
_CHUNK_CELLS = 4000
_EXPECTED = (
    "expected Graph pages, diagnostic records, a JSON or CSV download of the portal, "
    "or rows exported from Log Analytics"
)


@dataclass(frozen=True)
class Lines:
    """Whole lines, each of which holds a JSON value."""

    text: bytes

    def read(self) -> bytes:
        return self.text


@dataclass(frozen=True)
class Span:
    """Whole lines as well, which whoever parses them reads from the file."""

    path: Path
    start: int
    size: int

    def read(self) -> bytes:
        with self.path.open("rb") as file:
            file.seek(self.start)
            return file.read(self.size)


@dataclass(frozen=True)
class Pieces:
    """JSON values cut from a document."""

    pieces: list[Piece]


@dataclass(frozen=True)
class Cells:
    """Lines of a CSV file under its header, and the line of the file that each begins on."""

    header: list[str]
    lines: list[int]
    rows: list[list[str]]


Chunk = Lines | Span | Pieces | Cells


@dataclass(frozen=True)
class Opened:
    """A file's form, and all its text again."""

    form: Form
    blocks: Iterable[bytes]
    delimiter: str = ","


def opened(blocks: Iterator[bytes]) -> Opened:
    """The file's form, from its beginning; `FileError` if it has none that an import knows."""
    probe = bytearray()
    for block in blocks:
        probe += block
        if len(probe) >= _PROBE_BYTES:
            break
    start = bytes(probe)
    rest = chain([start], blocks)
    first = start.lstrip()[:1]
    if not first:
        raise FileError("it is empty")
    if first in (b"{", b"["):
        return Opened("lines" if _is_lines(start) else "document", rest)
    header, delimiter = _header(start)
    part = portal_csv.part_of_header(header)
    if log_analytics.is_header(header) or part == "events":
        return Opened("table", rest, delimiter)
    if part is not None:
        return Opened(part, rest, delimiter)
    raise FileError(f"it holds no provisioning logs: {_EXPECTED}")


def chunks(file: Opened, parts: portal_csv.Parts) -> Iterator[Chunk]:
    """The file's records in chunks; lines of a portal download get their steps from `parts`."""
    if file.form == "lines":
        return lines_in_chunks(file.blocks)
    if file.form == "document":
        return _pieces(file.blocks)
    return _cells(file, parts)


def table_lines(file: Opened) -> Iterator[tuple[int, list[str]]]:
    """The lines of a CSV file, its header first, each with the line of the file it begins on."""
    # The limit is the process's; without one this high, a long list of steps ends the reading.
    csv.field_size_limit(_LONGEST_CELL)
    text = io.TextIOWrapper(
        io.BufferedReader(_Stream(iter(file.blocks))), "utf-8", "replace", newline=""
    )
    reader = csv.reader(text, delimiter=file.delimiter)
    line = 1
    try:
        for row in reader:
            if row:
                yield line, row
            line = reader.line_num + 1
    except csv.Error as error:
        raise FileError(f"its line {line} is not valid CSV: {error}") from None


def _is_lines(start: bytes) -> bool:
    lines = [line for line in start.splitlines() if line.strip()]
    if len(start) >= _PROBE_BYTES and len(lines) > 1:
        lines.pop()
    whole = [_is_json(line) for line in lines[:100]]
    if len(lines) == 1 and start.lstrip()[:1] == b"[":
        return False
    return whole[0] or (len(whole) > 1 and sum(whole) * 2 >= len(whole))


def _is_json(line: bytes) -> bool:
    if not line.lstrip().startswith((b"{", b"[")):
        return False
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return True


def _header(start: bytes) -> tuple[list[str], str]:
    if b"\0" in start[:4096]:
        raise FileError(f"it holds binary data: {_EXPECTED}")
    text = start.decode("utf-8", "replace").lstrip()
    best: list[str] = []
    delimiter = ","
    for candidate in ",;\t":
        try:
            names = next(csv.reader(io.StringIO(text[:65536]), delimiter=candidate), [])
        except csv.Error:
            continue
        if len(names) > len(best):
            best, delimiter = names, candidate
    return best, delimiter


def lines_in_chunks(blocks: Iterable[bytes]) -> Iterator[Lines]:
    """JSON lines in chunks of whole lines, from blocks that may end anywhere."""
    waiting: list[bytes] = []
    size = 0
    for block in blocks:
        waiting.append(block)
        size += len(block)
        if size < CHUNK_BYTES:
            continue
        end = block.rfind(b"\n") + 1
        if not end:
            if size > _LONGEST_LINE:
                raise FileError("one of its lines has no end")
            continue
        waiting[-1] = block[:end]
        yield Lines(b"".join(waiting))
        waiting = [block[end:]]
        size = len(waiting[0])
    if size:
        yield Lines(b"".join(waiting))


def spans_of_lines(source: Source, start: int) -> Iterator[Span]:
    """JSON lines in chunks, from the offset `start` of a file that is neither packed nor encoded.

    Only the places where the chunks end are read.
    """
    try:
        with source.path.open("rb") as file:
            size = file.seek(0, io.SEEK_END)
            while start < size:
                end = start + CHUNK_BYTES
                if end < size:
                    file.seek(end - 1)
                    end += len(file.readline(_LONGEST_LINE)) - 1
                source.position = end = min(end, size)
                yield Span(source.path, start, end - start)
                start = end
    except OSError as error:
        raise FileError(f"it can't be read: {error.strerror or error}") from None


def _pieces(blocks: Iterable[bytes]) -> Iterator[Pieces]:
    gathered: list[Piece] = []
    size = 0
    for piece in pieces_of(blocks):
        gathered.append(piece)
        size += len(piece.text)
        if size >= CHUNK_BYTES:
            yield Pieces(gathered)
            gathered, size = [], 0
    if gathered:
        yield Pieces(gathered)


def _cells(file: Opened, parts: portal_csv.Parts) -> Iterator[Cells]:
    lines = table_lines(file)
    _, header = next(lines, (1, []))
    change = next((index for index, name in enumerate(header) if spelled(name) == "changeid"), None)
    joined = change is not None and portal_csv.part_of_header(header) == "events"
    names = [*header, "provisioningSteps", "modifiedProperties"] if joined else header
    numbers: list[int] = []
    rows: list[list[str]] = []
    size = 0
    for line, row in lines:
        if joined and change is not None and len(row) == len(header):
            row = [*row, *parts.cells(row[change])]
        numbers.append(line)
        rows.append(row)
        size += sum(map(len, row))
        if size >= CHUNK_BYTES or len(rows) >= _CHUNK_CELLS:
            yield Cells(names, numbers, rows)
            numbers, rows, size = [], [], 0
    if rows:
        yield Cells(names, numbers, rows)


class _Stream(io.RawIOBase):
    """Blocks of bytes as a stream."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._rest:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._rest = block
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size
