from __future__ import annotations

import gzip
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.records.importing import add_lines, import_paths
from service.records.problems import MissingPathError, RecordError
from service.records.reporting import Refusal, Silent, Summary, Unreadable
from service.records.store import Added, Store, StoreMissing, open_for_reading
from tests.records.made_up import (
    csv_text,
    diagnostic,
    graph,
    lines,
    log_analytics,
    portal_csv,
)

NOON = datetime(2026, 5, 5, 12, tzinfo=UTC)


@dataclass
class Heard(Silent):
    """A reporter that remembers what it was told."""

    refusals: list[Refusal] = field(default_factory=list)
    files: list[Unreadable] = field(default_factory=list)

    def refused(self, refusal: Refusal) -> None:
        self.refusals.append(refusal)

    def unreadable(self, unreadable: Unreadable) -> None:
        self.files.append(unreadable)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store" / "events.db"


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "logs"
    folder.mkdir()
    return folder


def bring(store: Path, *paths: Path | str, reporter: Silent | None = None) -> Summary:
    return import_paths(paths, store, reporter=reporter or Silent(), clock=lambda: NOON)


def ask(store: Path, sql: str) -> list[Any]:
    connection = open_for_reading(store, memory_limit="256MB", threads=1)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def rows(store: Path) -> list[Any]:
    return ask(store, "SELECT * FROM events ORDER BY Id, ChangeId")


def page(*records: dict[str, Any]) -> dict[str, Any]:
    return {"@odata.context": "https://graph", "value": list(records), "@odata.nextLink": "next"}


def answer(*rows: dict[str, Any]) -> dict[str, Any]:
    columns = [{"name": name, "type": "string"} for name in rows[0]]
    return {
        "tables": [
            {"name": "PrimaryResult", "columns": columns, "rows": [[*row.values()] for row in rows]}
        ]
    }


def dumped(value: Any) -> bytes:
    return json.dumps(value).encode()


def renamed_time(row: dict[str, Any]) -> dict[str, Any]:
    return {("TimeGenerated [UTC]" if k == "TimeGenerated" else k): v for k, v in row.items()}


NUMBERS = (1, 2, 3)
SHAPES: dict[str, bytes] = {
    "diagnostic lines": lines(*map(diagnostic, NUMBERS)),
    "diagnostic lines without an end": lines(*map(diagnostic, NUMBERS)).rstrip(),
    "diagnostic lines of Windows": lines(*map(diagnostic, NUMBERS)).replace(b"\n", b"\r\n\r\n"),
    "diagnostic array": dumped([*map(diagnostic, NUMBERS)]),
    "diagnostic record, indented": json.dumps([*map(diagnostic, NUMBERS)], indent=2).encode(),
    "Event Hub message": dumped({"records": [*map(diagnostic, NUMBERS)]}),
    "Event Hub messages as lines": lines(*({"records": [diagnostic(n)]} for n in NUMBERS)),
    "Graph page": dumped(page(*map(graph, NUMBERS))),
    "Graph page, indented": json.dumps(page(*map(graph, NUMBERS)), indent=1).encode(),
    "Graph pages as lines": lines(*(page(graph(n)) for n in NUMBERS)),
    "Graph pages, one after another": b"\n".join(
        json.dumps(page(graph(n)), indent=1).encode() for n in NUMBERS
    ),
    "Graph array": dumped([*map(graph, NUMBERS)]),
    "Graph lines": lines(*map(graph, NUMBERS)),
    "rows as array": dumped([*map(log_analytics, NUMBERS)]),
    "rows as lines": lines(*(log_analytics(n, text=False) for n in NUMBERS)),
    "query's answer": dumped(answer(*map(log_analytics, NUMBERS))),
    "query's answer of the older API": dumped(
        {
            "Tables": [
                {
                    "TableName": "Table_0",
                    "Columns": [{"ColumnName": name} for name in log_analytics(1)],
                    "Rows": [[*log_analytics(n).values()] for n in NUMBERS],
                }
            ]
        }
    ),
    "rows as CSV": csv_text([*map(log_analytics, NUMBERS)]).encode(),
    "rows as the portal's CSV": csv_text([renamed_time(log_analytics(n)) for n in NUMBERS]).encode(
        "utf-8-sig"
    ),
    "rows as CSV with semicolons": csv_text([*map(log_analytics, NUMBERS)], delimiter=";").encode(),
    "mixed lines": lines(diagnostic(1), graph(2), log_analytics(3)),
}


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    folder = tmp_path_factory.mktemp("expected")
    (folder / "log").write_bytes(SHAPES["diagnostic lines"])
    bring(folder / "events.db", folder / "log")
    return rows(folder / "events.db")


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_of_file_gives_the_same_rows(
    shape: str, store: Path, logs: Path, expected: list[Any]
) -> None:
    (logs / "a-name-that-says-nothing").write_bytes(SHAPES[shape])
    summary = bring(store, logs)
    assert (summary.added, summary.refused, summary.unreadable) == (3, 0, ())
    assert rows(store) == expected


