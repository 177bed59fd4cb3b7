"""Writes demo data: an invented tenant's provisioning logs as diagnostic records."""

from __future__ import annotations

import gzip
import os
import stat
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from service.cli.command import CommandError, UsageError
from service.records.demo import demo_records
from service.times import format_instant, parse_instant, utc_now

_STANDARD_OUTPUT = "-"

# Records shrink about tenfold at this level already, and take twice as long as uncompressed ones.
_GZIP_LEVEL = 3


def configure(parser: ArgumentParser) -> None:
    parser.description = (
        "Writes an invented tenant's provisioning logs, one diagnostic record a line, oldest "
        "first. The same options give the same records."
    )
    parser.add_argument("--jobs", metavar="N", default="12", help="provisioning jobs (12)")
    parser.add_argument("--days", metavar="D", default="35", help="days up to the end (35)")
    parser.add_argument(
        "--events-per-day", metavar="E", default="2000", help="of all jobs, on average (2000)"
    )
    parser.add_argument("--seed", metavar="S", default="1", help="another seed, other data (1)")
    parser.add_argument(
        "--end", metavar="TIME", help="RFC 3339 time that the records end before (now)"
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        required=True,
        help="where to write; a name that ends in .gz is compressed, - is standard output",
    )


def run(arguments: Namespace) -> None:
    jobs = _number("--jobs", arguments.jobs, 1, 10_000)
    days = _number("--days", arguments.days, 1, 3650)
    events_per_day = _number("--events-per-day", arguments.events_per_day, 1, 100_000_000)
    seed = _number("--seed", arguments.seed, 0, 2**63 - 1)
    end = _end(arguments.end, days)
    records = demo_records(jobs=jobs, days=days, events_per_day=events_per_day, seed=seed, end=end)
    out: str = arguments.out
    try:
        with _opened(out) as target:
            written = _write(records, target)
    except BrokenPipeError:
        return
    except OSError as error:
        name = "standard output" if out == _STANDARD_OUTPUT else out
        raise CommandError(f"{name} could not be written: {error.strerror or error}.") from error
    start = format_instant(end - timedelta(days=days))
    sys.stderr.write(f"{written} records from {start} to {format_instant(end)} written.\n")


def _number(option: str, text: str, least: int, most: int) -> int:
    if text.isascii() and text.isdigit() and len(text) < 20 and least <= int(text) <= most:
        return int(text)
    raise UsageError(f"{option} takes a whole number from {least} to {most}, not {text!r}.")


def _end(text: str | None, days: int) -> datetime:
    try:
        end = utc_now() if text is None else parse_instant(text)
    except ValueError as error:
        raise UsageError(f"--end: {error}, not {text!r}.") from error
    if end - datetime(1, 1, 1, tzinfo=UTC) < timedelta(days=days + 1):
        raise UsageError(f"--end must lie more than the {days} days of --days after the year 1.")
    return end


@contextmanager
def _opened(out: str) -> Iterator[BinaryIO | gzip.GzipFile]:
    """What to write to: the standard output, a device or pipe as it is, else a whole new file.

    A file is written beside its final place and moved there at the end, so that an interrupted
    run leaves what was there before.
    """
    if out == _STANDARD_OUTPUT:
        with open(sys.stdout.fileno(), "wb", closefd=False) as target:
            yield target
        return
    path = Path(out).resolve()
    if path.exists() and not stat.S_ISREG(path.stat().st_mode):
        with path.open("wb") as target:
            yield target
        return
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            if out.endswith(".gz"):
                # Neither name nor time in the header: equal records, equal files.
                with gzip.GzipFile("", "wb", _GZIP_LEVEL, file, mtime=0) as packed:
                    yield packed
            else:
                yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _write(records: Iterable[bytes], target: BinaryIO | gzip.GzipFile) -> int:
    written = 0
    for line in records:
        target.write(line)
        written += 1
    return written
