"""A warm answer's throughput against the least that returning the same bytes can cost.

That is a raw ASGI application, and, since the service is made with FastAPI, one of its routes that
does nothing else. All serve on loopback in processes of their own, under the same uvicorn with one
worker, with the same headers. One client asks them in turns over the same number of connections.

Beside them, `datasette` serves the rows of an answer as JSON from a table, as it would be asked.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from statistics import median
from typing import cast

import uvloop

from benchmarks import datasette
from benchmarks.data import SMALL, Data
from benchmarks.figure import Aim, Figure
from benchmarks.serving import Server, server, service

OF_A_ROUTE = Aim("at least", 0.9)
OF_RAW_ASGI = Aim("at least", 0.8)
OF_DATASETTE = Aim("at least", 20)
_CONNECTIONS = 16
_CHUNKED = -1
_LAST_CHUNK = b"\r\n0\r\n\r\n"
_SLOW_PEER = 3.0
"""Seconds in which it answers at all, also beside other work."""

_OF_UVICORN = {"date", "content-length", "connection"}


def figures(data: Data, *, quick: bool) -> Iterator[Figure]:
    """For a small body and a large one, a figure beside each of the two, and one beside datasette.

    datasette is installed where it is missing, but not for `quick`.
    """
    seconds, rounds = (0.2, 2) if quick else (0.5, 15)
    with service(data.store(SMALL if quick else 50_000), refresh_every="1h") as ours:
        job = json.loads(ours.get("/jobs?limit=1")[2])["data"][0]["job_id"]
        for name, path in (("small body", f"/jobs/{job}"), ("large body", "/jobs?limit=1000")):
            yield from _beside_bare(ours, name, path, seconds, rounds)
        program = datasette.installed(data.folder / "datasette", install=not quick)
        if program is None:
            sys.stderr.write("datasette is not here: its comparison is left out.\n")
        else:
            yield _beside_datasette(ours, program, seconds, rounds)


def _beside_bare(
    ours: Server, name: str, path: str, seconds: float, rounds: int
) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        answer, body, headers = (Path(folder, part) for part in ("answer", "body", "headers"))
        size = _keep(ours, path, answer, body, headers)
        route = [sys.executable, "-m", "benchmarks.bare_route", str(answer)]
        raw = [sys.executable, "-m", "benchmarks.bare_asgi", str(body), str(headers)]
        with server(route) as bare_route, server(raw) as bare_asgi:
            asked = _asked([(ours, path), (bare_route, path), (bare_asgi, path)], seconds, rounds)
    for place, (what, other, aim) in enumerate(
        (
            ("throughput", "a bare FastAPI route", OF_A_ROUTE),
            ("of raw ASGI", "a bare ASGI application", OF_RAW_ASGI),
        ),
        1,
    ):
        yield _figure(
            f"{what}, {name}", other, aim, [(each[0], each[place]) for each in asked], f"{size:,}"
        )


def _beside_datasette(ours: Server, program: Path, seconds: float, rounds: int) -> Figure:
    path = "/jobs?limit=100"
    rows = json.loads(ours.get(path)[2])["data"]
    with (
        tempfile.TemporaryDirectory() as folder,
        datasette.serving(program, rows, Path(folder)) as (peer, peers_path),
    ):
        body = peer.get(peers_path)[2]
        served = sorted(json.loads(body), key=itemgetter("job_id"))
        assert served == sorted(rows, key=itemgetter("job_id")), "datasette serves other rows"
        asked = _asked([(ours, path), (peer, peers_path)], max(seconds, _SLOW_PEER), min(rounds, 5))
    size = f"{len(ours.get(path)[2]):,} and {len(body):,}"
    pairs = [(own, other) for own, other in asked]
    return _figure("beside datasette", "the same rows", OF_DATASETTE, pairs, size)


@dataclass(frozen=True)
class _Rate:
    """Answers per second, and microseconds that the server computed for one of them."""

    answers: float
    computing: float


def _asked(
    asked: Sequence[tuple[Server, str]], seconds: float, rounds: int
) -> list[tuple[_Rate, ...]]:
    """The rate of each, in every round."""
    return [tuple(_rate(one, path, seconds) for one, path in asked) for _ in range(rounds)]


def _rate(asked: Server, path: str, seconds: float) -> _Rate:
    before = _computed(asked)
    answers = uvloop.run(rate(asked, path, seconds))
    return _Rate(answers, (_computed(asked) - before) / (answers * seconds) * 1e6)


def _computed(asked: Server) -> float:
    """Seconds that the server's process has computed for."""
    fields = Path(f"/proc/{asked.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _figure(
    name: str, against: str, aim: Aim, asked: Sequence[tuple[_Rate, _Rate]], size: str
) -> Figure:
    ours, theirs = ([each[side] for each in asked] for side in (0, 1))
    return Figure(
        name,
        "a warm answer",
        against,
        median(own.answers / other.answers for own, other in asked),
        aim,
        f"{median(each.answers for each in ours):,.0f}/s, "
        f"{median(each.answers for each in theirs):,.0f}/s; an answer takes "
        f"{median(each.computing for each in ours):,.0f} and "
        f"{median(each.computing for each in theirs):,.0f} µs of the processor; {size} bytes",
    )


def _keep(ours: Server, path: str, answer: Path, content: Path, described: Path) -> int:
    """Writes the warm answer down for the bare ones; returns the size of its body."""
    ours.get(path)
    status, headers, body = ours.get(path)
    assert status == 200, f"{path} answered {status}"
    kept = {name: value for name, value in headers.items() if name.lower() not in _OF_UVICORN}
    answer.write_text(json.dumps({"path": path, "headers": kept, "body": body.decode()}))
    content.write_bytes(body)
    described.write_text(json.dumps(kept))
    return len(body)


async def rate(asked: Server, path: str, seconds: float, headers: str = "") -> float:
    """Answers per second; `headers` are lines that end with CR LF."""
    host, port = asked.host_and_port
    request = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\n{headers}\r\n".encode()
    loop = asyncio.get_running_loop()
    clients = [_Client(request) for _ in range(_CONNECTIONS)]
    for client in clients:
        await loop.create_connection(lambda client=client: client, host, port)  # type: ignore[misc]
    before, started = sum(client.answers for client in clients), loop.time()
    await asyncio.sleep(seconds)
    after, ended = sum(client.answers for client in clients), loop.time()
    for client in clients:
        client.close()
    return (after - before) / (ended - started)


class _Client(asyncio.Protocol):
    """Sends its request again as soon as it has the whole answer."""

    def __init__(self, request: bytes) -> None:
        self.answers = 0
        self._request = request
        self._head = self._end = b""
        self._left: int | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if self._left is None:
            head, end, data = (self._head + data).partition(b"\r\n\r\n")
            if not end:
                self._head = head
                return
            assert head.startswith(b"HTTP/1.1 200 "), head
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            self._head, self._left = b"", int(length) if length else _CHUNKED
        if self._left == _CHUNKED:
            self._end = (self._end + data)[-len(_LAST_CHUNK) :]
            whole = self._end == _LAST_CHUNK
        else:
            self._left -= len(data)
            whole = not self._left
        if whole:
            self.answers += 1
            self._left, self._end = None, b""
            self._transport.write(self._request)

    def close(self) -> None:
        self._transport.abort()
