"""What a large answer of Log Analytics costs to take in, beside the SDK's own way.

Both clients ask a server that replays one body, so that all of the time is theirs. The longest
stall is measured while 240,000 rows come in: more than one answer of the service ever has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import uvloop
from azure.core.credentials import AccessToken, AccessTokenInfo
from azure.identity.aio import ChainedTokenCredential
from azure.monitor.query.aio import LogsQueryClient

from benchmarks.data import SMALL, Data
from benchmarks.figure import Aim, Figure, in_turns
from benchmarks.replaying import replayed
from benchmarks.stalls import ticking
from service.cli.serve import loop_kept_free
from service.kql.template import Kql
from service.records.store import open_for_reading
from service.workspace.embedded import EmbeddedWorkspace
from service.workspace.log_analytics import LogAnalyticsWorkspace
from service.workspace.log_analytics.credentials import Credential
from service.workspace.log_analytics.place import Place
from service.workspace.protocol import TimeSpan
from tests.simulator.envelope import Table, encoded

ROUNDS = 3
FASTER = Aim("at least", 10.0)
STALL = Aim("at most", 20.0)
EVERY_COLUMN = Kql("AADProvisioningLogs")
COUNTED = Kql(
    "AADProvisioningLogs | project TimeGenerated, Id, JobId, CycleId, ChangeId, Action, ResultType,"
    " ResultSignature, DurationMs, ServicePrincipal"
)
EVER = TimeSpan(datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
DEADLINE = timedelta(minutes=5)
WORKSPACE = "c1f5a3de-8b1a-4f0a-9c55-6f6f0f4b7d21"


def figures(data: Data, *, quick: bool) -> Iterator[Figure]:
    """Two figures on 50,000 rows of every column and 240,000 of ten (`quick`: a few)."""
    rounds = 1 if quick else ROUNDS
    body = _body(data, SMALL if quick else 50_000, EVERY_COLUMN)
    with TemporaryDirectory() as folder, replayed(body, Path(folder)) as (address, ca_file):
        place = Place((WORKSPACE,), address, address, "", ca_file=ca_file)
        sides = in_turns(
            lambda: uvloop.run(_sdk_asks(place)), lambda: uvloop.run(_asks(place)), rounds
        )
    yield Figure(
        "decoding",
        "an answer through the SDK's client, from request to rows",
        "through ours",
        sides.ratio,
        FASTER,
        f"{sides.first:.2f} s, {sides.second:.2f} s for {body.stat().st_size / 1e6:.0f} MB",
    )
    many = _body(data, SMALL if quick else 240_000, COUNTED)
    with (
        TemporaryDirectory() as folder,
        replayed(many, Path(folder)) as (address, ca_file),
        loop_kept_free(),
    ):
        place = Place((WORKSPACE,), address, address, "", ca_file=ca_file)
        stalls = [uvloop.run(_stall(place)) for _ in range(rounds)]
    yield Figure(
        "taking in many rows",
        "longest stall while they come in and are let go",
        "20 ms",
        max(stalls),
        STALL,
        f"{rounds} rounds: " + ", ".join(f"{stall:.1f} ms" for stall in stalls),
        unit="ms",
    )


class _Pass:
    """A credential that needs nobody."""

    async def get_token(self, *scopes: str, **options: object) -> AccessToken:
        return AccessToken("a token", 4_000_000_000)

    async def get_token_info(self, *scopes: str, **options: object) -> AccessTokenInfo:
        return AccessTokenInfo("a token", 4_000_000_000)

    async def close(self) -> None:
        pass

    async def __aenter__(self) -> _Pass:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass


def _body(data: Data, rows: int, kql: Kql) -> Path:
    """An answer's body with so many rows, made if it is missing."""
    path = data.folder / f"answer-{rows}-{data.end:%Y%m%d}.json"
    if not path.exists():
        connection = open_for_reading(data.store(rows), memory_limit="1GB", threads=2)
        path.write_bytes(asyncio.run(_answer(EmbeddedWorkspace(connection), kql)))
    return path


async def _answer(workspace: EmbeddedWorkspace, kql: Kql) -> bytes:
    try:
        return encoded(Table.of(await workspace.query(kql, EVER, deadline=DEADLINE)))
    finally:
        await workspace.close()


async def _sdk_asks(place: Place) -> None:
    async with LogsQueryClient(
        _Pass(), endpoint=place.endpoint, connection_verify=str(place.ca_file), retry_total=0
    ) as client:
        await client.query_workspace(WORKSPACE, EVERY_COLUMN.text, timespan=None)


async def _asks(place: Place) -> None:
    workspace = LogAnalyticsWorkspace(place, Credential(lambda: ChainedTokenCredential(_Pass())))
    await workspace.query(EVERY_COLUMN, EVER, deadline=DEADLINE)
    await workspace.close()


async def _stall(place: Place) -> float:
    """Milliseconds."""
    workspace = LogAnalyticsWorkspace(place, Credential(lambda: ChainedTokenCredential(_Pass())))
    async with ticking() as ticks:
        result = await workspace.query(COUNTED, EVER, deadline=DEADLINE)
        await asyncio.to_thread(result.release)
        late = ticks.take().late
    await workspace.close()
    return late * 1e3
