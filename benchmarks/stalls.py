"""The longest that the event loop is kept from its turn while every route is asked cold.

The service runs in this process, so that a task can tick on its event loop every millisecond and
note when it gets its turn late. An idle loop is measured first: what it shows is the machine's.
"""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
import uvloop
from starlette.types import ASGIApp

from benchmarks.data import SMALL, Data
from benchmarks.figure import Aim, Figure
from benchmarks.serving import every_route, get
from service.app import create_app
from service.cli.serve import loop_kept_free
from service.records.store import open_for_reading
from service.settings import Settings
from service.workspace.embedded import EmbeddedWorkspace

AIM = Aim("at most", 20.0)
_TICK = 0.001
_MOST_SHOWN = 3


def figures(data: Data, *, quick: bool) -> Iterator[Figure]:
    """One figure in milliseconds, on 2 million events (`quick`: a few)."""
    store = data.store(SMALL if quick else 2_000_000)
    with loop_kept_free():
        idle, stalls = uvloop.run(_measured(store, quick=quick))
    worst = sorted(stalls.items(), key=lambda item: -item[1].late)[:_MOST_SHOWN]
    yield Figure(
        "event loop",
        "longest stall while every route is asked cold",
        "20 ms",
        worst[0][1].late * 1e3,
        AIM,
        f"idle {idle}; worst: " + ", ".join(f"{path} {stall}" for path, stall in worst),
        unit="ms",
    )


@dataclass(frozen=True)
class Stall:
    """The longest that a turn was late, and the longest garbage collection, in seconds."""

    late: float
    collecting: float

    def __str__(self) -> str:
        return f"{self.late * 1e3:.1f} ms (collecting garbage {self.collecting * 1e3:.1f} ms)"


async def _measured(store: Path, *, quick: bool) -> tuple[Stall, dict[str, Stall]]:
    """The longest stall of the idle loop, and by path that of each request."""
    settings = Settings()
    connection = open_for_reading(
        store, memory_limit=f"{settings.embedded_memory}B", threads=settings.embedded_threads
    )
    app = create_app(settings, EmbeddedWorkspace(connection))
    async with served(app) as address, ticking() as ticks:
        job = json.loads((await _ask(address + "/jobs?limit=1"))[2])["data"][0]["job_id"]
        gc.collect()
        ticks.take()
        await asyncio.sleep(0.2 if quick else 2)
        idle = ticks.take()
        stalls = {}
        for path in every_route(job):
            status, *_ = await _ask(address + path)
            stalls[path.replace(job, "…")] = ticks.take()
            assert status == 200, f"{path} answered {status}"
    return idle, stalls


async def _ask(address: str) -> tuple[int, dict[str, str], bytes]:
    return await asyncio.to_thread(get, address)


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[str]:
    """Serves on this event loop; yields the address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        while not server.started:  # noqa: ASYNC110  uvicorn tells of it in no other way
            await asyncio.sleep(_TICK)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


@dataclass
class Ticks:
    """How late the event loop's turns came, in seconds, and what garbage collection took.

    Of each delay only as much counts as this process computed meanwhile: the rest is time that the
    machine gave to others.
    """

    longest: float = 0.0
    collecting: float = 0.0
    _began: float = 0.0

    async def run(self) -> None:
        while True:
            before, computed = time.perf_counter(), time.process_time()
            await asyncio.sleep(_TICK)
            late = time.perf_counter() - before - _TICK
            self.longest = max(self.longest, min(late, time.process_time() - computed))

    def collection(self, phase: str, info: dict[str, int]) -> None:
        """A callback of the garbage collector."""
        if phase == "start":
            self._began = time.perf_counter()
        else:
            self.collecting = max(self.collecting, time.perf_counter() - self._began)

    def take(self) -> Stall:
        """The longest since it was last taken."""
        stall = Stall(self.longest, self.collecting)
        self.longest = self.collecting = 0.0
        return stall


@asynccontextmanager
async def ticking() -> AsyncIterator[Ticks]:
    ticks = Ticks()
    gc.callbacks.append(ticks.collection)
    task = asyncio.create_task(ticks.run())
    yield ticks
    task.cancel()
    gc.callbacks.remove(ticks.collection)
