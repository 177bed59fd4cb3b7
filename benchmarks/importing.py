"""Import speed against DuckDB's bare `read_json` of the same file into a table.

The bare side reads the same records into a table with one column for each of their fields, without
judging, normalising or comparing anything. Each side writes a new file on the same disk.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import duckdb

from benchmarks.data import SMALL, Data
from benchmarks.figure import Aim, Figure, in_turns
from service.records.importing import import_paths
from service.records.reporting import Silent
from service.times import utc_now

AIM = Aim("at least", 1 / 3)


def figures(data: Data, *, quick: bool) -> Iterator[Figure]:
    """One figure, on a million records (`quick`: a few)."""
    records = data.records(SMALL if quick else 1_000_000)
    with tempfile.TemporaryDirectory(dir=data.folder) as folder:
        store, bare = Path(folder, "store.duckdb"), Path(folder, "bare.duckdb")
        added = 0

        def ours() -> None:
            nonlocal added
            store.unlink(missing_ok=True)
            added = import_paths([records], store, reporter=Silent(), clock=utc_now).added

        def theirs() -> None:
            bare.unlink(missing_ok=True)
            with duckdb.connect(str(bare)) as connection:
                connection.execute("CREATE TABLE records AS FROM read_json(?)", [str(records)])

        sides = in_turns(ours, theirs, rounds=1 if quick else 3)
        with duckdb.connect(str(bare), read_only=True) as connection:
            found = connection.execute("SELECT count(*) FROM records").fetchone()
        assert found == (added,), f"{added} rows imported, {found} read"
    yield Figure(
        "import",
        "import into a store",
        "DuckDB's read_json into a table",
        1 / sides.ratio,
        AIM,
        f"{added / sides.first:,.0f}/s, {added / sides.second:,.0f}/s; {added:,} records",
    )
