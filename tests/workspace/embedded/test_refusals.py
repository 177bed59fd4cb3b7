"""What is not one query over the known table is refused, whichever lock it meets first."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from service.kql.template import Kql
from service.records.store import open_for_reading
from service.workspace.embedded import EmbeddedWorkspace
from service.workspace.embedded.translation import refuse_foreign_sources
from service.workspace.errors import QueryRejected
from tests.stores import EVER, NOW, PATIENT, Event, open_workspace, write_store


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedWorkspace]:
    store = write_store(tmp_path_factory.mktemp("refusals") / "events.duckdb", [Event(NOW)])
    workspace = open_workspace(store)
    yield workspace
    asyncio.run(workspace.close())


@pytest.mark.parametrize(
    "kql",
    [
        "",
        "// nothing",
        ".show tables",
        ".set-or-replace AADProvisioningLogs <| print 1",
        ".drop table events",
        "AADProvisioningLogs | take 1; .drop table events",
        "AADProvisioningLogs; AADProvisioningLogs",
        "set query_now = datetime(2020-01-01); print now()",
        "declare query_parameters(x: string); print x",
        "alias database other = cluster('x').database('y'); AADProvisioningLogs",
        "events | take 1",
        "main.events | take 1",
        "meta",
        "['events']",
        "['/etc/passwd']",
        "['x.parquet'] | take 1",
        "['x.csv']",
        "['https://example.net/x.json']",
        "['information_schema.tables']",
        "information_schema.tables",
        "duckdb_settings",
        "sqlite_master",
        "union *",
        "union AAD*",
        "union withsource=Name AADProvisioningLogs, events",
        "find in (events) where Id == 'x'",
        "search 'x'",
        'database("main").AADProvisioningLogs',
        'cluster("help").database("x").T',
        'workspace("x").AADProvisioningLogs',
        'table("events")',
        'externaldata(x: string)["/etc/passwd"]',
        "AADProvisioningLogs | where Id in (events)",
        "AADProvisioningLogs | where Id in ((events | project Id))",
        "AADProvisioningLogs | join (events) on Id",
        "AADProvisioningLogs | lookup ['/etc/passwd'] on Id",
        "AADProvisioningLogs | union ['x.parquet']",
        "print toscalar(events | count)",
        "let t = ['x.parquet']; t",
        "let t = materialize(events); t",
        "let f = () { events }; f()",
        "AADProvisioningLogs | evaluate python(typeof(*), 'x')",
        "AADProvisioningLogs | invoke f()",
        "print read_text('/etc/passwd')",
        "print getenv('HOME')",
        "print current_setting('memory_limit')",
        "print query('SELECT 1')",
        "SELECT * FROM events",
        "AADProvisioningLogs | where Nowhere == 1",
        "AADProvisioningLogs | where Id == 'open",
        "(" * 5000 + "AADProvisioningLogs" + ")" * 5000,
    ],
    ids=lambda kql: kql[:40],
)
async def test_refused(asked: EmbeddedWorkspace, kql: str) -> None:
    with pytest.raises(QueryRejected) as refused:
        await asked.query(Kql(kql), EVER, deadline=PATIENT)
    assert "\n" not in str(refused.value)
    counted = await asked.query(Kql("AADProvisioningLogs | count"), EVER, deadline=PATIENT)
    assert counted.rows == [(1,)]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM events",
        "SELECT * FROM main.events",
        "SELECT * FROM 'x.parquet'",
        "SELECT * FROM AADProvisioningLogs, other.main.AADProvisioningLogs",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM AADProvisioningLogs WHERE Id IN (SELECT content FROM read_text('/x'))",
        "WITH a AS (SELECT * FROM events) SELECT * FROM a",
        "SELECT (SELECT max(value) FROM duckdb_settings())",
        "SELECT 1; SELECT 2",
        "COPY AADProvisioningLogs TO '/tmp/x'",
        "SET threads = 4",
        "ATTACH 'x'",
        "PRAGMA version",
        "INSERT INTO events SELECT 1",
        "no sql",
    ],
)
def test_second_lock_reads_the_sql_itself(sql: str) -> None:
    with duckdb.connect() as connection, pytest.raises(QueryRejected):
        refuse_foreign_sources(connection, sql)


def test_second_lock_opens_for_the_table() -> None:
    sql = (
        "WITH a AS (SELECT * FROM \"AADProvisioningLogs\" WHERE t > $kqlnow AND x = 'y.csv') "
        "SELECT UNNEST(generate_series(1, 2)), quantile_disc(1, CAST(95 AS BIGINT) / 100.0) FROM a"
    )
    with duckdb.connect() as connection:
        refuse_foreign_sources(connection, sql)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('{file}')",
        "SELECT * FROM '{file}'",
        "COPY events TO '{file}'",
        "ATTACH '{file}'",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "DELETE FROM events",
        "INSTALL httpfs",
    ],
)
def test_connection_reads_the_store_and_nothing_else(tmp_path: Path, sql: str) -> None:
    """Whatever came through both locks: DuckDB itself has no way to files, nor to writing."""
    file = tmp_path / "secret.csv"
    file.write_text("a,b\n1,2\n")
    store = write_store(tmp_path / "events.duckdb", [Event(NOW)])
    connection = open_for_reading(store, memory_limit="64MB", threads=1)
    try:
        with pytest.raises(duckdb.Error):
            connection.execute(sql.format(file=file))
    finally:
        connection.close()
    assert file.read_text() == "a,b\n1,2\n"
