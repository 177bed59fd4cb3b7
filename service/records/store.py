"""The store: one DuckDB file that holds each event once.

Table `events` has every column of `service.table.COLUMNS`, `_Arrived` (when this store took the
row) and the two keys of `service.records.batch`; table `meta` has the version of this format.
A store is written by one process at a time and read by any number while nobody writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import duckdb
import pyarrow as pa

from service.records.batch import CONTENT_KEY, ID_KEY
from service.records.identity import Known, judge
from service.records.store_errors import (
    NotAStore,
    StoreDamaged,
    StoreError,
    StoreLocked,
    StoreMissing,
    translated,
)
from service.table import COLUMNS, KqlType

__all__ = [
    "ARRIVED",
    "EVENTS",
    "Added",
    "NotAStore",
    "Store",
    "StoreDamaged",
    "StoreError",
    "StoreLocked",
    "StoreMissing",
    "open_for_reading",
]

ARRIVED = "_Arrived"
EVENTS = "events"
FORMAT = 1

_TYPES: dict[KqlType, str] = {
    "datetime": "TIMESTAMP",
    "long": "BIGINT",
    "real": "DOUBLE",
    "string": "VARCHAR",
}
_NULLABLE = {"long", "real"}
# On long JSON text, zstd is a third faster to write than DuckDB's own choice, at half the size.
_LONG = {"ProvisioningSteps", "ModifiedProperties", "SourceIdentity", "TargetIdentity"}
_DECLARED = ", ".join(
    f'"{name}" {_TYPES[kind]}'
    + ("" if kind in _NULLABLE else " NOT NULL")
    + (" USING COMPRESSION zstd" if name in _LONG else "")
    for name, kind in COLUMNS.items()
)
_CREATE = f"""
CREATE TABLE {EVENTS} (
  {_DECLARED},
  "{ARRIVED}" TIMESTAMP NOT NULL, "{ID_KEY}" UUID, "{CONTENT_KEY}" UUID NOT NULL
);
CREATE TABLE meta (format INTEGER NOT NULL);
INSERT INTO meta VALUES ({FORMAT});
"""
_NAMES = ", ".join(f'"{name}"' for name in COLUMNS)
_INSERT = f"""
INSERT INTO {EVENTS} ({_NAMES}, "{ID_KEY}", "{CONTENT_KEY}", "{ARRIVED}")
SELECT {_NAMES}, "{ID_KEY}", "{CONTENT_KEY}", ? FROM incoming
"""
# https://duckdb.org/docs/internals/storage: a checksum, then the mark.
_MAGIC_AT, _MAGIC = 8, b"DUCK"


@dataclass(frozen=True)
class Added:
    """How many rows one call added, and how many the store had already."""

    added: int = 0
    already_there: int = 0

    def __add__(self, other: Added) -> Added:
        return Added(self.added + other.added, self.already_there + other.already_there)


class Store:
    """A store open for writing. Close it, or use it as a context manager."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, path: Path, clock: Callable[[], datetime]
    ) -> None:
        self._connection = connection
        self._path = path
        self._clock = clock
        self._has_nameless = self._value(f'SELECT count(*) FROM {EVENTS} WHERE "{ID_KEY}" IS NULL')

    @classmethod
    def create_or_open(
        cls,
        path: Path,
        clock: Callable[[], datetime],
        *,
        memory_limit: str = "512MB",
        threads: int = 2,
    ) -> Self:
        """The store at `path`, made with its folders if there is none; `StoreError`s otherwise."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"{path}: the folder can't be made: {error.strerror or error}."
            ) from error
        # Empty files are what a temporary file's maker leaves; DuckDB makes its database there.
        fresh = not path.exists() or path.stat().st_size == 0
        connection = _connect(path, read_only=False)
        try:
            _bound(connection, memory_limit, threads)
            connection.execute(f"SET temp_directory = '{_quoted(path)}.tmp'")
            # Rows are big, so the default of 16 MB would rewrite the last rows at every commit.
            connection.execute("SET checkpoint_threshold = '256MB'")
            _harden(connection, external_access=True)
            if fresh:
                connection.execute(f"BEGIN; {_CREATE} COMMIT;")
            _check_format(connection, path)
            return cls(connection, path, clock)
        except duckdb.Error as error:
            connection.close()
            raise translated(error, path) from error
        except StoreError:
            connection.close()
            raise

    def add(self, batches: Iterable[pa.Table]) -> Added:
        """Adds those rows that are new, all batches in one transaction, nothing if it fails.

        Each batch is a table of `service.records.batch.SCHEMA`; batches are taken one at a time.
        """
        arrived = self._clock().astimezone(UTC).replace(tzinfo=None)
        total = Added()
        connection = self._connection
        had_nameless = self._has_nameless
        try:
            connection.execute("BEGIN")
            try:
                for batch in batches:
                    total += self._add_one(batch, arrived)
                connection.execute("COMMIT")
            except BaseException:
                self._has_nameless = had_nameless
                self._roll_back()
                raise
        except duckdb.Error as error:
            raise translated(error, self._path) from error
        except RuntimeError as error:
            # DuckDB takes Ctrl-C while it works, and says so in this way only.
            if str(error) == "Query interrupted":
                raise KeyboardInterrupt from error
            raise
        return total

    def close(self) -> None:
        """Writes everything into the one file and lets go of it."""
        try:
            self._connection.close()
        except duckdb.Error as error:
            raise translated(error, self._path) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _add_one(self, batch: pa.Table, arrived: datetime) -> Added:
        id_keys = batch.column(ID_KEY).combine_chunks().storage
        content_keys = batch.column(CONTENT_KEY).combine_chunks().storage
        has_nameless = id_keys.null_count > 0
        verdict = judge(id_keys, content_keys, self._known(batch, has_nameless))
        if verdict.replaced:
            self._delete_nameless(verdict.replaced)
        if verdict.new:
            fresh = batch if len(verdict.new) == len(batch) else batch.take(verdict.new)
            self._connection.register("incoming", fresh)
            self._connection.execute(_INSERT, [arrived])
            self._connection.unregister("incoming")
            self._has_nameless = self._has_nameless or has_nameless
        return Added(len(batch) - verdict.already_there, verdict.already_there)

    def _known(self, batch: pa.Table, has_nameless: bool) -> Known:
        keys = pa.table(
            {
                "position": pa.array(range(len(batch)), type=pa.int64()),
                "id": batch.column(ID_KEY),
                "content": batch.column(CONTENT_KEY),
            }
        )
        self._connection.register("keys", keys)
        ids = self._positions(
            f'SELECT position FROM keys WHERE id IN (SELECT "{ID_KEY}" FROM {EVENTS})'
        )
        contents: set[int] = set()
        nameless: set[bytes] = set()
        if has_nameless:
            contents = self._positions(
                "SELECT position FROM keys WHERE id IS NULL AND content IN "
                f'(SELECT "{CONTENT_KEY}" FROM {EVENTS})'
            )
        if self._has_nameless:
            found = self._positions(
                "SELECT position FROM keys WHERE id IS NOT NULL AND content IN "
                f'(SELECT "{CONTENT_KEY}" FROM {EVENTS} WHERE "{ID_KEY}" IS NULL)'
            )
            storage = batch.column(CONTENT_KEY).combine_chunks().storage
            nameless = {storage[position].as_py() for position in found}
        self._connection.unregister("keys")
        return Known(ids, contents, nameless)

    def _positions(self, sql: str) -> set[int]:
        return {position for (position,) in self._connection.execute(sql).fetchall()}

    def _delete_nameless(self, content_keys: list[bytes]) -> None:
        storage = pa.array(content_keys, type=pa.binary(16))
        gone = pa.table({"content": pa.ExtensionArray.from_storage(pa.uuid(), storage)})
        self._connection.register("gone", gone)
        self._connection.execute(
            f'DELETE FROM {EVENTS} WHERE "{ID_KEY}" IS NULL '
            f'AND "{CONTENT_KEY}" IN (SELECT content FROM gone)'
        )
        self._connection.unregister("gone")

    def _value(self, sql: str) -> bool:
        row = self._connection.execute(sql).fetchone()
        return bool(row and row[0])

    def _roll_back(self) -> None:
        # A failed commit has rolled back already; what it failed with is what the caller gets.
        try:
            self._connection.execute("ROLLBACK")
        except duckdb.Error:
            return


def open_for_reading(path: Path, *, memory_limit: str, threads: int) -> duckdb.DuckDBPyConnection:
    """A connection that can read this store and nothing else on the machine.

    `memory_limit` as DuckDB writes it, such as `512MB`. Raises `StoreMissing`, `StoreLocked`,
    `StoreDamaged` or `NotAStore`.
    """
    if not path.exists():
        raise StoreMissing(f"{path}: there is no such store; make one with import or generate.")
    connection = _connect(path, read_only=True)
    try:
        _bound(connection, memory_limit, threads)
        _check_format(connection, path)
        _harden(connection, external_access=False)
        connection.execute("SET lock_configuration = true")
    except duckdb.Error as error:
        connection.close()
        raise translated(error, path) from error
    except StoreError:
        connection.close()
        raise
    return connection


def _connect(path: Path, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    if path.is_dir():
        raise NotAStore(f"{path}: this is a folder, not a store; name a file.")
    # DuckDB would open a JSON or CSV file too, as a database that shows it.
    if not _may_be_database(path):
        raise NotAStore(f"{path}: this file is not a store; name another file.")
    try:
        return duckdb.connect(str(path), read_only=read_only)
    except duckdb.Error as error:
        raise translated(error, path) from error


def _may_be_database(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            start = file.read(_MAGIC_AT + len(_MAGIC))
    except OSError:
        # Missing files are made; what else is wrong, DuckDB says.
        return True
    return not start or start[_MAGIC_AT:] == _MAGIC


def _bound(connection: duckdb.DuckDBPyConnection, memory_limit: str, threads: int) -> None:
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"SET memory_limit = '{memory_limit}'")
    connection.execute(f"SET threads = {int(threads)}")
    connection.execute("SET preserve_insertion_order = false")


def _harden(connection: duckdb.DuckDBPyConnection, *, external_access: bool) -> None:
    connection.execute("SET autoinstall_known_extensions = false")
    connection.execute("SET autoload_known_extensions = false")
    if not external_access:
        connection.execute("SET enable_external_access = false")


def _check_format(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    tables = {
        name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()
    }
    if not {EVENTS, "meta"} <= tables:
        raise NotAStore(f"{path}: this is a database, but not a store of provisioning events.")
    row = connection.execute("SELECT format FROM meta").fetchone()
    if row is None or row[0] != FORMAT:
        raise NotAStore(
            f"{path}: this store has another format than this version reads; import it anew."
        )


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
