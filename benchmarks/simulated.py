"""A workspace of ours that asks a simulator of Log Analytics, with its client's own secret."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from azure.identity.aio import ChainedTokenCredential, ClientSecretCredential

from service.times import utc_now
from service.workspace.log_analytics import LogAnalyticsWorkspace
from service.workspace.log_analytics.credentials import Credential
from service.workspace.log_analytics.place import Place
from tests.simulator import WORKSPACE_ID


def asking(
    address: str,
    ca_file: Path,
    environment: Mapping[str, str],
    *,
    now: Callable[[], datetime] = utc_now,
) -> LogAnalyticsWorkspace:
    """The simulated workspace, signed in to as its `environment` says; close it."""
    return LogAnalyticsWorkspace(
        Place((WORKSPACE_ID,), address, address, "", ca_file=ca_file),
        Credential(
            lambda: ChainedTokenCredential(
                ClientSecretCredential(
                    environment["AZURE_TENANT_ID"],
                    environment["AZURE_CLIENT_ID"],
                    environment["AZURE_CLIENT_SECRET"],
                    authority=address,
                    disable_instance_discovery=True,
                    connection_verify=str(ca_file),
                )
            )
        ),
        now=now,
    )
