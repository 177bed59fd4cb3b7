"""The simulator: its server with TLS, in a thread of its own, and what a test does with it."""

from __future__ import annotations

import asyncio
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

import trustme
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.times import utc_now
from service.workspace.embedded.workspace import MAX_ROWS
from tests.simulator.api import Api, Connection
from tests.simulator.control import rule_of
from tests.simulator.counts import Counts, Limits, Meter
from tests.simulator.http import Scope
from tests.simulator.logs import Logs, Workspaces
from tests.simulator.plan import Plan
from tests.simulator.queries import Queries
from tests.simulator.tokens import CLIENT_ID, FEDERATED_TOKEN, Principal, Tokens

HOST = "127.0.0.1"
AUDIENCE = "https://api.loganalytics.io"

_GRACE = 2
"""Seconds that connections get to close."""

_LOOK_EVERY = 0.005


class Simulator:
    """The query API and the token endpoint on one loopback address, once it is entered.

    `logs` are the workspaces by ID. `now` is the clock of tokens, time spans and `now()`,
    `monotonic` that of limits, counts and the API's own result cache. `limits` are enforced if
    given. `principals` may have tokens and, while they are among the `readers`, read; `audiences`
    are what tokens may be for, beside the simulator's own address. `max_rows` is where results are
    cut. May be used from any thread; a port of 0 takes any.
    An error of the simulator itself is raised when it is left.
    """

    def __init__(
        self,
        logs: Mapping[str, Logs],
        *,
        now: Callable[[], datetime] = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
        limits: Limits | None = None,
        principals: Collection[Principal] = (Principal(),),
        readers: Collection[str] = (CLIENT_ID,),
        audiences: Collection[str] = (AUDIENCE,),
        token_lifetime: timedelta = timedelta(hours=1),
        max_rows: int = MAX_ROWS,
        memory: str = "512MB",
        port: int = 0,
    ) -> None:
        self.readers = set(readers)
        """Client IDs of principals that have a role on the workspaces; may be changed."""
        self._folder = tempfile.TemporaryDirectory(prefix="simulator-")
        self._socket = socket.create_server((HOST, port))
        self.address = f"https://{HOST}:{self._socket.getsockname()[1]}"
        """Endpoint of the API and authority of credentials."""
        self.ca_file = Path(self._folder.name, "ca.pem")
        self.federated_token_file = Path(self._folder.name, "federated-token")
        self.federated_token_file.write_text(FEDERATED_TOKEN)
        self._principal = next(iter(principals))
        self._now = now
        self._plan = Plan()
        self._meter = Meter(monotonic, limits)
        self._tokens = Tokens(principals, token_lifetime, now)
        self._workspaces = Workspaces(logs, now=now, max_rows=max_rows, memory=memory)
        self._queries = Queries(
            self._workspaces,
            self._tokens,
            self._plan,
            self._meter,
            readers=self.readers,
            audiences=(*audiences, self.address),
            now=now,
            monotonic=monotonic,
        )
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="simulator")
        self._server: _Server | None = None
        self._errors: list[Exception] = []

    @property
    def environment(self) -> dict[str, str]:
        """What `DefaultAzureCredential` reads to find its way here."""
        return {
            "AZURE_AUTHORITY_HOST": self.address,
            "AZURE_TENANT_ID": self._principal.tenant_id,
            "AZURE_CLIENT_ID": self._principal.client_id,
            "AZURE_CLIENT_SECRET": self._principal.secret,
        }

    @property
    def counts(self) -> Counts:
        """What happened so far, as it is now."""
        return self._meter.snapshot()

    def reset(self) -> None:
        """Counts from nothing."""
        self._meter.reset()

    def fail(self, name: str, **how: Any) -> None:
        """Adds a rule to the plan; `how` are fields of `plan.Fault` and `plan.Rule`."""
        self._plan.add(rule_of({"name": name, **how}))

    def recover(self) -> None:
        """Forgets the plan."""
        self._plan.clear()

    def hold(self, workspace: str, logs: Logs) -> None:
        """The workspace holds these logs from now on; kept answers stay what they are."""
        self._workspaces.hold(workspace, logs)

    def revoke_tokens(self) -> None:
        """No token that was issued so far is valid any more."""
        self._tokens.revoke()

    def wait_for(self, met: Callable[[Counts], bool], seconds: float = 5.0) -> Counts:
        """The counts as soon as they are so; `TimeoutError` if they never are."""
        end = time.monotonic() + seconds
        while not met(counts := self.counts):
            if time.monotonic() > end:
                raise TimeoutError(f"never so: {counts}")
            time.sleep(0.005)
        return counts

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(self, *raised: object) -> None:
        if self._server:
            self._server.stop()
        self._thread.join()
        self._socket.close()
        self._folder.cleanup()
        if self._errors and not any(raised):
            raise ExceptionGroup("the simulator has failed in itself", self._errors)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        finally:
            self._started.set()

    async def _serve(self) -> None:
        connections: dict[object, Connection] = {}
        app = Api(
            self._queries,
            self._tokens,
            self._plan,
            self._meter,
            address=self.address,
            now=self._now,
            connection=lambda scope: connections[_caller(scope)],
        )
        self._errors = app.errors
        config = uvicorn.Config(
            app,
            http=_protocol(connections, self._meter),
            lifespan="off",
            log_config=None,
            log_level=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            **self._certificate(),
        )
        self._server = _Server(config, self._started, app.closing)
        try:
            await self._server.serve(sockets=[self._socket])
        finally:
            await self._workspaces.close()

    def _certificate(self) -> dict[str, Any]:
        """A certificate for this address, and the file of the CA that clients have to trust."""
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.ca_file)
        issued = authority.issue_cert(HOST, "localhost")
        chain = Path(self._folder.name, "server.pem")
        issued.private_key_and_cert_chain_pem.write_to_path(chain)
        return {"ssl_certfile": chain, "ssl_keyfile": chain}


class _Server(uvicorn.Server):
    """Says when it has started; stops at once, where uvicorn looks ten times a second."""

    def __init__(
        self, config: uvicorn.Config, started: threading.Event, closing: asyncio.Event
    ) -> None:
        super().__init__(config)
        self._started_event = started
        self._closing = closing
        self._loop = asyncio.get_running_loop()

    def stop(self) -> None:
        """From any thread."""
        self._loop.call_soon_threadsafe(self._closing.set)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._started_event.set()

    async def main_loop(self) -> None:
        await self._closing.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        state = self.server_state
        for connection in list(state.connections):
            connection.shutdown()
        with suppress(TimeoutError):
            async with asyncio.timeout(_GRACE):
                while state.connections or state.tasks:  # noqa: ASYNC110 - uvicorn has no event
                    await asyncio.sleep(_LOOK_EVERY)


def _protocol(connections: dict[object, Connection], meter: Meter) -> type[HttpToolsProtocol]:
    """uvicorn's protocol, which lets its connections be found by the address of the caller."""

    class Protocol(HttpToolsProtocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            meter.counts.connections += 1
            connections[self.client] = transport

        def connection_lost(self, exc: Exception | None) -> None:
            connections.pop(self.client, None)
            super().connection_lost(exc)

    return Protocol


def _caller(scope: Scope) -> object:
    return tuple(scope["client"])