@pytest.mark.parametrize(
    "packed",
    [
        gzip.compress,
        lambda text: text.decode().encode("utf-16"),
        lambda text: b"\xfe\xff" + text.decode().encode("utf-16-be"),
        lambda text: b"\xef\xbb\xbf" + text,
        lambda text: gzip.compress(text.decode().encode("utf-16")),
    ],
    ids=["gzip", "UTF-16", "UTF-16 big end first", "UTF-8 with a mark", "both"],
)
def test_packing_and_encoding_are_told_by_content(
    packed: Callable[[bytes], bytes], store: Path, logs: Path, expected: list[Any]
) -> None:
    (logs / "log.txt").write_bytes(packed(SHAPES["diagnostic lines"]))
    bring(store, logs)
    assert rows(store) == expected


def test_all_shapes_in_any_order_leave_the_same_rows(
    tmp_path: Path, logs: Path, expected: list[Any]
) -> None:
    names = list(SHAPES)
    for name in names:
        (logs / name).write_bytes(SHAPES[name])
    for seed in range(3):
        store = tmp_path / f"{seed}.db"
        Random(seed).shuffle(names)
        for name in names[:7]:
            bring(store, logs / name)
        again = bring(store, logs)
        assert (again.added, again.already_there) == (0, 3 * len(SHAPES))
        assert rows(store) == expected


def test_importing_twice_adds_nothing(store: Path, logs: Path) -> None:
    (logs / "log").write_bytes(lines(*map(diagnostic, range(50))))
    first, second = bring(store, logs), bring(store, logs)
    assert (first.read, first.added, first.already_there) == (50, 50, 0)
    assert (second.read, second.added, second.already_there) == (50, 0, 50)


def test_summary_counts_jobs_and_spans_the_events(store: Path, logs: Path) -> None:
    (logs / "log").write_bytes(lines(diagnostic(5), diagnostic(65), {"some": "thing"}))
    summary = bring(store, logs)
    assert summary == Summary(
        read=3,
        added=2,
        already_there=0,
        refused=1,
        first_event=datetime(2026, 5, 4, 0, 5, 7, 123456, tzinfo=UTC),
        last_event=datetime(2026, 5, 4, 1, 5, 7, 123456, tzinfo=UTC),
        jobs=1,
        files=1,
        unreadable=(),
    )


def test_folders_of_a_storage_account_are_read(store: Path, logs: Path) -> None:
    for hour in range(3):
        blob = logs / f"tenantId=t/y=2026/m=05/d=04/h={hour:02d}/m=00/PT1H.json"
        blob.parent.mkdir(parents=True)
        blob.write_bytes(lines(diagnostic(hour)))
    assert bring(store, logs).added == 3
    assert bring(store, f"{logs}/**/PT1H.json", logs / "tenantId=t").files == 3


def test_file_named_twice_is_read_once(store: Path, logs: Path) -> None:
    (logs / "log").write_bytes(lines(diagnostic()))
    (logs / "link").symlink_to(logs / "log")
    assert bring(store, logs / "log", logs, f"{logs}/l*").read == 1


def test_store_among_the_files_is_left_out(logs: Path) -> None:
    (logs / "log").write_bytes(lines(diagnostic()))
    bring(logs / "events.db", logs)
    again = bring(logs / "events.db", logs)
    assert (again.files, again.unreadable) == (1, ())


def test_missing_path_stops_before_anything_is_read(store: Path, logs: Path) -> None:
    (logs / "log").write_bytes(lines(diagnostic()))
    with pytest.raises(MissingPathError, match="nowhere"):
        bring(store, logs / "log", logs / "nowhere*.json")
    assert not store.exists()


def test_refused_records_are_named_by_file_and_line(store: Path, logs: Path) -> None:
    good = lines(diagnostic(1)).strip()
    surrogate = good.replace(b"Garden", b"\\ud800")
    deep = b'{"properties":' * 2000 + b"1" + b"}" * 2000
    (logs / "log").write_bytes(
        b"\n".join([good, b"{broken", b"\0\0", surrogate, b"", deep, b"5", good[:200]])
    )
    heard = Heard()
    summary = bring(store, logs, reporter=heard)
    assert (summary.read, summary.added, summary.refused) == (7, 1, 6)
    assert [refusal.line for refusal in heard.refusals] == [2, 3, 4, 6, 7, 8]
    assert str(heard.refusals[0]).startswith(f"{logs / 'log'}:2: it is not valid JSON: ")


