"""Runs the benchmarks and prints each figure as soon as it is there.

python -m benchmarks [NAME…] [--quick] [--data FOLDER]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from benchmarks import (
    activity,
    arriving,
    decoding,
    importing,
    memory,
    paging,
    queries,
    scrape,
    soak,
    stalls,
    steady,
    throughput,
)
from benchmarks.data import Data
from benchmarks.figure import HEADING, Figure


class Benchmark(Protocol):
    """One benchmark module's `figures`."""

    def __call__(self, data: Data, *, quick: bool) -> Iterator[Figure]: ...


BENCHMARKS: dict[str, Benchmark] = {
    "queries": queries.figures,
    "throughput": throughput.figures,
    "activity": activity.figures,
    "decoding": decoding.figures,
    "import": importing.figures,
    "memory": memory.figures,
    "event-loop": stalls.figures,
    "paging": paging.figures,
    "scrape": scrape.figures,
    "arriving": arriving.figures,
    "steady": steady.figures,
    "soak": soak.figures,
}


def main(arguments: list[str], write: Callable[[str], object]) -> None:
    """Prints a table; figures that miss their aim are told, but do not fail the run."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("names", metavar="NAME", nargs="*", help=", ".join(BENCHMARKS))
    parser.add_argument("--quick", action="store_true", help="small sizes: does it run at all?")
    parser.add_argument(
        "--data", type=Path, metavar="FOLDER", help="keep generated data here for the next run"
    )
    given = parser.parse_args(arguments)
    if unknown := set(given.names) - set(BENCHMARKS):
        parser.error(f"{', '.join(sorted(unknown))}: expected one of {', '.join(BENCHMARKS)}")
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as temporary:
        folder = given.data or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        write(HEADING)
        for name in given.names or BENCHMARKS:
            for figure in BENCHMARKS[name](Data.of_today(folder), quick=given.quick):
                write(str(figure))


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:], _write)
