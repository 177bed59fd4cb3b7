"""A warm answer's throughput against a bare FastAPI route that returns the same bytes.

Both serve on loopback in processes of their own, under the same uvicorn, with the same headers.
One client asks them in turns over the same number of connections.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import cast

import uvloop

from benchmarks.data import SMALL, Data
from benchmarks.figure import Aim, Figure
from benchmarks.serving import Server, server, service

AIM = Aim("at least", 0.9)
_CONNECTIONS = 16
_OF_UVICORN = {"date", "content-length", "connection"}


def figures(data: Data, *, quick: bool) -> Iterator[Figure]:
    """One figure for a small body and one for a large one."""
    seconds, rounds = (0.2, 2) if quick else (2.0, 5)
    with service(data.store(SMALL if quick else 50_000)) as ours:
        job = json.loads(ours.get("/jobs?limit=1")[2])["data"][0]["job_id"]
        for name, path in (("small body", f"/jobs/{job}"), ("large body", "/jobs?limit=1000")):
            with tempfile.TemporaryDirectory() as folder:
                answer = Path(folder, "answer.json")
                size = _keep(ours, path, answer)
                with server([sys.executable, "-m", "benchmarks.bare_route", str(answer)]) as bare:
                    rates = [
                        (
                            uvloop.run(_rate(ours, path, seconds)),
                            uvloop.run(_rate(bare, path, seconds)),
                        )
                        for _ in range(rounds)
                    ]
            yield Figure(
                f"throughput, {name}",
                "a warm answer",
                "a bare FastAPI route",
                median(own / other for own, other in rates),
                AIM,
                f"{median(own for own, _ in rates):,.0f}/s, "
                f"{median(other for _, other in rates):,.0f}/s; {size:,} bytes",
            )


def _keep(ours: Server, path: str, file: Path) -> int:
    """Writes the warm answer down for the bare route; returns the size of its body."""
    ours.get(path)
    status, headers, body = ours.get(path)
    assert status == 200, f"{path} answered {status}"
    kept = {name: value for name, value in headers.items() if name.lower() not in _OF_UVICORN}
    file.write_text(json.dumps({"path": path, "headers": kept, "body": body.decode()}))
    return len(body)


async def _rate(asked: Server, path: str, seconds: float) -> float:
    """Answers per second."""
    host, port = asked.host_and_port
    request = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode()
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
        self._missing = 0
        self._head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if not self._missing:
            head, end, body = (self._head + data).partition(b"\r\n\r\n")
            if not end:
                self._head = head
                return
            assert head.startswith(b"HTTP/1.1 200 "), head
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            self._head, self._missing, data = b"", int(length), body
        self._missing -= len(data)
        if not self._missing:
            self.answers += 1
            self._transport.write(self._request)

    def close(self) -> None:
        self._transport.abort()
