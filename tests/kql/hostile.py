"""Text that tries to leave the literal it is put in, and the engine that reads it back."""

from __future__ import annotations

from typing import Any

import duckdb
import duckdb_kql
from hypothesis import strategies as st

from service.kql.rewrite import for_embedded

_FRAGMENTS = [
    '"', "'", "\\", '\\"', "\\\\", '""', "''", "\\u0041", "\\x41", "\\n", "\\0", "`", "```", "~~~",
    "\n", "\r\n", "\t", "\x00", "\x07", "\x1b[2J", "\x7f", "\x85", "\u2028", "\u2029", "\ufeff",
    "//", "// take 1\n", "/*", "*/", "--", ";", "|", "| take 0", "; .drop table T", "@", 'h"', '@"',
    "{", "}", "{value:string}", "{value}", "{{", "}}", "$left", "%s", "(", ")", "[", "]", ",", "..",
    'x" or true or "', "') | union (T", "' UNION SELECT 1", "?", "$1", "ingestion_time()", "x.[0]",
    "7d", "datetime(2026-11-21)", "é", "e\u0301", "Ω", "日本語", "עברית", "\u202e", "\u200f", "😀",
    "👩‍👩‍👧", "\U0010ffff", "\ufffe", "\ufdd0", "İ", "ß",
]  # fmt: skip

texts = st.one_of(
    st.text(max_size=40),
    st.lists(st.sampled_from(_FRAGMENTS), max_size=8).map("".join),
)
"""Any text that Unicode can write down, and much that is special in KQL, SQL or templates."""


class Engine:
    """The embedded engine on an empty database."""

    def __init__(self) -> None:
        self._connection = duckdb.connect()
        self._connection.execute("SET TimeZone = 'UTC'")

    def value(self, kql: str) -> Any:
        """The first value of the first row that a query gives."""
        sql = duckdb_kql.to_sql(for_embedded(kql, "_Arrived"))
        row = self._connection.execute(str(sql)).fetchone()
        assert row is not None
        return row[0]

    def close(self) -> None:
        self._connection.close()
