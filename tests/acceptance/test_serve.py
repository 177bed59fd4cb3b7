"""`serve` as a person meets it: what it serves, how it ends, what it says when it can't."""

from __future__ import annotations

import gzip
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from service.records.store import Store
from tests.acceptance.process import program, serving
from tests.api.world import GARDEN, event, made_store, tenant


def recent(count: int) -> list[bytes]:
    """So many creates of the last hours."""
    now = datetime.now(UTC)
    return [event(n, now - timedelta(minutes=n)) for n in range(1, count + 1)]


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """Somebody's export: a folder with a packed file, a plain one with a bad line, and no logs."""
    folder = tmp_path / "their export"
    (folder / "y=2026" / "m=11").mkdir(parents=True)
    lines = recent(30)
    (folder / "y=2026" / "m=11" / "PT1H.json.gz").write_bytes(gzip.compress(b"".join(lines[:20])))
    (folder / "more.jsonl").write_bytes(b"".join([*lines[20:], b"{broken\n", *lines[:3]]))
    (folder / "notes.txt").write_text("Nothing to see here.")
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return made_store(tmp_path / "imported.duckdb", iter(recent(5)))


def test_demo_answers_at_once_and_ends_cleanly() -> None:
    with serving() as served:
        jobs = served.client.get("/jobs").json()["data"]
        assert len(jobs) == 12
        assert sum(job["events"] for job in jobs) > 1000
        for route in ("/failures", "/spikes", "/skipped-members", "/readyz", "/metrics", "/docs"):
            assert served.client.get(route).status_code == 200
        ended = served.stop()
    assert ended.code == 0
    assert ended.out == f"Serving on {served.url}\n"
    assert ended.line == "Serving a made-up tenant; use --logs to serve your own export."


def test_export_is_served_and_what_could_not_be_read_is_said(export: Path) -> None:
    with serving("--logs", str(export)) as served:
        (job,) = served.client.get("/jobs").json()["data"]
        assert (job["job_id"], job["events"]) == (GARDEN, 30)
        ended = served.stop()
    assert ended.code == 0
    assert "more.jsonl:11:" in ended.err
    assert "Traceback" not in ended.err
    assert ended.err.endswith("Serving 30 events of 1 jobs.\n")


def test_store_is_served_as_it_is(store: Path) -> None:
    before = store.read_bytes()
    with serving("--store", str(store)) as served:
        (job,) = served.client.get("/jobs").json()["data"]
        assert job["events"] == 5
        ended = served.stop()
    assert (ended.code, ended.err) == (0, "")
    assert store.read_bytes() == before


def test_head_is_get_without_its_body_on_a_real_server(store: Path) -> None:
    with serving("--store", str(store)) as served:
        for path in ("/jobs", "/jobs", "/failures?format=csv", "/docs", "/jobs/nobody"):
            head, got = served.client.head(path), served.client.get(path)
            assert (head.status_code, head.content) == (got.status_code, b"")
            assert head.headers["content-length"] == got.headers["content-length"]
        ended = served.stop()
    assert "Traceback" not in ended.err


def test_import_then_serve(export: Path, tmp_path: Path) -> None:
    store = tmp_path / "made.duckdb"
    imported = program("import", str(export), "--store", str(store))
    assert imported.code == 0
    with serving("--store", str(store)) as served:
        assert served.client.get("/jobs").json()["data"][0]["events"] == 30


def test_empty_store_serves_empty_answers(tmp_path: Path) -> None:
    store = made_store(tmp_path / "empty.duckdb", iter(()))
    with serving("--store", str(store)) as served:
        assert served.client.get("/jobs").json()["data"] == []
        assert served.client.get("/jobs/nobody").status_code == 404


