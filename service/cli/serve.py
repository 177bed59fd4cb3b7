"""Serve answers over HTTP: from demo data, your own logs, an imported store, or Log Analytics."""

from __future__ import annotations

import errno
import gc
import hashlib
import os
import signal
import socket
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from threading import Event
from types import FrameType
from typing import Any

import uvicorn

from service.app import create_app
from service.cli.command import CommandError, UsageError
from service.cli.import_records import TerminalReporter
from service.insights.activity.store import ActivityError
from service.records.demo import demo_records
from service.records.importing import add_lines, import_paths
from service.records.problems import MissingPathError
from service.records.store import Store, StoreError, open_for_reading
from service.settings import Settings, SettingsError, load_settings
from service.times import BINS, utc_now
from service.workspace.embedded import EmbeddedWorkspace
from service.workspace.log_analytics import open_log_analytics
from service.workspace.protocol import Workspace

_SWITCH_INTERVAL = 0.001
_COLLECT_AFTER = (2_000, 10, 1_000_000)
_COLLECT_EVERY = 300
"""Ticks of uvicorn, ten a second. What has grown old in cycles is let go of then: errors with their
tracebacks, closed connections, parsed KQL. That takes some 10 ms, and 1 ms for each thousand of
these objects: often enough that there are few."""


def configure(parser: ArgumentParser) -> None:
    """Declares where from and where to; everything else is a setting."""
    declare_sources(parser)
    parser.add_argument("--host", help="the IP address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", help="the port to listen on, 0 for any (default 8080)")


def declare_sources(parser: ArgumentParser) -> None:
    """Declares where logs come from, and the file of settings."""
    parser.add_argument(
        "--logs",
        metavar="PATH",
        nargs="+",
        type=Path,
        help="files, folders or patterns of exported logs to serve",
    )
    parser.add_argument("--store", metavar="FILE", type=Path, help="a store made with import")
    parser.add_argument(
        "--workspace-id",
        metavar="GUID",
        action="append",
        help="the ID of a Log Analytics workspace; several are asked together",
    )
    parser.add_argument("--config", metavar="FILE", type=Path, help="settings as YAML")


def run(arguments: Namespace) -> None:
    """Serves until it is told to stop."""
    settings, told = settings_of(arguments), Event()
    with stopping_cleanly(), listening(settings) as sock, opened_workspace(settings) as workspace:
        try:
            app = create_app(settings, workspace, stopping=told.is_set)
        except ActivityError as error:
            raise CommandError(str(error)) from error
        with loop_kept_free():
            _serve(app, settings, sock, told)


def settings_of(arguments: Namespace) -> Settings:
    """The settings of environment, file and options; `UsageError` names what is wrong."""
    options = {
        name: value
        for name in ("logs", "store", "workspace_id", "host", "port")
        if (value := getattr(arguments, name, None)) is not None
    }
    try:
        return load_settings(os.environ, arguments.config, options)
    except SettingsError as error:
        raise UsageError(str(error)) from None


@contextmanager
def opened_workspace(settings: Settings) -> Iterator[Workspace]:
    """The workspace that the settings name; who uses it closes it."""
    if settings.workspace_id:
        try:
            workspace = open_log_analytics(settings)
        except OSError as error:
            raise UsageError(
                f"ca_file: {settings.ca_file} can't be read as certificates: {error.strerror}"
            ) from error
        yield workspace
        return
    with opened_store(settings) as store:
        try:
            connection = open_for_reading(
                store,
                memory_limit=f"{settings.embedded_memory}B",
                threads=settings.embedded_threads,
            )
        except StoreError as error:
            raise CommandError(str(error)) from error
        yield EmbeddedWorkspace(connection, identity=_identity(store))


@contextmanager
def loop_kept_free() -> Iterator[None]:
    """Makes threads give way often, and full garbage collections rare.

    Results become Python objects in threads, and the event loop must not wait long for its turn. A
    full collection walks every object that is kept, in one piece: 150 ms and more.
    """
    interval, threshold = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(_SWITCH_INTERVAL)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)
        gc.set_threshold(*threshold)
        # What is frozen is never let go of, and DuckDB would call that a leak at the end.
        gc.unfreeze()


def _identity(store: Path) -> str:
    """What tells one store from another, also from an earlier one at the same place."""
    status = store.stat()
    place = f"{store.resolve()}\0{status.st_dev}\0{status.st_ino}"
    return f"embedded-{hashlib.blake2b(place.encode(), digest_size=6).hexdigest()}"


@contextmanager
def stopping_cleanly() -> Iterator[None]:
    """SIGTERM ends the program with exit code 0, and with it everything made for the occasion."""

    def stop(*_: object) -> None:
        raise SystemExit(0)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def listening(settings: Settings) -> Iterator[socket.socket]:
    """The socket to serve on, taken before any work is done for it."""
    address = settings.host
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((address, settings.port))
        except OSError as error:
            other = "--host" if error.errno == errno.EADDRNOTAVAIL else "--port"
            raise CommandError(
                f"Port {settings.port} of {address} can't be taken: {error.strerror}; "
                f"choose another with {other}."
            ) from error
        yield sock


@contextmanager
def opened_store(settings: Settings) -> Iterator[Path]:
    """The store to serve; one made for the occasion goes when the service ends."""
    if settings.store:
        yield settings.store
        return
    with tempfile.TemporaryDirectory(prefix="provisioning-insights-") as folder:
        store = Path(folder, "events.duckdb")
        try:
            if settings.logs:
                _import(settings, store)
            else:
                _demonstrate(store)
        except StoreError as error:
            raise CommandError(str(error)) from error
        yield store


def _import(settings: Settings, store: Path) -> None:
    with TerminalReporter(sys.stderr, None) as reporter:
        try:
            summary = import_paths(settings.logs, store, reporter=reporter, clock=utc_now)
        except MissingPathError as error:
            raise UsageError(str(error)) from error
    if not summary.added:
        raise CommandError("No provisioning event could be read; nothing to serve.")
    sys.stderr.write(f"Serving {summary.added:,} events of {summary.jobs:,} jobs.\n")


def _demonstrate(store: Path) -> None:
    end: datetime = BINS["5m"].floor(utc_now())
    sys.stderr.write("Serving a made-up tenant; use --logs to serve your own export.\n")
    with Store.create_or_open(store, utc_now) as writing:
        add_lines(demo_records(end=end), writing)


class _Server(uvicorn.Server):
    """Says where it serves, since the port may have been anybody's, and collects garbage.

    `told` is set when it is told to stop: also while it starts, when nothing else says so.
    """

    def __init__(self, config: uvicorn.Config, told: Event) -> None:
        super().__init__(config)
        self._told = told

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._told.set()
        super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        if counter % _COLLECT_EVERY == 0:
            gc.collect()
        return await super().on_tick(counter)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        for sock in sockets or []:
            host, port = sock.getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            sys.stdout.write(f"Serving on http://{shown}:{port}\n")
            sys.stdout.flush()


def _serve(app: Any, settings: Settings, sock: socket.socket, told: Event) -> None:
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=int(settings.shutdown_grace.total_seconds()),
    )
    server = _Server(config, told)
    server.run(sockets=[sock])
    if not server.started:
        raise CommandError("The service could not be started; the log above says why.")
