"""The program as a process of its own, driven from outside."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

_ADDRESS = re.compile(r"Serving on (http://\S+)\n")
_PATIENCE = 60
_PROGRAM = [sys.executable, "-W", "error", "-m", "service"]


@dataclass(frozen=True)
class Ended:
    """How a program ended."""

    code: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """The one line on standard error; there must be no other, and no traceback."""
        (line,) = self.err.splitlines()
        return line


class Served:
    """A service that runs; `url` is the address it said."""

    def __init__(self, process: subprocess.Popen[str], url: str, first: str) -> None:
        self.process = process
        self.url = url
        self.client = httpx.Client(base_url=url, timeout=_PATIENCE, trust_env=False)
        self._first = first

    def stop(self, how: signal.Signals = signal.SIGTERM) -> Ended:
        """Sends the signal and waits for the end."""
        self.process.send_signal(how)
        out, err = self.process.communicate(timeout=_PATIENCE)
        return Ended(self.process.returncode, self._first + out, err)


@contextmanager
def serving(*arguments: str, environment: Mapping[str, str] | None = None) -> Iterator[Served]:
    """The service on a free port; what still runs at the end is killed."""
    process = _start(["serve", "--port", "0", *arguments], environment)
    # A service that never says its address must not hold up the tests for ever.
    overdue = threading.Timer(_PATIENCE, process.kill)
    overdue.start()
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        overdue.cancel()
        address = _ADDRESS.fullmatch(first)
        if address is None:
            _, err = process.communicate(timeout=_PATIENCE)
            raise AssertionError(f"no address: {first!r} {err}")
        served = Served(process, address[1], first)
        with served.client:
            yield served
    finally:
        overdue.cancel()
        if process.poll() is None:
            process.kill()
        process.communicate()


def program(*arguments: str, environment: Mapping[str, str] | None = None) -> Ended:
    """A run of the program to its end."""
    process = _start(list(arguments), environment)
    try:
        out, err = process.communicate(timeout=_PATIENCE)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    return Ended(process.returncode, out, err)


def stopped_when(
    due: Callable[[], bool], *arguments: str, environment: Mapping[str, str], within: float
) -> Ended:
    """A run of the program that is told to stop once it is due, and ends within so many seconds."""
    process = _start(list(arguments), environment)
    try:
        until = time.monotonic() + _PATIENCE
        while not due() and process.poll() is None and time.monotonic() < until:
            time.sleep(0.05)
        process.terminate()
        out, err = process.communicate(timeout=within)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    return Ended(process.returncode, out, err)


def _start(arguments: list[str], environment: Mapping[str, str] | None) -> subprocess.Popen[str]:
    inherited = {name: value for name, value in os.environ.items() if "INSIGHTS_" not in name}
    return subprocess.Popen(
        [*_PROGRAM, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**inherited, **(environment or {})},
    )
