"""`datasette` on loopback, serving rows of ours from a table: the peer for answers as JSON.

It is installed into an environment of its own beside the data, since its dependencies are not ours.
"""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode

from benchmarks.serving import Server

_RELEASE = "datasette>=0.65,<2"
_TABLE = "answer"
_STARTS_WITHIN = 60.0


def installed(folder: Path, *, install: bool) -> Path | None:
    """The program in this folder, `None` where it is not there and can't be installed."""
    program = folder / "bin" / "datasette"
    if install and not program.exists():
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", _RELEASE]
        with suppress(subprocess.CalledProcessError):
            subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
            subprocess.run(pip, check=True)
    return program if program.exists() else None


@contextmanager
def serving(
    program: Path, rows: Sequence[dict[str, Any]], folder: Path
) -> Iterator[tuple[Server, str]]:
    """Serves the rows, told apart by their first value; yields the server and the path of all of
    them as a JSON array."""
    database = folder / "rows.db"
    nested = [name for name, value in rows[0].items() if isinstance(value, dict | list)]
    _write(database, rows)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    # Immutable and without its own limits and checks: as fast as it can.
    command = [str(program), "serve", "--immutable", str(database), "--port", str(port)]
    settings = ["--setting", "max_returned_rows", str(len(rows) + 1)]
    own = {**os.environ, "HOME": str(folder)}
    with subprocess.Popen(
        [*command, *settings],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
        env=own,
    ) as process:
        try:
            started = Server(process, f"http://127.0.0.1:{port}")
            asked = [("_shape", "array"), ("_size", len(rows)), *(("_json", n) for n in nested)]
            path = f"/rows/{_TABLE}.json?{urlencode(asked)}"
            _wait_for(started, path)
            yield started, path
        finally:
            process.terminate()


def _write(database: Path, rows: Sequence[dict[str, Any]]) -> None:
    first, *others = (f'"{name}"' for name in rows[0])
    columns = ", ".join([f"{first} PRIMARY KEY", *others])
    places = ", ".join("?" * len(rows[0]))
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(f"CREATE TABLE {_TABLE} ({columns})")
        connection.executemany(
            f"INSERT INTO {_TABLE} VALUES ({places})",
            [[_stored(value) for value in row.values()] for row in rows],
        )


def _stored(value: object) -> object:
    return json.dumps(value) if isinstance(value, dict | list) else value


def _wait_for(started: Server, path: str) -> None:
    deadline = time.monotonic() + _STARTS_WITHIN
    while time.monotonic() < deadline:
        with suppress(URLError, ConnectionError):
            if started.get(path)[0] == 200:
                return
        time.sleep(0.2)
    raise RuntimeError("datasette does not show the rows that it was given")