@pytest.mark.parametrize(("how", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_signal_ends_it_and_leaves_nothing_behind(
    export: Path, tmp_path: Path, how: signal.Signals, code: int
) -> None:
    made = tmp_path / "made for the occasion"
    made.mkdir()
    with serving("--logs", str(export), environment={"TMPDIR": str(made)}) as served:
        assert list(made.iterdir())
        ended = served.stop(how)
    assert ended.code == code
    assert "Traceback" not in ended.err
    assert list(made.iterdir()) == []


def test_requests_under_way_are_answered_before_the_end() -> None:
    with serving() as served, ThreadPoolExecutor() as threads:
        asked = [
            threads.submit(served.client.get, "/skipped-members", params={"window": f"{days}d"})
            for days in range(20, 35)
        ]
        time.sleep(0.2)
        ended = served.stop()
        answers = [_status(future) for future in asked]
    assert ended.code == 0
    # What had not reached it yet finds nobody; what had is answered.
    assert 200 in answers
    assert set(answers) <= {200, None}


_ENDLESS = """
name: endless
title: A question without an end
description: How many times four events are there?
kql: |
  let Events = AADProvisioningLogs
  | where TimeGenerated >= {from} and TimeGenerated < {to}
  | project All = 1, Id;
  Events
  | join kind=inner Events on All
  | join kind=inner Events on All
  | join kind=inner Events on All
  | summarize events = count() by Id
columns:
  - {name: Id, type: string, description: The first one.}
  - {name: events, type: long, description: How many.}
"""


def test_what_is_not_finished_within_the_grace_is_closed(tmp_path: Path) -> None:
    pack = tmp_path / "endless.yaml"
    pack.write_text(_ENDLESS)
    settings = {"INSIGHTS_PACKS": str(pack), "INSIGHTS_SHUTDOWN_GRACE": "1s"}
    with serving(environment=settings) as served, ThreadPoolExecutor() as threads:
        while not _asked(served.client, "skipped-members") or _in_flight(served.client):
            time.sleep(0.1)  # what the service asks by itself comes first
        asked = threads.submit(served.client.get, "/insights/endless", params={"window": "90d"})
        while not _in_flight(served.client):
            assert not asked.done(), asked.result().text
            time.sleep(0.1)
        ended = served.stop()
        answer = asked.result()
    assert (answer.status_code, answer.json()["code"]) == (503, "workspace-unavailable")
    assert answer.headers["retry-after"]
    assert ended.code == 0
    assert "Traceback" not in ended.err


def _in_flight(client: httpx.Client) -> bool:
    found = re.search(
        r"^insights_workspace_queries_in_flight (\S+)$", _metrics(client), re.MULTILINE
    )
    return found is not None and float(found[1]) > 0


def _asked(client: httpx.Client, insight: str) -> bool:
    return f'insights_workspace_queries_total{{insight="{insight}"' in _metrics(client)


def _metrics(client: httpx.Client) -> str:
    return client.get("/metrics").text


def _status(asked: Future[httpx.Response]) -> int | None:
    try:
        answer = asked.result()
    except httpx.TransportError:
        return None
    return answer.status_code


def test_ipv6_loopback(store: Path) -> None:
    with serving("--store", str(store), "--host", "::1") as served:
        assert served.url.startswith("http://[::1]:")
        assert served.client.get("/healthz").status_code == 200


def test_localhost_by_name_and_settings_from_a_file(store: Path, tmp_path: Path) -> None:
    config = tmp_path / "settings.yaml"
    config.write_text(f"host: localhost\nstore: {store}\nmax_window: 3d\n")
    with serving("--config", str(config)) as served:
        assert served.client.get("/failures?window=4d").status_code == 400
        assert served.client.get("/spikes").status_code == 200


@contextmanager
def written(store: Path) -> Iterator[None]:
    """The store while another process writes it."""
    with Store.create_or_open(store, lambda: datetime.now(UTC)):
        yield


def test_locked_store(store: Path) -> None:
    with written(store):
        ended = program("serve", "--store", str(store), "--port", "0")
    assert ended.code == 1
    assert str(store) in ended.line
    assert "open" in ended.line


def test_damaged_store(tmp_path: Path) -> None:
    store = made_store(tmp_path / "spoilt.duckdb", tenant())
    content = bytearray(store.read_bytes())
    content[8192 : len(content) - 4096] = bytes(len(content) - 8192 - 4096)
    store.write_bytes(content)
    ended = program("serve", "--store", str(store), "--port", "0")
    assert ended.code == 1
    assert str(store) in ended.line
    assert "damaged" in ended.line


def test_port_in_use(store: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = program("serve", "--store", str(store), "--port", str(port))
    assert ended.code == 1
    assert f"Port {port} of 127.0.0.1" in ended.line
    assert "--port" in ended.line


def test_wrong_setting() -> None:
    ended = program("serve", environment={"INSIGHTS_QUERY_TIMEOUT": "soon"})
    assert (ended.code, ended.out) == (2, "")
    assert all(part in ended.line for part in ("INSIGHTS_QUERY_TIMEOUT", "'soon'", "30s"))


def test_garbage_on_the_wire_does_not_stop_it(store: Path) -> None:
    with serving("--store", str(store)) as served:
        host, port = served.client.base_url.host, served.client.base_url.port
        assert port is not None
        for garbage in (b"\x16\x03\x01\x02", b"GET /\xff HTTP/1.1\r\nHost: [\r\n\r\n", b"BREW\r\n"):
            with socket.create_connection((host, port), timeout=5) as wire:
                wire.sendall(garbage + b"\r\n\r\n")
                wire.recv(65536)
        assert served.client.get("/healthz").status_code == 200
        ended = served.stop()
    assert ended.code == 0
    assert "Traceback" not in ended.err


def test_many_at_once(store: Path) -> None:
    with serving("--store", str(store)) as served:
        found: list[int] = []

        def ask() -> None:
            with httpx.Client(base_url=served.url, trust_env=False) as client:
                found.extend(client.get("/failures?window=30d").status_code for _ in range(20))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [200] * 160
