"""A plain HTTP client of a simulator."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from tests.simulator.server import Simulator
from tests.simulator.tokens import CLIENT_ID, CLIENT_SECRET, TENANT_ID, WORKSPACE_ID


@dataclass
class Caller:
    """Asks as itself, with a new token each time unless given one."""

    client: httpx.Client
    simulator: Simulator

    @property
    def token(self) -> str:
        return str(self.ask_token().json()["access_token"])

    def ask_token(self, **fields: str) -> httpx.Response:
        form = {
            "grant_type": "client_credentials",
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "scope": f"{self.simulator.address}/.default",
        }
        tenant = fields.pop("tenant", TENANT_ID)
        return self.client.post(f"/{tenant}/oauth2/v2.0/token", data=form | fields)

    def ask(
        self,
        query: str,
        *,
        workspace: str = WORKSPACE_ID,
        token: str | None = None,
        timeout: float = 10,
        headers: dict[str, str] | None = None,
        **body: Any,
    ) -> httpx.Response:
        authorization = {"Authorization": f"Bearer {token or self.token}"}
        return self.client.post(
            f"/v1/workspaces/{workspace}/query",
            json={"query": query, **body},
            headers=authorization | (headers or {}),
            timeout=timeout,
        )

    def rows(self, query: str, **asked: Any) -> list[list[Any]]:
        answer = self.ask(query, **asked)
        assert answer.status_code == 200, answer.text
        rows: list[list[Any]] = answer.json()["tables"][0]["rows"]
        return rows


@contextmanager
def calling(simulator: Simulator) -> Iterator[Caller]:
    """A caller that trusts the simulator's CA."""
    context = ssl.create_default_context(cafile=simulator.ca_file)
    with httpx.Client(base_url=simulator.address, verify=context, trust_env=False) as client:
        yield Caller(client, simulator)
