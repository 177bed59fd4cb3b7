"""The most memory that the service takes while every route is asked, on 2 million events."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.data import SMALL, Data
from benchmarks.figure import Aim, Figure
from benchmarks.serving import Server, every_route, service

AIM = Aim("at most", 1.0)
LIMIT = 1.5 * 2**30

_PEAK = re.compile(r"VmHWM:\s+(\d+) kB")
_AT_ONCE = 4


def figures(data: Data, *, quick: bool) -> Iterator[Figure]:
    """One figure: the process's peak against 1.5 GiB, as Linux counts it (`quick`: a few)."""
    count = SMALL if quick else 2_000_000
    with service(data.store(count)) as asked:
        started = _peak(asked)
        job = json.loads(asked.get("/jobs?limit=1")[2])["data"][0]["job_id"]
        paths = every_route(job)
        with ThreadPoolExecutor(_AT_ONCE) as callers:
            statuses = [status for status, *_ in callers.map(asked.get, paths)]
        failed = [path for path, status in zip(paths, statuses, strict=True) if status != 200]
        assert not failed, f"not answered with 200: {failed}"
        peak = _peak(asked)
    yield Figure(
        "memory",
        "peak of the serving process",
        "1.5 GiB",
        peak / LIMIT,
        AIM,
        f"{peak / 2**20:,.0f} MiB, {started / 2**20:,.0f} MiB at the start; {len(paths)} requests, "
        f"{_AT_ONCE} at once, over {count:,} events",
    )


def _peak(asked: Server) -> int:
    """Bytes that the process ever had in memory."""
    status = Path(f"/proc/{asked.process.pid}/status").read_text()
    found = _PEAK.search(status)
    assert found, "the kernel does not tell"
    return int(found[1]) * 1024
