"""The simulator in a process of its own, so that it takes no time of the one that is measured."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.simulator.control import counts_of
from tests.simulator.counts import Counts

_ROOT = Path(__file__).parents[2]


class Remote:
    """A simulator in another process; its names mean what those of `Simulator` mean.

    `environment` is the service's: it has the settings `INSIGHTS_…` too.
    """

    def __init__(self, address: str, environment: dict[str, str]) -> None:
        self.address = address
        self.environment = environment
        self.ca_file = Path(environment["INSIGHTS_CA_FILE"])
        context = ssl.create_default_context(cafile=self.ca_file)
        self._client = httpx.Client(base_url=address, verify=context, trust_env=False)

    @property
    def counts(self) -> Counts:
        return counts_of(self._ask("GET", "counts"))

    def reset(self) -> None:
        self._ask("DELETE", "counts")

    def fail(self, name: str, **how: Any) -> None:
        self._ask("POST", "plan", {"name": name, **how})

    def recover(self) -> None:
        self._ask("DELETE", "plan")

    def revoke_tokens(self) -> None:
        self._ask("POST", "revoke")

    def close(self) -> None:
        self._client.close()

    def _ask(self, method: str, what: str, said: object = None) -> bytes:
        answer = self._client.request(method, f"/simulator/{what}", json=said)
        if answer.status_code == 400:
            raise ValueError(answer.json()["error"])
        return answer.raise_for_status().content


@contextmanager
def started(store: Path, *options: str) -> Iterator[Remote]:
    """A simulator over this store on a free port; `options` are those of its command line."""
    command = [sys.executable, "-m", "tests.simulator", "--json", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--store", str(store.resolve()), *options],
        stdout=subprocess.PIPE,
        text=True,
        cwd=_ROOT,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, "the simulator did not start; what it wrote to standard error says why"
        remote = Remote(**json.loads(line))
        try:
            yield remote
        finally:
            remote.close()
    finally:
        process.terminate()
        process.communicate()