def test_refused_records_of_an_array_are_named_by_line(store: Path, logs: Path) -> None:
    text = b"[\n" + b",\n".join([dumped(diagnostic(1)), b'{"a": nope}', dumped(diagnostic(2))])
    (logs / "log").write_bytes(text)
    heard = Heard()
    summary = bring(store, logs, reporter=heard)
    assert (summary.added, [refusal.line for refusal in heard.refusals]) == (2, [3, 4])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b" \n\n", "it is empty"),
        (b"# Notes\n\nNothing, to see here.\n", "holds no provisioning logs"),
        (b"name,age\r\nEva,5\r\n", "holds no provisioning logs"),
        (b'{"compilerOptions": {"strict": true}}', "holds no provisioning logs"),
        (b"[1, 2, 3]", "holds no provisioning logs"),
        (b'{"a": 1}\n' * 5000, "holds no provisioning logs"),
        (bytes(range(256)) * 10, "binary"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "binary"),
        (gzip.compress(b"x" * 100_000)[:60], "compressed data is cut"),
    ],
)
def test_file_of_something_else_is_one_error_and_stops_nothing(
    content: bytes, reason: str, store: Path, logs: Path
) -> None:
    (logs / "a").write_bytes(content)
    (logs / "b").write_bytes(lines(diagnostic()))
    heard = Heard()
    summary = bring(store, logs, reporter=heard)
    assert (summary.added, summary.refused) == (1, 0)
    assert [unreadable.path for unreadable in heard.files] == [logs / "a"]
    assert reason in heard.files[0].reason


def test_nothing_readable_leaves_no_store(store: Path, logs: Path) -> None:
    (logs / "notes").write_text("Nothing here.")
    bring(store, logs)
    with pytest.raises(StoreMissing):
        ask(store, "SELECT 1")


