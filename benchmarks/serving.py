"""The service as a process of its own, and the requests that every benchmark asks it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import quote, urlsplit
from urllib.request import urlopen

_ADDRESS = re.compile(r"http://\S+")
_OTHERS = ("/metrics", "/insights/failures/kql", "/openapi.json", "/docs", "/healthz", "/readyz")
_TIMEOUT = 120


@dataclass(frozen=True)
class Server:
    """A server on loopback, and the process that it runs in."""

    process: subprocess.Popen[str]
    address: str

    @property
    def host_and_port(self) -> tuple[str, int]:
        parts = urlsplit(self.address)
        return parts.hostname or "", parts.port or 0

    def get(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        return get(self.address + path)


def get(address: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of what a server on loopback answers, whatever the status."""
    try:
        with urlopen(address, timeout=_TIMEOUT) as response:
            return response.status, dict(response.headers), response.read()
    except HTTPError as error:
        return error.code, dict(error.headers), error.read()


@contextmanager
def service(store: Path, **settings: str) -> Iterator[Server]:
    """`provisioning-insights serve --store …`, stopped at the end."""
    serve = ["serve", "--store", str(store), "--port", "0"]
    environment = {f"INSIGHTS_{name.upper()}": value for name, value in settings.items()}
    with server([sys.executable, "-m", "service", *serve], environment) as started:
        yield started


@contextmanager
def server(command: list[str], environment: Mapping[str, str] | None = None) -> Iterator[Server]:
    """A program that prints its address once it serves; `environment` is added to ours."""
    added = {**os.environ, **(environment or {})}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=added) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            found = _ADDRESS.search(line)
            if found is None:
                raise RuntimeError(f"{' '.join(command)} did not start; it printed {line!r}")
            yield Server(process, found[0])
        finally:
            process.terminate()


def every_route(job_id: str) -> list[str]:
    """Each route that answers from the store: fleet and job, several windows and formats."""
    own = f"/jobs/{quote(job_id, safe='')}"
    tables = [
        f"{base}/{name}"
        for name in ("failures", "skipped-members", "cycles", "silence")
        for base in ("", own)
    ]
    series = [f"{base}/spikes?of={of}" for of in ("operation", "result") for base in ("", own)]
    default = [own, "/jobs", *tables, *series]
    return [
        *(_with(path, f"window={window}") for window in ("1h", "7d", "35d") for path in default),
        *default,
        *(_with(path, "window=35d&format=csv&limit=1000") for path in ("/jobs", *tables, *series)),
        *(_with(path, "window=35d&format=svg") for path in series),
        *_OTHERS,
    ]


def _with(path: str, parameters: str) -> str:
    return f"{path}{'&' if '?' in path else '?'}{parameters}"
