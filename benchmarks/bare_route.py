"""A FastAPI route that returns bytes made before, and nothing else: what others are measured by.

    python -m benchmarks.bare_route ANSWER

The file holds JSON with `path`, `headers` and `body`. Prints the address once it serves.
"""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Response


def app(answer: Path) -> FastAPI:
    kept = json.loads(answer.read_text())
    body, headers = kept["body"].encode(), kept["headers"]
    bare = FastAPI()

    @bare.get(kept["path"].partition("?")[0])
    async def route() -> Response:
        return Response(body, headers=headers)

    return bare


def main() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        sys.stdout.write(f"http://127.0.0.1:{listening.getsockname()[1]}\n")
        sys.stdout.flush()
        config = uvicorn.Config(
            app(Path(sys.argv[1])), log_level="warning", access_log=False, server_header=False
        )
        uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
