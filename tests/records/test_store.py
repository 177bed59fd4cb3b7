from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from service.records.batch import table_of
from service.records.shapes import row_of_record
from service.records.store import (
    Added,
    NotAStore,
    Store,
    StoreDamaged,
    StoreError,
    StoreLocked,
    StoreMissing,
    open_for_reading,
)
from service.table import COLUMNS
from tests.records.made_up import diagnostic

NOON = datetime(2026, 5, 5, 12, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.db"


def batch(*records: dict[str, Any]) -> pa.Table:
    return table_of([row_of_record(record) for record in records])


def nameless(number: int = 1) -> dict[str, Any]:
    record = diagnostic(number)
    record["identity"] = record["properties"]["id"] = None
    return record


def renamed(record: dict[str, Any], identifier: str) -> dict[str, Any]:
    return record | {"properties": record["properties"] | {"id": identifier}}


def add(path: Path, *records: dict[str, Any]) -> Added:
    with Store.create_or_open(path, lambda: NOON) as store:
        return store.add([batch(*records)])


def ask(path: Path, sql: str) -> list[Any]:
    connection = open_for_reading(path, memory_limit="256MB", threads=1)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def test_events_have_the_columns_of_the_table_and_the_time_of_arrival(path: Path) -> None:
    add(path, diagnostic())
    columns = ask(path, "SELECT column_name, data_type FROM duckdb_columns() "
                        "WHERE table_name = 'events'")  # fmt: skip
    types = {"datetime": "TIMESTAMP", "long": "BIGINT", "real": "DOUBLE", "string": "VARCHAR"}
    assert dict(columns) == {name: types[kind] for name, kind in COLUMNS.items()} | {
        "_Arrived": "TIMESTAMP",
        "_IdKey": "UUID",
        "_ContentKey": "UUID",
    }
    rows = ask(path, "SELECT TimeGenerated, _Arrived FROM events")
    assert rows == [(datetime(2026, 5, 4, 0, 1, 7, 123456), datetime(2026, 5, 5, 12))]


def test_same_event_is_added_once(path: Path) -> None:
    assert add(path, diagnostic(1), diagnostic(2), diagnostic(1)) == Added(2, 1)
    assert add(path, diagnostic(2), diagnostic(3)) == Added(1, 1)
    assert ask(path, "SELECT count(*) FROM events") == [(3,)]


def test_batches_of_one_call_know_each_other(path: Path) -> None:
    with Store.create_or_open(path, lambda: NOON) as store:
        assert store.add([batch(diagnostic(1)), batch(diagnostic(1), nameless(1))]) == Added(1, 2)


def test_events_with_different_ids_stay_apart(path: Path) -> None:
    assert add(path, diagnostic(1), renamed(diagnostic(1), "other")) == Added(2, 0)


@pytest.mark.parametrize("at_once", [True, False])
def test_row_with_an_id_replaces_the_one_without(path: Path, at_once: bool) -> None:
    if at_once:
        assert add(path, nameless(1), diagnostic(1)) == Added(1, 1)
    else:
        assert add(path, nameless(1)) == Added(1, 0)
        assert add(path, diagnostic(1)) == Added(0, 1)
    assert add(path, nameless(1)) == Added(0, 1)
    assert ask(path, "SELECT Id FROM events") == [(diagnostic(1)["identity"],)]


def test_one_row_without_an_id_gives_way_to_one_row_only(path: Path) -> None:
    add(path, nameless(1))
    assert add(path, diagnostic(1), renamed(diagnostic(1), "other")) == Added(1, 1)
    assert ask(path, "SELECT count(*) FROM events") == [(2,)]


def test_events_without_steps_are_told_apart_by_time_action_and_result(path: Path) -> None:
    first, second, again = nameless(1), nameless(1), nameless(1)
    for record in (first, second, again):
        record["properties"]["provisioningSteps"] = []
    second["properties"]["activityDateTime"] = "2026-05-04T00:01:08Z"
    again["properties"]["activityDateTime"] = "2026-05-04T00:01:07.9Z"
    assert add(path, first, second, again) == Added(2, 1)


def test_failing_call_adds_nothing(path: Path) -> None:
    def broken() -> Iterator[pa.Table]:
        yield batch(nameless(1))
        raise KeyError("stop")

    with Store.create_or_open(path, lambda: NOON) as store:
        with pytest.raises(KeyError):
            store.add(broken())
        assert store.add([batch(diagnostic(1))]) == Added(1, 0)


def test_reading_can_neither_write_nor_reach_files(path: Path) -> None:
    add(path, diagnostic())
    connection = open_for_reading(path, memory_limit="256MB", threads=1)
    for sql in (
        "DELETE FROM events",
        "SELECT * FROM read_text('/etc/hostname')",
        "COPY events TO 'out.csv'",
        "SET enable_external_access = true",
        "SET threads = 4",
        "ATTACH 'other.db'",
        "INSTALL httpfs",
    ):
        with pytest.raises(duckdb.Error):
            connection.execute(sql)
    assert connection.execute("SELECT current_setting('TimeZone')").fetchone() == ("UTC",)
    connection.close()


def test_missing_store_is_said(path: Path) -> None:
    with pytest.raises(StoreMissing, match="there is no such store"):
        open_for_reading(path, memory_limit="256MB", threads=1)


@pytest.mark.parametrize("content", [b"Date,Status\r\n", b'{"a": 1}\n', b"x" * 20_000])
def test_another_file_is_not_a_store_and_stays_as_it_is(path: Path, content: bytes) -> None:
    path = path.with_suffix(".jsonl")
    path.write_bytes(content)
    with pytest.raises(NotAStore, match="not a store"):
        open_for_reading(path, memory_limit="256MB", threads=1)
    with pytest.raises(NotAStore):
        Store.create_or_open(path, lambda: NOON)
    assert path.read_bytes() == content


def test_another_database_or_folder_is_not_a_store(path: Path, tmp_path: Path) -> None:
    duckdb.connect(str(path)).execute("CREATE TABLE events (a INTEGER)").close()
    for place in (path, tmp_path):
        with pytest.raises(NotAStore):
            open_for_reading(place, memory_limit="256MB", threads=1)
        with pytest.raises(NotAStore):
            Store.create_or_open(place, lambda: NOON)


def test_store_of_another_format_is_refused(path: Path) -> None:
    add(path, diagnostic())
    duckdb.connect(str(path)).execute("UPDATE meta SET format = 99").close()
    with pytest.raises(NotAStore, match="another format"):
        open_for_reading(path, memory_limit="256MB", threads=1)


def test_cut_store_is_damaged(path: Path) -> None:
    add(path, *(diagnostic(number) for number in range(2000)))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    with pytest.raises(StoreDamaged, match="damaged"):
        open_for_reading(path, memory_limit="256MB", threads=1).execute("SELECT * FROM events")


def test_locked_store_names_the_process_that_holds_it(path: Path) -> None:
    add(path, diagnostic())
    code = (
        f"import duckdb; held = duckdb.connect({str(path)!r}); print('held', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        for use in (
            lambda: open_for_reading(path, memory_limit="256MB", threads=1),
            lambda: Store.create_or_open(path, lambda: NOON),
        ):
            with pytest.raises(StoreLocked, match=f"process {holder.pid} has the store open"):
                use()
        holder.communicate(b"\n")


def test_folder_that_can_not_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="folder can't be made"):
        Store.create_or_open(tmp_path / "file" / "events.db", lambda: NOON)


FULL = """
import resource, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from service.records.store import Store, StoreError
from tests.records.test_store import batch
from tests.records.made_up import diagnostic

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))
records = [diagnostic(number) for number in range(4000)]
try:
    with Store.create_or_open(Path(sys.argv[1]), lambda: datetime.now(UTC)) as store:
        store.add([batch(*records)])
except StoreError as error:
    print(error)
"""


def test_store_that_can_not_grow_says_so_and_keeps_what_it_had(path: Path) -> None:
    add(path, diagnostic())
    told = subprocess.run(
        [sys.executable, "-c", FULL, str(path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert "the store can't be written" in told.stdout
    assert ask(path, "SELECT count(*) FROM events") == [(1,)]