def test_cut_gzip_file_gives_what_comes_before_the_cut(store: Path, logs: Path) -> None:
    text = lines(*map(diagnostic, range(4000)))
    packed = gzip.compress(text)
    (logs / "log.gz").write_bytes(packed[: len(packed) // 2])
    summary = bring(store, logs)
    assert 0 < summary.added < 4000
    assert "cut or damaged" in summary.unreadable[0].reason


def portal(folder: Path, *numbers: int, order: str = "abc") -> None:
    for name, text in zip(order, portal_csv(*numbers), strict=True):
        (folder / f"{name}.csv").write_text(text, encoding="utf-8", newline="")


@pytest.mark.parametrize("order", ["abc", "cba", "bca"])
def test_three_files_of_the_portal_are_one_event(
    order: str, store: Path, logs: Path, expected: list[Any]
) -> None:
    portal(logs, *NUMBERS, order=order)
    summary = bring(store, logs)
    assert (summary.read, summary.added, summary.refused, summary.unreadable) == (3, 3, 0, ())
    shared = (
        "TimeGenerated, JobId, CycleId, ChangeId, Action, ResultType, ResultSignature, "
        "ResultDescription, DurationMs, ServicePrincipal, ProvisioningSteps, ModifiedProperties, "
        "AADTenantId, _ContentKey"
    )
    found = ask(store, f"SELECT {shared} FROM events ORDER BY ChangeId")
    (logs / "log").write_bytes(SHAPES["Graph page"])
    again = bring(store, logs)
    assert (again.added, again.already_there) == (0, 6)
    assert ask(store, f"SELECT {shared} FROM events ORDER BY ChangeId") == found
    whole = ask(store, "SELECT * EXCLUDE (OperationVersion) FROM events ORDER BY Id")
    assert len(whole) == len(expected)


def test_steps_without_their_events_are_told(store: Path, logs: Path) -> None:
    _, steps, properties = portal_csv(1)
    (logs / "steps.csv").write_text(steps, encoding="utf-8")
    (logs / "properties.csv").write_text(properties, encoding="utf-8")
    summary = bring(store, logs)
    assert [unreadable.path.name for unreadable in summary.unreadable] == [
        "properties.csv",
        "steps.csv",
    ]
    assert "its events are missing" in summary.unreadable[0].reason


def test_portal_csv_without_job_ids_has_one_job_per_application(store: Path, logs: Path) -> None:
    text = (
        "Date,Identity,Action,Source system,Target system,Status,Application\r\n"
        "2026-05-04T01:02:03Z,Eva,Create,Microsoft Entra ID,Garden,Success,Garden\r\n"
        "2026-05-04T02:02:03Z,Ida,Update,Microsoft Entra ID,Garden,Skipped,GARDEN\r\n"
        "2026-05-04T02:02:04Z,Ida,Update,Microsoft Entra ID,Shed,Skipped,Shed\r\n"
        "2026-05-04T02:02:04Z,Ida\r\n"
        "2026-05-04T02:02:04Z,Ida,Update,Microsoft Entra ID,Shed,Skipped,\r\n"
    )
    (logs / "log.csv").write_text(text, encoding="utf-8", newline="")
    heard = Heard()
    summary = bring(store, logs, reporter=heard)
    assert (summary.added, summary.jobs) == (3, 2)
    assert [(refusal.line, refusal.reason) for refusal in heard.refusals] == [
        (5, "it has 2 cells, the header 7"),
        (6, "it has no job ID"),
    ]
    jobs = [job for (job,) in ask(store, "SELECT DISTINCT JobId FROM events")]
    assert all(job.startswith("portal.") for job in jobs)


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    content=st.binary(max_size=200)
    | st.builds(
        lambda shape, start, junk: shape[:start] + junk + shape[start + len(junk) :],
        st.sampled_from(sorted(SHAPES.values())),
        st.integers(0, 4000),
        st.binary(min_size=1, max_size=8),
    )
)
def test_any_file_is_read_refused_or_unreadable(content: bytes, tmp_path: Path) -> None:
    log, store = tmp_path / "log", tmp_path / "events.db"
    log.write_bytes(content)
    store.unlink(missing_ok=True)
    summary = bring(store, log)
    assert summary.read == summary.added + summary.already_there + summary.refused


def test_lines_can_be_added_without_a_file(store: Path) -> None:
    with Store.create_or_open(store, lambda: NOON) as opened:
        made = (lines(diagnostic(number)) for number in range(30))
        assert add_lines(made, opened) == Added(30, 0)
        with pytest.raises(RecordError, match="line 2: "):
            add_lines([lines(diagnostic(31)), b"{\n"], opened)
    assert ask(store, "SELECT count(*) FROM events") == [(30,)]


def test_worker_processes_give_the_rows_that_one_process_gives(
    store: Path, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (logs / "a").write_bytes(lines(*map(diagnostic, range(3000))))
    (logs / "b").write_bytes(b"\n".join([dumped(diagnostic(3001)), b"{broken"]))
    alone = bring(store, logs)
    monkeypatch.setattr("service.records.importing._WORTH_WORKERS", 1)
    beside = bring(store.with_name("beside.db"), logs)
    assert beside == alone
    assert rows(store.with_name("beside.db")) == rows(store)


KILLED = """
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from service.records import importing, transactions
from service.records.reporting import Silent

class Telling(Silent):
    def advance(self, done, records):
        print(records, flush=True)

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    transactions._TRANSACTION_ROWS = transactions._BATCH_ROWS = 500
    importing._WORTH_WORKERS = int(sys.argv[3])
    importing.import_paths(
        [sys.argv[1]], Path(sys.argv[2]), reporter=Telling(), clock=lambda: datetime.now(UTC)
    )
"""


@pytest.mark.parametrize("worth_workers", [1, 1 << 40], ids=["beside", "alone"])
@pytest.mark.parametrize(
    ("chunks", "ended_by"), [(1, signal.SIGKILL), (3, signal.SIGKILL), (3, signal.SIGINT)]
)
def test_ended_import_leaves_whole_batches_and_a_second_completes_it(
    store: Path,
    logs: Path,
    tmp_path: Path,
    chunks: int,
    ended_by: signal.Signals,
    worth_workers: int,
) -> None:
    for number in range(12):
        records = map(diagnostic, range(number * 500, number * 500 + 500))
        (logs / f"{number:02d}").write_bytes(lines(*records))
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    command = [sys.executable, str(script), str(logs), str(store), str(worth_workers)]
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=root,
        env={"PYTHONPATH": str(root)},
    ) as process:  # fmt: skip
        assert process.stdout is not None
        for _ in range(chunks):
            process.stdout.readline()
        process.send_signal(ended_by)
        process.wait()
    time.sleep(0.2)
    if store.exists():
        with Store.create_or_open(store, lambda: NOON):
            pass
        (held,) = ask(store, "SELECT count(*) FROM events")[0]
        assert held % 500 == 0
        assert held < 6000
    summary = bring(store, logs)
    assert summary.added + summary.already_there == 6000
    assert ask(store, "SELECT count(*), count(DISTINCT Id) FROM events") == [(6000, 6000)]
