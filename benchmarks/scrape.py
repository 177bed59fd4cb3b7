"""What a scrape costs, against a bare ASGI application that serves the same bytes.

Both serve on loopback in processes of their own, under the same uvicorn; one client scrapes them in
turns over the same number of connections, packed as Prometheus does, and plain. Processor time is
compared, which other work on the machine does not change as much. The same series are scraped from
query-exporter as well, which renders them anew each time: it is started where it is found on the
path or named by QUERY_EXPORTER, and left out otherwise.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from statistics import median
from urllib.error import URLError
from urllib.request import Request, urlopen

import uvloop
import yaml
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.data import Data
from benchmarks.figure import Aim, Figure
from benchmarks.serving import Server, get, server, service
from benchmarks.stalls import served, ticking
from benchmarks.throughput import rate
from service.app import create_app
from service.cli.serve import loop_kept_free
from service.records.demo import demo_records
from service.records.importing import add_lines
from service.records.store import Store, open_for_reading
from service.settings import Settings
from service.workspace.embedded import EmbeddedWorkspace

JOBS, DAYS, EVENTS = 1000, 30, 300_000
COST = Aim("at most", 1.2)
STALL = Aim("at most", 20.0)
NO_QUERIES = Aim("at most", 0)
FASTER = Aim("at least", 50)
_SCRAPERS = 50
_PACKED = "Accept-Encoding: gzip\r\n"


def figures(data: Data, *, quick: bool) -> Iterator[Figure]:
    """Cost of a scrape, queries of 50 scrapers, stalls of rendering, and query-exporter."""
    store = _fleet(data, 20 if quick else JOBS, 2000 if quick else EVENTS)
    seconds, rounds = (0.2, 2) if quick else (2.0, 5)
    with service(store, refresh_every="1h") as ours:
        _wait_until_all_is_asked(ours)
        for name, headers in (("packed", _PACKED), ("plain", "")):
            yield _cost(ours, name, headers, seconds, rounds)
        yield _queries(ours)
        yield from _query_exporter(ours, seconds, rounds)
    with loop_kept_free():
        yield uvloop.run(_stalls(store, 2.0 if quick else 10.0))


def _wait_until_all_is_asked(ours: Server) -> None:
    """Returns once nothing is done in the background any more."""
    deadline = time.monotonic() + 120
    while re.search(rb"_refresh_success\{.*\} 0\n", ours.get("/metrics")[2]):
        if time.monotonic() > deadline:
            raise RuntimeError("the service does not get all answers that metrics show")
        time.sleep(0.5)


def _fleet(data: Data, jobs: int, events: int) -> Path:
    path = data.folder / f"scraped-{jobs}-{data.end:%Y%m%d}.duckdb"
    if not path.exists():
        part = path.with_suffix(".part")
        part.unlink(missing_ok=True)
        records = demo_records(jobs=jobs, days=DAYS, events_per_day=events // DAYS, end=data.end)
        with Store.create_or_open(part, lambda: data.end - timedelta(days=1)) as writing:
            add_lines(records, writing)
        part.replace(path)
    return path


def _cost(ours: Server, name: str, headers: str, seconds: float, rounds: int) -> Figure:
    asked = {"Accept-Encoding": "gzip"} if headers else {}
    told, body = _scraped(ours, asked)
    plain = gzip.decompress(body) if headers else body
    series = sum(not line.startswith(b"#") for line in plain.splitlines())
    kept = {key: value for key, value in told.items() if key.lower() in _TOLD}
    with tempfile.TemporaryDirectory() as folder:
        content, described = Path(folder, "body"), Path(folder, "headers")
        content.write_bytes(body)
        described.write_text(json.dumps(kept))
        command = [sys.executable, "-m", "benchmarks.bare_asgi", str(content), str(described)]
        with server(command) as bare:
            times = [
                (_seconds(ours, seconds, headers), _seconds(bare, seconds, headers))
                for _ in range(rounds)
            ]
    return Figure(
        f"scrape, {name}",
        "processor time of a scrape",
        "a bare ASGI application",
        median(own / other for own, other in times),
        COST,
        f"{1e3 * median(own for own, _ in times):.2f} ms, "
        f"{1e3 * median(other for _, other in times):.2f} ms; {series:,} series, "
        f"{len(body):,} bytes",
    )


def _seconds(asked: Server, seconds: float, headers: str) -> float:
    """Processor time that one scrape takes of the server, as Linux counts it."""
    before = _used(asked)
    answers = uvloop.run(rate(asked, "/metrics", seconds, headers)) * seconds
    return (_used(asked) - before) / answers


def _used(asked: Server) -> float:
    """Seconds of the processor that the server has used (proc(5), stat: utime and stime)."""
    fields = Path(f"/proc/{asked.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


_TOLD = ("content-type", "content-encoding", "vary", "x-request-id")


def _queries(ours: Server) -> Figure:
    before = _asked(ours)
    with ThreadPoolExecutor(_SCRAPERS) as scrapers:
        for _ in scrapers.map(lambda _: ours.get("/metrics"), range(_SCRAPERS)):
            pass
    return Figure(
        "scrape, 50 at once",
        "queries of the workspace",
        "none",
        _asked(ours) - before,
        NO_QUERIES,
        f"{before:.0f} before",
    )


def _asked(ours: Server) -> float:
    ours.get("/healthz")  # the service's own metrics are rendered anew after a request
    return sum(
        sample.value
        for family in text_string_to_metric_families(ours.get("/metrics")[2].decode())
        for sample in family.samples
        if sample.name == "insights_workspace_queries_total"
    )


async def _stalls(store: Path, seconds: float) -> Figure:
    """The longest stall while everything is refreshed and rendered anew all the time."""
    settings = Settings()
    connection = open_for_reading(
        store, memory_limit=f"{settings.embedded_memory}B", threads=settings.embedded_threads
    )
    refreshes = 0

    async def rest(_: float) -> None:
        nonlocal refreshes
        refreshes += 1
        await asyncio.sleep(0.5)

    app = create_app(settings, EmbeddedWorkspace(connection), sleep=rest)
    async with served(app) as address, ticking() as ticks:
        await asyncio.to_thread(get, address + "/metrics")
        ticks.take()
        refreshes = 0
        await asyncio.sleep(seconds)
        stall = ticks.take()
    return Figure(
        "rendering",
        "longest stall of the event loop",
        "20 ms",
        stall.late * 1e3,
        STALL,
        f"{stall}; {refreshes} refreshes in {seconds:.0f} s",
        unit="ms",
    )


def _query_exporter(ours: Server, seconds: float, rounds: int) -> Iterator[Figure]:
    program = os.environ.get("QUERY_EXPORTER") or shutil.which("query-exporter")
    if program is None:
        sys.stderr.write("query-exporter is not here: its comparison is left out.\n")
        return
    text = ours.get("/metrics")[2].decode()
    packed = {"Accept-Encoding": "gzip"}
    with tempfile.TemporaryDirectory() as folder, _exporting(program, text, Path(folder)) as peer:
        own, other = [], []
        for _ in range(rounds):
            own.append(1 / uvloop.run(rate(ours, "/metrics", seconds, _PACKED)))
            started = time.perf_counter()
            _scraped(peer, packed)
            other.append(time.perf_counter() - started)
        size = len(peer.get("/metrics")[2])
    yield Figure(
        "scrape, query-exporter",
        "scrapes per second",
        "query-exporter with the same series",
        median(other) / median(own),
        FASTER,
        f"{1 / median(own):,.0f}/s, {1 / median(other):,.1f}/s; "
        f"{len(text):,} bytes, {size:,} bytes",
    )


def _scraped(asked: Server, headers: dict[str, str]) -> tuple[dict[str, str], bytes]:
    with urlopen(Request(asked.address + "/metrics", headers=headers)) as response:
        return dict(response.headers), response.read()


@contextmanager
def _exporting(program: str, text: str, folder: Path) -> Iterator[Server]:
    """query-exporter over a table for each of our families, once it shows their samples."""
    database = folder / "series.sqlite"
    config: dict[str, dict[str, object]] = {
        "databases": {"series": {"dsn": f"sqlite:///{database}"}},
        "metrics": {},
        "queries": {},
    }
    last = ""
    with sqlite3.connect(database) as connection:
        for family in text_string_to_metric_families(text):
            if not family.name.startswith("entra_") or not family.samples:
                continue
            labels = sorted(family.samples[0].labels)
            columns = ", ".join(f'"{label}"' for label in labels)
            connection.execute(f'CREATE TABLE "{family.name}" ({columns}, "value")')
            connection.executemany(
                f'INSERT INTO "{family.name}" VALUES ({", ".join("?" * (len(labels) + 1))})',
                [(*(s.labels[label] for label in labels), s.value) for s in family.samples],
            )
            config["metrics"][family.name] = {"type": "gauge", "labels": labels}
            config["queries"][family.name] = {
                "databases": ["series"],
                "metrics": [family.name],
                "interval": 3600,
                "sql": f'SELECT {columns}, "value" AS "{family.name}" FROM "{family.name}"',
            }
            last = family.name
    connection.close()
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [program, "--config", str(path), "--host", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen([*command, "--log-level", "error"], text=True) as process:
        try:
            peer = Server(process, f"http://127.0.0.1:{port}")
            _wait_for(peer, last, text)
            yield peer
        finally:
            process.terminate()


def _wait_for(peer: Server, family: str, text: str) -> None:
    """Returns once the peer shows as many samples as we do of what it loads last."""
    wanted = text.count(f"\n{family}{{")
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        with suppress(URLError, ConnectionError):
            if peer.get("/metrics")[2].decode().count(f"\n{family}{{") >= wanted:
                return
        time.sleep(0.5)
    raise RuntimeError("query-exporter does not show the series that it was given")
