"""Queries run beside each other, and stop when their time is up or nobody waits any more."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta

import pytest

from service.kql.template import Kql
from service.workspace.errors import WorkspaceTimeout, WorkspaceUnavailable
from tests.stores import EVER, NOW, PATIENT, Event, MakeRoom, Room

ENDLESS = Kql("""
let many = range x from 1 to 100000 step 1 | extend k = 1;
many | join kind=inner (many) on k | join kind=inner (many) on k | summarize sum(x * x1)
""")
"""10 to the power of 15 rows: a day's work."""

SOON = timedelta(milliseconds=200)
COUNT = "AADProvisioningLogs | count"


def threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("embedded-workspace")]


async def asking_endlessly(asked: Room) -> asyncio.Task[object]:
    """A query that has begun and does not end."""
    task: asyncio.Task[object] = asyncio.create_task(
        asked.workspace.query(ENDLESS, EVER, deadline=PATIENT)
    )
    await asyncio.sleep(0.2)
    assert not task.done()
    return task


async def test_query_is_stopped_at_its_deadline(room: MakeRoom) -> None:
    asked = room([Event(NOW)], threads=1)
    with pytest.raises(WorkspaceTimeout, match=r"within 0\.2 s .* shorter window"):
        await asked.workspace.query(ENDLESS, EVER, deadline=SOON)
    # The only thread is free again: DuckDB has really let go.
    assert (await asked.kql(COUNT)).rows == [(1,)]


async def test_query_is_stopped_when_its_caller_leaves(room: MakeRoom) -> None:
    asked = room([Event(NOW)], threads=1)
    task = await asking_endlessly(asked)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await asked.kql(COUNT)).rows == [(1,)]


async def test_waiting_for_a_thread_counts_as_time(room: MakeRoom) -> None:
    asked = room([Event(NOW)], threads=1)
    task = await asking_endlessly(asked)
    with pytest.raises(WorkspaceTimeout):
        await asked.workspace.query(Kql(COUNT), EVER, deadline=SOON)
    assert not task.done()
    waiting = asyncio.create_task(asked.kql(COUNT))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not task.done()
    task.cancel()
    await asyncio.wait([task])
    assert (await asked.kql(COUNT)).rows == [(1,)]


async def test_closing_stops_what_runs_and_what_waits(room: MakeRoom) -> None:
    asked = room([Event(NOW)], threads=1)
    before = threads()
    running = await asking_endlessly(asked)
    waiting = asyncio.create_task(asked.kql(COUNT))
    await asyncio.sleep(0)
    await asked.workspace.close()
    for task in (running, waiting):
        with pytest.raises(WorkspaceUnavailable, match="stopping"):
            await task
    with pytest.raises(WorkspaceUnavailable, match="stopping"):
        await asked.kql(COUNT)
    assert threads() == before


async def test_closing_twice_is_closing(room: MakeRoom) -> None:
    asked = room([])
    await asked.workspace.close()
    await asked.workspace.close()


async def test_many_queries_at_once_each_get_their_own_answer(room: MakeRoom) -> None:
    asked = room([Event(NOW, job=f"job-{number}") for number in range(20) for _ in range(number)])
    texts = [f'AADProvisioningLogs | where JobId == "job-{number}" | count' for number in range(20)]
    results = await asyncio.gather(*map(asked.kql, texts))
    assert [result.rows for result in results] == [[(number,)] for number in range(20)]
    again = await asyncio.gather(*(asked.kql(texts[7]) for _ in range(20)))
    assert {result.rows[0][0] for result in again} == {7}


async def test_query_that_needs_too_much_memory_leaves_its_thread_usable(room: MakeRoom) -> None:
    asked = room([Event(NOW)], threads=1, memory="32MB")
    huge = "range x from 1 to 5000000 step 1 | summarize make_list(x)"
    for _ in range(2):
        with pytest.raises(WorkspaceUnavailable, match="more memory"):
            await asked.kql(huge)
    assert (await asked.kql(COUNT)).rows == [(1,)]
