"""Which workspaces are asked, and in which of Azure's clouds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType


@dataclass(frozen=True)
class Cloud:
    """The addresses of one of Azure's clouds: of queries, of sign-in and of the portal."""

    endpoint: str
    authority: str
    portal: str


CLOUDS: Mapping[str, Cloud] = MappingProxyType(
    {
        "public": Cloud(
            "https://api.loganalytics.io",
            "https://login.microsoftonline.com",
            "https://portal.azure.com",
        ),
        "usgov": Cloud(
            "https://api.loganalytics.us",
            "https://login.microsoftonline.us",
            "https://portal.azure.us",
        ),
        "china": Cloud(
            "https://api.loganalytics.azure.cn",
            "https://login.chinacloudapi.cn",
            "https://portal.azure.cn",
        ),
    }
)


@dataclass(frozen=True)
class Place:
    """Where queries go.

    `workspaces` are their IDs, asked together in one query. `audience` is what tokens are asked
    for. `resource_id` is the first workspace's in Azure, for links. `ca_file` holds the
    certificates to trust instead of the system's.
    """

    workspaces: tuple[str, ...]
    endpoint: str
    audience: str
    portal: str
    resource_id: str | None = None
    ca_file: Path | None = None

    @property
    def scope(self) -> str:
        return f"{self.audience.rstrip('/')}/.default"

    @property
    def named(self) -> str:
        """The workspaces as they stand in a sentence."""
        if len(self.workspaces) == 1:
            return f"workspace {self.workspaces[0]}"
        return f"workspaces {', '.join(self.workspaces)}"
