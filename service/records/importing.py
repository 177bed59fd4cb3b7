"""Imports log files into the store: every file, every form, each event once.

Files are read here, parsed in worker processes (when there is enough to parse) and stored in
transactions of whole batches. Whatever ends an import, even a kill, leaves whole batches; running
it again adds the rest.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from service.records.parsing import Parsed, Refused, parse
from service.records.portal_csv import Part, Parts
from service.records.problems import FileError, RecordError
from service.records.reading import (
    Chunk,
    chunks,
    lines_in_chunks,
    opened,
    spans_of_lines,
    table_lines,
)
from service.records.reporting import Refusal, Reporter, Summary, Unreadable
from service.records.sources import Source, files_of
from service.records.store import Added, Store, StoreError
from service.records.transactions import in_transactions
from service.records.values import spelled
from service.records.workers import Parser, Workers, parse_here

_WORTH_WORKERS = 24 << 20
_PACKED = 8
_MOST_WORKERS = 8
_MOST_UNKNOWN = 1000
_STORE_FILES = ("", ".wal", ".tmp")


def import_paths(
    paths: Sequence[str | Path],
    store_path: Path,
    *,
    reporter: Reporter,
    clock: Callable[[], datetime],
) -> Summary:
    """Adds the events of the files, folders and patterns to the store, made if there is none.

    `clock` tells when the rows arrive. Raises `MissingPathError` before anything is read, and
    `StoreError`; files and records that can't be read are told to the reporter and counted.
    """
    own = {os.path.realpath(f"{store_path}{suffix}") for suffix in _STORE_FILES}
    files = [path for path in files_of(paths) if os.path.realpath(path) not in own]
    existed = store_path.exists()
    with ExitStack() as stack:
        store = stack.enter_context(Store.create_or_open(store_path, clock))
        run = _Run(files, reporter)
        summary = run.into(store, stack)
    if not existed and not summary.added and (summary.refused or summary.unreadable):
        store_path.unlink(missing_ok=True)
    return summary


def add_lines(lines: Iterable[bytes], store: Store) -> Added:
    """Adds diagnostic or other records, one in each line; `RecordError` if one can't be read."""

    def tables() -> Iterator[pa.Table]:
        before = 0
        for chunk in lines_in_chunks(lines):
            parsed = parse(chunk)
            for refused in parsed.refused:
                raise RecordError(f"line {before + refused.line}: {refused.reason}")
            before += parsed.lines
            yield parsed.table

    added = Added()
    for batches in in_transactions(tables()):
        added += store.add(batches)
    return added


@dataclass
class _File:
    """One file on its way through the import."""

    source: Source
    form: str = ""
    error: str | None = None
    recognised: bool = False
    lines: int = 0
    """How many of its lines are behind, where its chunks are whole lines."""
    unknown: list[Refused] = field(default_factory=list)
    """Records that look like nothing known, kept until one that does is met."""

    @property
    def path(self) -> Path:
        return self.source.path


