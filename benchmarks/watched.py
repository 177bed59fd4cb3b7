"""The program, but it prints what it holds as one line of JSON on SIGUSR1, and logs errors only.

    python -m benchmarks.watched serve …

Tasks can't be counted from outside, as memory and files can.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import signal
import sys

from service.cli.main import main


def _tell(*_: object) -> None:
    tasks = len(asyncio.all_tasks(asyncio.get_running_loop()))
    sys.stdout.write(json.dumps({"tasks": tasks, "objects": len(gc.get_objects())}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    signal.signal(signal.SIGUSR1, _tell)
    sys.exit(main())
