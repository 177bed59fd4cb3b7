"""A workspace of the real SDK and real credentials, which asks the simulator."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from azure.identity.aio import ChainedTokenCredential, ClientSecretCredential

from service.kql.template import Kql
from service.times import utc_now
from service.workspace.log_analytics import LogAnalyticsWorkspace
from service.workspace.log_analytics.credentials import Credential
from service.workspace.log_analytics.place import Place
from service.workspace.protocol import Result, TimeSpan
from tests.simulator import CLIENT_ID, CLIENT_SECRET, TENANT_ID, WORKSPACE_ID, Simulator

EVER = TimeSpan(datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
PATIENT = timedelta(seconds=30)
NEWEST = Kql("AADProvisioningLogs | summarize max(TimeGenerated)")


def place_of(simulator: Simulator, **changes: Any) -> Place:
    """Where the simulator listens."""
    place = Place(
        (WORKSPACE_ID,),
        simulator.address,
        simulator.address,
        "https://portal.azure.com",
        ca_file=simulator.ca_file,
    )
    return replace(place, **changes)


def secret_of(simulator: Simulator, secret: str = CLIENT_SECRET) -> Credential:
    """A credential with a client secret, which signs in at the simulator."""
    return Credential(
        lambda: ChainedTokenCredential(
            ClientSecretCredential(
                TENANT_ID,
                CLIENT_ID,
                secret,
                authority=simulator.address,
                connection_verify=str(simulator.ca_file),
                retry_total=0,
            )
        )
    )


@asynccontextmanager
async def simulated(
    simulator: Simulator,
    credential: Credential | None = None,
    *,
    now: Callable[[], datetime] = utc_now,
    **changes: Any,
) -> AsyncIterator[LogAnalyticsWorkspace]:
    """The workspace, closed at the end; `changes` are fields of its place."""
    place = place_of(simulator, **changes)
    workspace = LogAnalyticsWorkspace(place, credential or secret_of(simulator), now=now)
    try:
        yield workspace
    finally:
        await workspace.close()


async def ask(
    workspace: LogAnalyticsWorkspace, kql: Kql = NEWEST, *, deadline: timedelta = PATIENT
) -> Result:
    return await workspace.query(kql, EVER, deadline=deadline)
