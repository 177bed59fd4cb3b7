"""A raw ASGI application that returns bytes made before: the least that serving them can cost.

    python -m benchmarks.bare_asgi BODY HEADERS

BODY is a file with the bytes, HEADERS one with JSON. Prints the address once it serves.
"""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send


def app(body: bytes, headers: dict[str, str]) -> ASGIApp:
    own = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    own.append((b"content-length", b"%d" % len(body)))

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": own})
            await send({"type": "http.response.body", "body": body})

    return answer


def main() -> None:
    body, headers = Path(sys.argv[1]).read_bytes(), json.loads(Path(sys.argv[2]).read_text())
    with socket.create_server(("127.0.0.1", 0)) as listening:
        sys.stdout.write(f"http://127.0.0.1:{listening.getsockname()[1]}\n")
        sys.stdout.flush()
        config = uvicorn.Config(
            app(body, headers),
            lifespan="off",
            log_level="warning",
            access_log=False,
            server_header=False,
        )
        uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
