"""A server in a process of its own that gives one body to whoever asks, over TLS, and at once.

    python -m benchmarks.replaying BODY FOLDER

What a client does with an answer is measured against it: nothing is made in the meantime.
"""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trustme

_HOST = "127.0.0.1"
_PIECE = 1 << 18
_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n"
    b"Content-Length: %d\r\n\r\n"
)


@contextmanager
def replayed(body: Path, folder: Path) -> Iterator[tuple[str, Path]]:
    """Serves the body; yields the address, and the file with the certificate to trust."""
    command = [sys.executable, "-m", "benchmarks.replaying", str(body), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        try:
            yield f"https://{_HOST}:{port}", folder / "ca.pem"
        finally:
            process.terminate()


async def _serve(body: bytes, folder: Path) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                await reader.readexactly(_length(head))
                writer.write(_HEAD % len(body))
                for first in range(0, len(body), _PIECE):
                    writer.write(body[first : first + _PIECE])
                    await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            writer.close()

    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(_HOST).configure_cert(context)
    server = await asyncio.start_server(answer, _HOST, 0, ssl=context)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


def _length(head: bytes) -> int:
    """How long the body of a request is."""
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]).read_bytes(), Path(sys.argv[2])))
