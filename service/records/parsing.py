"""From a chunk of a file to rows: what worker processes do."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
from pyarrow import compute

from service.records.batch import table_of
from service.records.problems import RecordError, UnknownShapeError
from service.records.reading import Cells, Chunk, Lines, Pieces, Span
from service.records.row import Row
from service.records.shapes import row_of_cells, rows_of_value
from service.records.values import parse_json


@dataclass(frozen=True)
class Refused:
    """A record that can't be read: the line it begins on, and why."""

    line: int
    reason: str
    unknown: bool
    """Whether it does not even look like a log record."""


@dataclass(frozen=True)
class Parsed:
    """What a chunk held."""

    table: pa.Table
    refused: list[Refused]
    """Lines are counted from the file's first, or from the chunk's where it has whole lines."""
    lines: int
    """How many whole lines the chunk had; 0 where it knows its place in the file."""
    jobs: frozenset[str]
    first_event: datetime | None
    last_event: datetime | None


def parse(chunk: Chunk) -> Parsed:
    """The chunk's rows as a table, and the records that gave none."""
    rows: list[Row] = []
    refused: list[Refused] = []
    lines = 0
    if isinstance(chunk, Lines | Span):
        texts = _text(chunk, refused).split(b"\n")
        lines = len(texts) - 1
        records = _of_lines(texts)
    else:
        records = _of_cells(chunk) if isinstance(chunk, Cells) else _of_pieces(chunk)
    with _without_collection():
        for line, found in records:
            if isinstance(found, RecordError):
                unknown = isinstance(found, UnknownShapeError)
                refused.append(Refused(line, str(found), unknown))
            else:
                rows.append(found)
        table = table_of(rows)
    times = compute.min_max(table.column("TimeGenerated"))
    jobs = frozenset(compute.unique(table.column("JobId")).to_pylist())
    return Parsed(table, refused, lines, jobs, times["min"].as_py(), times["max"].as_py())


def _text(chunk: Lines | Span, refused: list[Refused]) -> bytes:
    try:
        return chunk.read()
    except OSError as error:
        reason = f"from here on the file can't be read: {error.strerror or error}"
        refused.append(Refused(1, reason, unknown=False))
        return b""


def _of_lines(texts: list[bytes]) -> Iterator[tuple[int, Row | RecordError]]:
    for line, text in enumerate(texts, 1):
        if text and not text.isspace():
            for found in _found_in(text):
                yield line, found


def _of_pieces(chunk: Pieces) -> Iterator[tuple[int, Row | RecordError]]:
    for piece in chunk.pieces:
        if piece.fault is not None:
            yield piece.line, UnknownShapeError(piece.fault)
        else:
            for found in _found_in(piece.text):
                yield piece.line, found


def _found_in(text: bytes) -> Iterable[Row | RecordError]:
    try:
        value = parse_json(text, "it")
    except RecordError as error:
        return (UnknownShapeError(*error.args),)
    return rows_of_value(value)


def _of_cells(chunk: Cells) -> Iterator[tuple[int, Row | RecordError]]:
    for line, cells in zip(chunk.lines, chunk.rows, strict=True):
        try:
            yield line, row_of_cells(chunk.header, cells)
        except RecordError as refusal:
            yield line, refusal


@contextmanager
def _without_collection() -> Iterator[None]:
    """Rows hold no cycles, and looking for some made parsing eight times slower."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
