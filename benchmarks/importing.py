"""Import speed against DuckDB's bare `read_json` of the same file into a table.

Our side is the command as it is typed: worker processes begin by importing the program's main
module, so started from this one they would load every benchmark first. The bare side reads the
same records into a table with one column for each of their fields, without judging, normalising or
comparing anything. Each side writes a new file on the same disk.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import duckdb

from benchmarks.data import SMALL, Data
from benchmarks.figure import Aim, Figure, in_turns

AIM = Aim("at least", 1 / 3)


def figures(data: Data, *, quick: bool) -> Iterator[Figure]:
    """One figure, on a million records (`quick`: a few)."""
    records = data.records(SMALL if quick else 1_000_000)
    with tempfile.TemporaryDirectory(dir=data.folder) as folder:
        store, bare = Path(folder, "store.duckdb"), Path(folder, "bare.duckdb")
        command = [sys.executable, "-m", "service", "import", str(records), "--store", str(store)]

        def ours() -> None:
            store.unlink(missing_ok=True)
            subprocess.run(command, check=True, capture_output=True)

        def theirs() -> None:
            bare.unlink(missing_ok=True)
            with duckdb.connect(str(bare)) as connection:
                connection.execute("CREATE TABLE records AS FROM read_json(?)", [str(records)])

        sides = in_turns(ours, theirs, rounds=1 if quick else 3)
        added, found = _rows(store, "events"), _rows(bare, "records")
        assert found == added, f"{added} rows imported, {found} read"
    yield Figure(
        "import",
        "import into a store",
        "DuckDB's read_json into a table",
        1 / sides.ratio,
        AIM,
        f"{added / sides.first:,.0f}/s, {added / sides.second:,.0f}/s; {added:,} records",
    )


def _rows(file: Path, table: str) -> int:
    with duckdb.connect(str(file), read_only=True) as connection:
        found = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(found[0]) if found else 0
