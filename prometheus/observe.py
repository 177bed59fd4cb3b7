"""The demo service and a Prometheus that watches it by our rules, until Ctrl-C: `make observe`."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

_FOLDER = Path(__file__).parent
_SERVICE_PORT, _PROMETHEUS_PORT = 8080, 9090
_SAID = "Serving on http://"
_PATIENCE = 30.0
_INTERVAL = "5s"
"""Often, so that a person need not wait for the first lines of a graph."""


class NotStarted(Exception):
    """One of the two can't be started; one sentence that says why, or what to do."""


def main() -> int:
    """Runs both until they are told to stop; the exit code is 0 then, 1 where one does not run."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with tempfile.TemporaryDirectory(prefix="observe-") as folder:
            _observe(Path(folder))
    except KeyboardInterrupt:
        return 0
    except NotStarted as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _observe(folder: Path) -> None:
    program = shutil.which("prometheus")
    if program is None:
        raise NotStarted("Prometheus is not here; 'apt-get install prometheus' installs it.")
    with _service() as (service, target):
        address = f"127.0.0.1:{_free(_PROMETHEUS_PORT)}"
        with _prometheus(program, folder, target, address) as prometheus:
            sys.stdout.write(
                f"Service     http://{target}/jobs  http://{target}/metrics\n"
                f"Prometheus  http://{address}/graph  http://{address}/alerts\n"
                "Ctrl-C stops both.\n"
            )
            sys.stdout.flush()
            while service.poll() is None and prometheus.poll() is None:
                time.sleep(0.2)
            ended = "the service" if service.poll() is not None else "Prometheus"
            raise NotStarted(f"Both are stopped because {ended} has ended.")


@contextmanager
def _service() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The demo service, and its host and port."""
    command = [sys.executable, "-m", "service", "serve", "--port", str(_free(_SERVICE_PORT))]
    # In a session of its own: Ctrl-C is for this process, which stops both in order.
    with subprocess.Popen(  # noqa: S603
        command, stdout=subprocess.PIPE, text=True, cwd=_FOLDER.parent, start_new_session=True
    ) as process:
        try:
            said = process.stdout.readline() if process.stdout else ""
            if not said.startswith(_SAID):
                raise NotStarted("The service does not start; the line above says why.")
            yield process, said.removeprefix(_SAID).strip()
        finally:
            _stop(process)


@contextmanager
def _prometheus(
    program: str, folder: Path, target: str, address: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Prometheus with our rules and the example's configuration, its data in this folder."""
    config = yaml.safe_load((_FOLDER / "prometheus.yml").read_text("utf-8"))
    config["global"] = {"scrape_interval": _INTERVAL, "evaluation_interval": _INTERVAL}
    config["rule_files"] = [str(path) for path in _rules(folder)]
    config["scrape_configs"][0]["static_configs"] = [{"targets": [target]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config), "utf-8")
    log = folder / "prometheus.log"
    command = [
        program,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
    ]
    with (
        log.open("wb") as writing,
        subprocess.Popen(  # noqa: S603
            command, stdout=writing, stderr=writing, start_new_session=True
        ) as process,
    ):
        try:
            _wait(process, f"http://{address}/-/ready", log)
            yield process
        finally:
            _stop(process)


def _rules(folder: Path) -> list[Path]:
    """Copies of our rules in this folder that are evaluated with each scrape."""
    copies = []
    for path in sorted((_FOLDER / "rules").glob("*.yml")):
        rules = yaml.safe_load(path.read_text("utf-8"))
        for group in rules["groups"]:
            del group["interval"]
        copies.append(folder / path.name)
        copies[-1].write_text(yaml.safe_dump(rules), "utf-8")
    return copies


def _stop(process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> None:
    process.terminate()
    # Leaving `with` after Ctrl-C does not wait.
    process.wait()


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    end = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < end:
        try:
            with urllib.request.urlopen(url, timeout=1):  # noqa: S310
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    last = log.read_text("utf-8").strip().rpartition("\n")[2]
    raise NotStarted(f"Prometheus does not start: {last}")


def _free(preferred: int) -> int:
    """The port, or any other where it is taken."""
    for port in (preferred, 0):
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                sock.bind(("127.0.0.1", port))
            except OSError:
                continue
            found: int = sock.getsockname()[1]
            return found
    raise NotStarted("No port of this machine is free.")


if __name__ == "__main__":
    sys.exit(main())