class _Run:
    """One import: the files, and what came of them so far."""

    def __init__(self, paths: Sequence[Path], reporter: Reporter) -> None:
        self._files = [_File(Source(path)) for path in paths]
        self._reporter = reporter
        self._parts = Parts()
        self._finished = 0
        self._rows = 0
        self._refused = 0
        self._unreadable: list[Unreadable] = []
        self._jobs: set[str] = set()
        self._times: list[datetime] = []

    def into(self, store: Store, stack: ExitStack) -> Summary:
        size = sum(_size(file.path) for file in self._files)
        self._reporter.begin(len(self._files), size)
        self._probe()
        self._read_parts()
        parser = self._parser(stack)
        added = Added()
        for batches in in_transactions(self._tables(parser)):
            added += store.add(batches)
        self._finish_until(None)
        self._report_orphans()
        self._reporter.end()
        return Summary(
            read=self._rows + self._refused,
            added=added.added,
            already_there=added.already_there,
            refused=self._refused,
            first_event=_in_utc(min(self._times, default=None)),
            last_event=_in_utc(max(self._times, default=None)),
            jobs=len(self._jobs),
            files=len(self._files),
            unreadable=tuple(self._unreadable),
        )

    def _probe(self) -> None:
        for file in self._files:
            try:
                file.form = opened(Source(file.path).blocks()).form
            except FileError as error:
                file.error = str(error)

    def _parser(self, stack: ExitStack) -> Parser:
        worth = sum(_unpacked_size(file.path) for file in self._files if file.error is None)
        count = min(len(os.sched_getaffinity(0)), _MOST_WORKERS)
        if worth < _WORTH_WORKERS or count < 2:
            return parse_here
        return stack.enter_context(Workers(count))

    def _read_parts(self) -> None:
        for file in self._files:
            if file.form in ("steps", "properties") and file.error is None:
                try:
                    self._read_part(file, "steps" if file.form == "steps" else "properties")
                except FileError as error:
                    file.error = str(error)

    def _read_part(self, file: _File, part: Part) -> None:
        lines = table_lines(opened(file.source.blocks()))
        _, header = next(lines, (1, []))
        names = [spelled(name) for name in header]
        file.recognised = True
        for line, cells in lines:
            try:
                if len(cells) != len(names):
                    raise RecordError(f"it has {len(cells)} cells, the header {len(names)}")
                self._parts.take(part, dict(zip(names, cells, strict=True)))
            except RecordError as error:
                self._refuse(file, Refused(line, str(error), unknown=False))

    def _chunks(self) -> Iterator[tuple[_File, Chunk]]:
        for file in self._files:
            if file.error is not None or file.form in ("steps", "properties"):
                continue
            try:
                for chunk in self._chunks_of(file):
                    yield file, chunk
                    if file.error is not None:
                        break
            except FileError as error:
                file.error = str(error)

    def _chunks_of(self, file: _File) -> Iterator[Chunk]:
        content = opened(file.source.blocks())
        start = file.source.text_start
        if content.form == "lines" and start is not None:
            return spans_of_lines(file.source, start)
        return chunks(content, self._parts)

    def _tables(self, parser: Parser) -> Iterator[pa.Table]:
        try:
            for file, parsed in parser(self._chunks()):
                self._finish_until(file)
                self._count(file, parsed)
                yield parsed.table
                done = sum(one.source.position for one in self._files)
                self._reporter.advance(done, self._rows + self._refused)
        except BrokenProcessPool as error:
            raise StoreError("a process that reads the files was killed; import again.") from error

    def _count(self, file: _File, parsed: Parsed) -> None:
        refusals = [replace(one, line=file.lines + one.line) for one in parsed.refused]
        file.lines += parsed.lines
        self._rows += len(parsed.table)
        self._jobs |= parsed.jobs
        if parsed.first_event is not None and parsed.last_event is not None:
            self._times = [
                min([*self._times, parsed.first_event]),
                max([*self._times, parsed.last_event]),
            ]
        file.recognised = (
            file.recognised
            or len(parsed.table) > 0
            or any(not refused.unknown for refused in refusals)
        )
        if file.recognised:
            for refused in (*file.unknown, *refusals):
                self._refuse(file, refused)
            file.unknown = []
        else:
            file.unknown += refusals
            if len(file.unknown) > _MOST_UNKNOWN:
                file.error = _nothing_known(file.unknown)

    def _finish_until(self, current: _File | None) -> None:
        """Tells of the files before the current one that could not be read."""
        while self._finished < len(self._files) and self._files[self._finished] is not current:
            file = self._files[self._finished]
            self._finished += 1
            if file.error is None and file.unknown:
                file.error = _nothing_known(file.unknown)
            if file.error is not None:
                self._call_unreadable(file.path, file.error)

    def _report_orphans(self) -> None:
        """Steps and attributes without their events are told of, file by file."""
        parts = [file for file in self._files if file.form in ("steps", "properties")]
        orphans = self._parts.orphans
        for file in parts if orphans and not self._parts.used else parts[:1] if orphans else []:
            self._call_unreadable(
                file.path,
                f"its events are missing for {orphans} changes: import it together with the "
                "ProvisioningLogs file of the same download",
            )

    def _call_unreadable(self, path: Path, reason: str) -> None:
        unreadable = Unreadable(path, reason)
        self._unreadable.append(unreadable)
        self._reporter.unreadable(unreadable)

    def _refuse(self, file: _File, refused: Refused) -> None:
        self._refused += 1
        self._reporter.refused(Refusal(file.path, refused.line, refused.reason))


def _nothing_known(refused: Sequence[Refused]) -> str:
    return (
        f"it holds no provisioning logs (line {refused[0].line}: {refused[0].reason}): expected "
        "Graph pages, diagnostic records, a download of the portal, or rows of Log Analytics"
    )


def _in_utc(time: datetime | None) -> datetime | None:
    return time.replace(tzinfo=UTC) if time else None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _unpacked_size(path: Path) -> int:
    return _size(path) * (_PACKED if path.suffix == ".gz" else 1)
