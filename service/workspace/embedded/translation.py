"""KQL to DuckDB SQL, through `duckdb-kql`, refused unless it is one query over the table.

What `duckdb-kql` 1.1.2 refuses or misreads is put in its own spelling first (`kql.rewrite`);
`ingestion_time()` becomes a column that the store keeps, `now()` and `ago()` a bound value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import duckdb
import duckdb_kql
import orjson
from duckdb_kql.translate import CLOCK_SLOT

from service.kql.checks import check_query
from service.kql.rewrite import for_embedded
from service.kql.tokens import KqlError, tokenize
from service.table import COLUMNS, TABLE, TableSchema
from service.workspace.errors import QueryRejected

ARRIVAL = "_Arrived"
"""The store's column that stands in for `ingestion_time()`."""

_ANY_MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
"""Makes `now()` a bound value; the SQL is the same whichever moment it is."""

_HARMLESS_FUNCTIONS = {"generate_series", "unnest"}
"""Functions that give a table made of their arguments."""


_PARSED_WHOLE = re.compile(r"""json_extract\(TRY_CAST\("(\w+)" AS JSON\), ('\$[^']*')\)""")
"""A path into a column's text: the text is taken apart twice, once to see whether it is JSON. Text
that is not gives null either way. No literal looks so, for its quotes are doubled."""


@dataclass(frozen=True)
class Translation:
    """SQL over a view named like the table, and the columns which that view must show.

    `clocked` says that the SQL asks for the present time.
    """

    sql: str
    columns: tuple[str, ...]
    clocked: bool

    def parameters(self, now: datetime) -> dict[str, datetime]:
        """What to bind to the SQL, given the present time."""
        return {CLOCK_SLOT: now.astimezone(UTC).replace(tzinfo=None)} if self.clocked else {}


@lru_cache(maxsize=512)
def translate(text: str, schema: TableSchema) -> Translation:
    """The SQL for one KQL query; `QueryRejected` where it is not one over the known table.

    Made once per text, since it takes 5 to 50 ms.
    """
    try:
        check_query(text, [TABLE])
        rewritten = for_embedded(text, ARRIVAL)
    except KqlError as error:
        raise QueryRejected(f"The query was refused: {error}") from error
    asks_arrival = any(
        token.kind == "name" and token.text == ARRIVAL for token in tokenize(rewritten)
    )
    columns = tuple(name for name in COLUMNS if schema.has(name))
    columns += (ARRIVAL,) if asks_arrival else ()
    try:
        result = duckdb_kql.to_sql(
            rewritten, schema={TABLE: list(columns)}, allow_write=False, query_now=_ANY_MOMENT
        )
    except (duckdb_kql.KqlError, RecursionError) as error:
        raise QueryRejected(f"The query can't run on the embedded workspace: {error}") from error
    sql = _PARSED_WHOLE.sub(_only_the_path, str(result))
    return Translation(sql, columns, CLOCK_SLOT in result.parameters)


def _only_the_path(match: re.Match[str]) -> str:
    column, path = match.groups()
    text = COLUMNS.get(column) == "string"
    return f'TRY(json_extract("{column}", {path}))' if text else match[0]


def refuse_foreign_sources(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """A second lock on the door: DuckDB's own parser names everything that the SQL reads.

    A file path would show up here as a table, whatever the KQL looked like.
    """
    row = connection.execute("SELECT json_serialize_sql(?)", [sql]).fetchone()
    parsed: dict[str, Any] = orjson.loads(row[0]) if row else {"error": True}
    if parsed["error"] or len(parsed["statements"]) != 1:
        raise QueryRejected("The query was refused: only one query that reads is allowed.")
    nodes = list(_nodes(parsed))
    bound = {entry["key"] for node in nodes for entry in node.get("cte_map", {}).get("map", ())}
    read = {_source(node) for node in nodes if node.get("type") in ("BASE_TABLE", "TABLE_FUNCTION")}
    if foreign := read - bound - _HARMLESS_FUNCTIONS - {TABLE}:
        names = ", ".join(sorted(foreign))
        raise QueryRejected(f"The query was refused: it may read {TABLE} only, not {names}.")


def _nodes(parsed: Any) -> Iterator[dict[str, Any]]:
    """Every object in DuckDB's syntax tree."""
    waiting = [parsed]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            yield item
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item


def _source(node: dict[str, Any]) -> str:
    if node["type"] == "TABLE_FUNCTION":
        return str(node["function"]["function_name"])
    parts = (node["catalog_name"], node["schema_name"], node["table_name"])
    return ".".join(part for part in parts if part)
