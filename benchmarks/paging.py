"""Every event once: a million of them paged through over HTTP while others arrive.

The service runs in this process and reads the store that events are imported into between pages:
newer and older ones than the page that was just read, and some of the very time at which it ended,
with smaller and larger IDs. What was there at the first page has to come once, and so does what
arrives behind the reader; what arrives before the reader has not to come at all.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import duckdb
import orjson
import uvloop

from benchmarks.data import DAYS, JOBS, SMALL, Data
from benchmarks.figure import Aim, Figure
from benchmarks.serving import get
from benchmarks.stalls import served
from service.app import create_app
from service.cli.serve import loop_kept_free
from service.records.demo import demo_records
from service.records.importing import add_lines
from service.records.store import Store
from service.settings import Settings
from service.times import format_instant, parse_instant, utc_now
from service.workspace.embedded import EmbeddedWorkspace

NONE = Aim("at most", 0)
QUICKLY = Aim("at most", 300)

_EVERY = 10
"""Pages from one import to the next."""
_AT_ONCE = 200
"""Events of an import."""
_WARM = 2
"""Pages whose time does not count: the first ones read the store from disk."""


def figures(data: Data, *, quick: bool) -> Iterator[Figure]:
    """Events missed or repeated, and the time of a page (`quick`: few events)."""
    count, limit = (SMALL, 100) if quick else (1_000_000, 1000)
    store = data.folder / f"paged-{count}.duckdb"
    shutil.copy(data.store(count), store)
    with loop_kept_free(), Store.create_or_open(store, utc_now) as writing:
        reader = uvloop.run(_paged(store, writing, _arrivals(data), limit))
    store.unlink()
    wrong = reader.wrong()
    took = sorted(reader.took[_WARM:])
    yield Figure(
        "events missed or repeated",
        f"pages of {limit:,}",
        f"the {reader.there_at_first.total():,} events that were there, and those that arrived",
        wrong.total(),
        NONE,
        f"{len(reader.took):,} pages, {len(reader.arrived):,} events arrived, {reader.behind:,} of "
        f"them behind the reader, {reader.level:,} at the very time where a page ended",
    )
    yield Figure(
        "a page of events",
        "the middle page",
        "300 ms",
        median(took) * 1e3,
        QUICKLY,
        f"the slowest of a hundred {took[-1 - len(took) // 100] * 1e3:.0f} ms",
        "ms",
    )


@dataclass
class Reader:
    """What was read, and what should be: events by ID."""

    there_at_first: Counter[str]
    due: Counter[str] = field(default_factory=Counter)
    read: Counter[str] = field(default_factory=Counter)
    arrived: list[str] = field(default_factory=list)
    took: list[float] = field(default_factory=list)
    behind: int = 0
    level: int = 0

    def wrong(self) -> Counter[str]:
        """How often each event was read too often or too rarely."""
        due = self.there_at_first + self.due
        return (due - self.read) + (self.read - due)

    def arrive(self, key: str, at: datetime, last: dict[str, Any]) -> None:
        """Takes note of an event that arrives while `last` is the last one read."""
        reached = parse_instant(last["time"])
        is_behind = at < reached or (at == reached and key > last["id"])
        self.arrived.append(key)
        self.behind += is_behind
        self.level += at == reached
        self.due[key] += is_behind


async def _paged(
    path: Path, writing: Store, arrivals: Iterator[dict[str, Any]], limit: int
) -> Reader:
    # The reading connection shares the writer's database: what is added is seen at once.
    connection = duckdb.connect(str(path))
    there = connection.execute("SELECT Id FROM events").fetchall()
    reader = Reader(Counter(key for (key,) in there))
    app = create_app(Settings(), EmbeddedWorkspace(connection))
    following: str | None = f"/events?window={DAYS + 1}d&limit={limit}"
    async with served(app) as address:
        while following:
            began = time.perf_counter()
            status, _, body = await asyncio.to_thread(get, address + following)
            reader.took.append(time.perf_counter() - began)
            assert status == 200, body
            page = orjson.loads(body)
            rows, following = page["data"], page["next"]
            reader.read.update(row["id"] for row in rows)
            if following and len(reader.took) % _EVERY == 1:
                more = list(_placed(islice(arrivals, _AT_ONCE), rows[-1]))
                for record in more:
                    properties = record["properties"]
                    reader.arrive(properties["id"], parse_instant(record["time"]), rows[-1])
                await asyncio.to_thread(_add, writing, more)
    return reader


def _arrivals(data: Data) -> Iterator[dict[str, Any]]:
    """Records of another tenant over the same days, in no order of time."""
    lines = list(demo_records(jobs=JOBS, days=DAYS, events_per_day=600, seed=2, end=data.end))
    stride = 7919  # a prime: steps through all of them, far apart
    for index in range(len(lines)):
        yield orjson.loads(lines[index * stride % len(lines)])


def _placed(records: Iterator[dict[str, Any]], last: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The records, every tenth at the time of the last event read, before and after it by ID."""
    for number, record in enumerate(records):
        if number % 10 == 0:
            first = "0" if number % 20 else "f"
            properties = record["properties"]
            properties["id"] = first * 8 + properties["id"][8:]
            at = format_instant(parse_instant(last["time"]))
            record["time"] = properties["activityDateTime"] = at
        yield record


def _add(writing: Store, records: list[dict[str, Any]]) -> None:
    add_lines(
        (orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE) for record in records), writing
    )
