"""The simulator for people: `python -m tests.simulator`, or `make simulator`."""

from __future__ import annotations

import json
import shlex
import sys
import tempfile
import threading
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from service.cli.serve import stopping_cleanly
from service.records.demo import demo_records
from service.records.importing import add_lines
from service.records.store import Store
from service.times import utc_now
from tests.simulator.counts import Limits
from tests.simulator.logs import Logs
from tests.simulator.server import Simulator
from tests.simulator.tokens import WORKSPACE_ID

PORT = 8443


def main(arguments: Sequence[str] | None = None) -> None:
    """Serves until it is told to stop."""
    parser = ArgumentParser(
        prog="python -m tests.simulator",
        description="Simulates the query API of Azure Log Analytics on this machine.",
    )
    parser.add_argument("--store", type=Path, help="a store made with import (a made-up tenant)")
    parser.add_argument("--port", type=int, default=PORT, help=f"0 takes any ({PORT})")
    parser.add_argument(
        "--limits", action="store_true", help="answers 429 beyond 5 queries at once or 200 in 30 s"
    )
    parser.add_argument("--json", action="store_true", help="says where it is as one line of JSON")
    with suppress(KeyboardInterrupt), tempfile.TemporaryDirectory(prefix="simulator-") as folder:
        _serve(parser.parse_args(arguments), Path(folder))


def environment_of(simulator: Simulator) -> dict[str, str]:
    """What the service has to find in its environment to ask this simulator."""
    return {
        **simulator.environment,
        "INSIGHTS_CA_FILE": str(simulator.ca_file),
        "INSIGHTS_ENDPOINT": simulator.address,
        "INSIGHTS_WORKSPACE_ID": WORKSPACE_ID,
    }


def _serve(chosen: Namespace, folder: Path) -> None:
    store = chosen.store or _made_up(folder / "events.duckdb")
    limits = Limits() if chosen.limits else None
    with (
        stopping_cleanly(),
        Simulator({WORKSPACE_ID: Logs(store)}, port=chosen.port, limits=limits) as simulator,
    ):
        environment = environment_of(simulator)
        if chosen.json:
            print(json.dumps({"address": simulator.address, "environment": environment}))
        else:
            print(_introduction(simulator, environment))
        sys.stdout.flush()
        threading.Event().wait()


def _made_up(path: Path) -> Path:
    with Store.create_or_open(path, utc_now) as writing:
        add_lines(demo_records(end=utc_now()), writing)
    return path


def _introduction(simulator: Simulator, environment: dict[str, str]) -> str:
    exports = "\n".join(
        f"export {name}={shlex.quote(value)}" for name, value in environment.items()
    )
    return (
        f"Log Analytics is simulated on {simulator.address}\n"
        f"  workspace ID           {WORKSPACE_ID}\n"
        f"  certificate of the CA  {simulator.ca_file}\n\n"
        f"To ask it from the service, in another terminal:\n\n{exports}\n"
        ".venv/bin/provisioning-insights serve\n\n"
        f"To let it fail:\n\ncurl --cacert {simulator.ca_file} {simulator.address}/simulator/plan "
        '--json \'{"name": "throttled", "retry_after": 5, "times": 3}\'\n\n'
        "docs/simulator.md says what else it can do. Ctrl-C ends it."
    )


if __name__ == "__main__":
    main()
