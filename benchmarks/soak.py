"""Mixed load on a workspace that fails at random: does anything grow, and is all right afterwards?

    python -m benchmarks.soak --minutes 30 [--data FOLDER]

The service asks the simulator of Log Analytics; both run as processes of their own. Load and
failures come in storms, the same with the same seed. After each the failures end: answers over a
window that nobody has asked for yet must then be those of a service over the same logs that
nothing ever happened to. Then nobody asks, and what the service holds is counted.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import logging
import os
import random
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from statistics import linear_regression, median
from urllib.parse import quote, urlencode

import aiohttp
from yarl import URL

from benchmarks.data import DAYS, SMALL, Data
from benchmarks.figure import HEADING, Aim, Figure
from benchmarks.serving import Server, server, service
from service.cli.serve import stopping_cleanly
from service.times import format_instant
from tests.simulator.process import Remote, started

log = logging.getLogger(__name__)

MEMORY = Aim("at most", 1.1)
HELD = Aim("at most", 1.1)
NONE = Aim("at most", 0)

_FAULTS: tuple[tuple[str, float, dict[str, object]], ...] = (
    ("throttled", 0.01, {"retry_after": 2}),
    ("server_error", 0.03, {}),
    ("unavailable", 0.03, {}),
    ("bad_gateway", 0.02, {}),
    ("gateway_timeout", 0.01, {}),
    ("html", 0.02, {}),
    ("not_json", 0.01, {}),
    ("empty", 0.01, {}),
    ("no_role", 0.01, {}),
    ("not_authenticated", 0.02, {}),
    ("cut", 0.03, {"after": 2000}),
    ("drop", 0.03, {}),
    ("hang", 0.01, {}),
    ("truncated", 0.02, {"rows": 50}),
    ("slow", 0.2, {"latency": 0.3}),
    ("invalid_client", 0.3, {"at": "token"}),
)
_SETTINGS = {
    # Everything that waits for time comes often, and what is bounded is full soon.
    "refresh_every": "10s",
    "fresh_for": "10s",
    "stale_for": "20s",
    "query_budget": "400",
    "query_timeout": "15s",
    "queue_wait": "5s",
    "retention": "60d",
    "answer_memory": "16MiB",
    "body_memory": "8MiB",
    "activity_memory": "32MiB",
}
_ROUTES = (
    *("failures", "errors", "actions", "operations", "spikes", "skips", "cycles", "objects"),
    *("skipped-members", "events"),
)
_OTHERS = (
    *("/metrics", "/readyz", "/healthz", "/insights", "/insights/failures/kql", "/openapi.json"),
    *("/silence", "/jobs", "/docs", "/nowhere", "/jobs/nobody", "/failures?window=soon"),
)
_EXPECTED = {200, 400, 404, 502, 503, 504}
_CALLERS = 8
_THINK = 0.01
_LEAVE = 0.05
_QUIET = 1.0
_RECOVERED_WITHIN = 300.0
_WARM_UP = 1 / 4


def figures(data: Data, *, quick: bool) -> Iterator[Figure]:
    """Memory, tasks and files after warm-up and at the end, and what was answered wrongly.

    Takes three minutes (`quick`: some seconds).
    """
    if quick:
        yield from soaked(data.store(SMALL), data.end, minutes=0.02, storm=1.5)
    else:
        yield from soaked(data.store(SMALL), data.end, minutes=3, storm=15.0)


def soaked(store: Path, end: datetime, *, minutes: float, storm: float) -> Iterator[Figure]:
    """The figures after storms of so many seconds each, over logs that end at `end`."""
    with ExitStack() as running:
        simulator = running.enter_context(started(store))
        command = [sys.executable, "-m", "benchmarks.watched", "serve", "--port", "0"]
        settings = {f"INSIGHTS_{name.upper()}": value for name, value in _SETTINGS.items()}
        ours = running.enter_context(server(command, {**simulator.environment, **settings}))
        untouched = running.enter_context(service(store, refresh_every="1h"))
        soak = _Soak(end, simulator, ours, untouched)
        until = time.monotonic() + 60 * minutes
        for number in itertools.count():
            asyncio.run(soak.storm(number, storm))
            if time.monotonic() > until:
                break
        yield from soak.figures()


@dataclass(frozen=True)
class Held:
    """What the serving process has while nobody asks; memory in bytes, `at` in seconds."""

    at: float
    memory: int
    files: int
    threads: int
    tasks: int
    objects: int


class _Soak:
    def __init__(self, end: datetime, simulator: Remote, ours: Server, untouched: Server) -> None:
        self._end = end
        self._simulator = simulator
        self._ours = ours
        self._untouched = untouched
        jobs = json.loads(untouched.get("/jobs?limit=1000&window=35d")[2])["data"]
        self._jobs = [job["job_id"] for job in jobs]
        self._held: list[Held] = []
        self._outcomes: Counter[int | str] = Counter()
        self._wrong: list[str] = []
        self._compared = 0

    async def storm(self, number: int, seconds: float) -> None:
        """Load with failures, then the end of both, and a look at what is left of them."""
        chance = random.Random(number)
        for place, (name, probability, how) in enumerate(_FAULTS):
            seed = number * len(_FAULTS) + place
            self._simulator.fail(name, probability=probability, seed=seed, **how)
        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as callers:
            for _ in range(_CALLERS):
                callers.create_task(self._call(session, chance, time.monotonic() + seconds))
        self._simulator.recover()
        await self._compare(chance)
        await asyncio.sleep(_QUIET)
        self._held.append(held(self._ours))
        log.info("storm %d: %s; wrong: %s", number + 1, self._held[-1], self._wrong[-3:])

    async def _call(
        self, session: aiohttp.ClientSession, chance: random.Random, until: float
    ) -> None:
        while time.monotonic() < until:
            path = self._path(chance)
            leaves = aiohttp.ClientTimeout(0.02 if chance.random() < _LEAVE else 60)
            headers = {"Accept-Encoding": chance.choice(("gzip", "identity"))}
            try:
                async with session.get(
                    self._address(path), headers=headers, timeout=leaves
                ) as answer:
                    await answer.read()
            except TimeoutError:
                self._outcomes["left"] += 1
            except aiohttp.ClientError as error:
                self._outcomes[type(error).__name__] += 1
                self._wrong.append(f"{path}: {error}")
            else:
                self._outcomes[answer.status] += 1
                if answer.status not in _EXPECTED:
                    self._wrong.append(f"{path}: {answer.status}")
            await asyncio.sleep(chance.random() * 2 * _THINK)

    def _address(self, path: str) -> URL:
        return URL(self._ours.address + path, encoded=True)

    def _path(self, chance: random.Random) -> str:
        """What is asked is often the same, and sometimes what nobody asked before."""
        if chance.random() < 0.2:
            return chance.choice(_OTHERS)
        own = f"/jobs/{quote(chance.choice(self._jobs), safe='')}"
        route = f"{chance.choice(('', own))}/{chance.choice(_ROUTES)}"
        window: dict[str, str] = {"window": chance.choice(("1h", "24h", "7d", "30d"))}
        if chance.random() < 0.03:
            window = self._window(chance)
        form = {"format": "csv"} if chance.random() < 0.1 else {}
        return f"{route}?{urlencode(window | form)}"

    def _window(self, chance: random.Random) -> dict[str, str]:
        """Some days of the past, in whole hours: the answer does not depend on when it is asked."""
        start = self._end - timedelta(hours=chance.randrange(72, DAYS * 24))
        end = start + timedelta(hours=chance.randrange(1, 72))
        return {"from": format_instant(start), "to": format_instant(end)}

    async def _compare(self, chance: random.Random) -> None:
        window = urlencode(self._window(chance))
        job = quote(chance.choice(self._jobs), safe="")
        for route in _ROUTES:
            for base in ("", f"/jobs/{job}"):
                path = f"{base}/{route}?{window}"
                _, _, right = await asyncio.to_thread(self._untouched.get, path)
                told = await asyncio.to_thread(self._recovered, path)
                self._compared += 1
                if told is None or told["data"] != json.loads(right)["data"]:
                    self._wrong.append(f"{path}: {'not right' if told else 'never recovered'}")

    def _recovered(self, path: str) -> dict[str, object] | None:
        """The answer once it is fresh and whole, `None` if it never is."""
        deadline = time.monotonic() + _RECOVERED_WITHIN
        while time.monotonic() < deadline:
            status, _, body = self._ours.get(path)
            if status == 200:
                told: dict[str, dict[str, object]] = json.loads(body)
                freshness = told["freshness"]
                if freshness["status"] == "fresh" and freshness["complete"]:
                    return dict(told)
            time.sleep(0.2)
        return None

    def figures(self) -> Iterator[Figure]:
        warm = self._held[int(len(self._held) * _WARM_UP) :]
        part = max(1, len(warm) // 3)
        for name, unit, aim in (
            ("memory", 1 << 20, MEMORY),
            ("tasks", 1, HELD),
            ("files", 1, HELD),
        ):
            held = [getattr(each, name) / unit for each in warm]
            before, after = median(held[:part]), median(held[-part:])
            slope = _per_hour([each.at for each in warm], held)
            yield Figure(
                f"soak, {name}",
                f"{name} at the end",
                "after warm-up",
                after / before,
                aim,
                f"{after:,.0f}, {before:,.0f}{' MiB' if unit > 1 else ''}; {slope:+,.1f} an hour "
                f"over {warm[-1].at - warm[0].at:,.0f} s",
            )
        faults = self._simulator.counts.faults
        yield Figure(
            "soak, wrong answers",
            "answers not right after recovery, or not ours",
            "none",
            len(self._wrong),
            NONE,
            f"{self._compared} compared; {sum(faults.values()):,} faults; {_told(self._outcomes)}"
            + "".join(f"; {wrong}" for wrong in self._wrong[:5]),
        )


def held(asked: Server) -> Held:
    """What the process, a `benchmarks.watched`, has at this moment."""
    process = Path("/proc", str(asked.process.pid))
    status = process.joinpath("status").read_text()
    os.kill(asked.process.pid, signal.SIGUSR1)
    assert asked.process.stdout is not None
    told = json.loads(asked.process.stdout.readline())
    return Held(
        at=time.monotonic(),
        memory=_number("VmRSS", status) * 1024,
        files=len(list(process.joinpath("fd").iterdir())),
        threads=_number("Threads", status),
        tasks=told["tasks"],
        objects=told["objects"],
    )


def _number(name: str, status: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+)", status, re.MULTILINE)
    assert found, f"the kernel does not tell {name}"
    return int(found[1])


def _per_hour(seconds: list[float], values: list[float]) -> float:
    if len(values) < 2:
        return 0.0
    return linear_regression(seconds, values).slope * 3600


def _told(outcomes: Counter[int | str]) -> str:
    return ", ".join(f"{times:,} times {outcome}" for outcome, times in outcomes.most_common())


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.soak", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--storm", type=float, default=40.0, help="seconds of each storm")
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="keep generated data here")
    given = parser.parse_args()
    log.setLevel(logging.INFO)
    log.addHandler(logging.StreamHandler())
    with stopping_cleanly(), tempfile.TemporaryDirectory(prefix="soak-") as temporary:
        folder = given.data or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        sys.stdout.write(HEADING)
        data = Data.of_today(folder)
        store = data.store(given.events)
        for figure in soaked(store, data.end, minutes=given.minutes, storm=given.storm):
            sys.stdout.write(str(figure))
            sys.stdout.flush()


if __name__ == "__main__":
    main()
