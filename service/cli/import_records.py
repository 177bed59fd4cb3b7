"""Import provisioning logs from files into a store."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from service.cli.command import CommandError, UsageError
from service.records.importing import import_paths
from service.records.problems import MissingPathError
from service.records.reporting import Refusal, Summary, Unreadable
from service.records.store import StoreError
from service.times import format_instant, utc_now

_SHOWN_REFUSALS = 20
_LINES_EVERY = 100_000


def configure(parser: ArgumentParser) -> None:
    """Declares `PATH… --store FILE [--refused FILE]`."""
    parser.add_argument(
        "paths",
        metavar="PATH",
        nargs="+",
        help="files, folders or patterns; Graph pages, diagnostic records, downloads of the "
        "portal or rows exported from Log Analytics, also packed with gzip",
    )
    parser.add_argument(
        "--store", metavar="FILE", type=Path, required=True, help="the store, made if missing"
    )
    parser.add_argument(
        "--refused",
        metavar="FILE",
        type=Path,
        help="writes every record that can't be read here, as file:line: reason",
    )


def run(arguments: Namespace) -> None:
    """Imports, then writes the summary to standard output."""
    store: Path = arguments.store
    try:
        with TerminalReporter(sys.stderr, arguments.refused) as reporter:
            summary = import_paths(arguments.paths, store, reporter=reporter, clock=utc_now)
    except MissingPathError as error:
        raise UsageError(str(error)) from error
    except StoreError as error:
        raise CommandError(str(error)) from error
    except KeyboardInterrupt:
        raise CommandError(
            f"Interrupted: {store} holds whole batches; import again to add the rest."
        ) from None
    if not summary.added + summary.already_there and (summary.refused or summary.unreadable):
        raise CommandError("Nothing could be imported: see above for each file's reason.")
    sys.stdout.write(described(summary, store))


def described(summary: Summary, store: Path) -> str:
    """The summary as lines of text."""
    lines = [
        f"read           {summary.read:,}",
        f"added          {summary.added:,}",
        f"already there  {summary.already_there:,}",
        f"refused        {summary.refused:,}",
        f"jobs           {summary.jobs:,}",
        f"events         {_span(summary.first_event, summary.last_event)}",
        f"files          {summary.files:,}"
        + (f", {len(summary.unreadable):,} unreadable" if summary.unreadable else ""),
        f"store          {store}",
    ]
    return "\n".join(lines) + "\n"


class TerminalReporter:
    """Shows an import's progress: a bar on a terminal, plain lines elsewhere.

    The first refused records are shown, all of them are written to `refused_file`, if there is one.
    """

    def __init__(self, stream: TextIO, refused_file: Path | None = None) -> None:
        self._console = Console(file=stream, highlight=False, markup=False, soft_wrap=True)
        self._refused_path = refused_file
        self._refused_stream: TextIO | None = None
        self._refusals = 0
        self._records = 0
        self._told = 0
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        if self._refused_path is not None:
            try:
                self._refused_stream = self._refused_path.open("w", encoding="utf-8")
            except OSError as error:
                reason = error.strerror or error
                raise UsageError(f"{self._refused_path} can't be written: {reason}.") from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._progress is not None:
            self._progress.stop()
        if self._refusals > _SHOWN_REFUSALS:
            more = self._refusals - _SHOWN_REFUSALS
            where = (
                f"see {self._refused_path}" if self._refused_path else "--refused FILE lists all"
            )
            self._line(f"… and {more:,} more records refused ({where})")
        if self._refused_stream is not None:
            self._refused_stream.close()

    def begin(self, files: int, size: int) -> None:
        """Shows the bar, or the first line."""
        if self._console.is_terminal:
            self._progress = Progress(
                TextColumn("importing"),
                BarColumn(),
                TextColumn("{task.percentage:>3.0f}%  {task.fields[records]:,} records"),
                TimeRemainingColumn(),
                console=self._console,
                transient=True,
            )
            self._task = self._progress.add_task("importing", total=max(size, 1), records=0)
            self._progress.start()
        else:
            self._line(f"importing {files:,} files, {size / 1e6:,.1f} MB")

    def advance(self, done: int, records: int) -> None:
        """Moves the bar, or writes a line for every hundred thousand records."""
        self._records = records
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=done, records=records)
        elif records - self._told >= _LINES_EVERY:
            self._told = records
            self._line(f"{records:,} records read")

    def refused(self, refusal: Refusal) -> None:
        """Shows one of the first refused records, writes every one to the file."""
        self._refusals += 1
        if self._refused_stream is not None:
            self._refused_stream.write(f"{refusal}\n")
        if self._refusals <= _SHOWN_REFUSALS:
            self._line(str(refusal))

    def unreadable(self, unreadable: Unreadable) -> None:
        """Shows a file that could not be read."""
        self._line(str(unreadable))

    def end(self) -> None:
        """Takes the bar away."""
        if self._progress is not None:
            self._progress.stop()

    def _line(self, text: str) -> None:
        # Names and reasons come from files: control characters must not reach the terminal.
        clean = "".join(character if character.isprintable() else "�" for character in text)
        self._console.print(clean)


def _span(first: datetime | None, last: datetime | None) -> str:
    if first is None or last is None:
        return "none"
    return f"{_instant(first)} to {_instant(last)}"


def _instant(instant: datetime) -> str:
    return format_instant(instant.replace(microsecond=0))
