"""What the simulator needs of HTTP, on bare ASGI."""

from __future__ import annotations

import zlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from tests.simulator.faults import Reply

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": (
        "Retry-After,Age,WWW-Authenticate,x-resource-identities,x-ms-status-location"
    ),
    "Strict-Transport-Security": "max-age=15724800; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
}
_PIECE = 1 << 18
_COMPRESSED_FROM = 1400


def headers_of(scope: Scope) -> Mapping[str, str]:
    """The headers of a request, their names in lower case."""
    return {name.decode().lower(): value.decode() for name, value in scope["headers"]}


async def body_of(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def gone(receive: Receive) -> None:
    """Returns when the caller has closed the connection; for use after the body was read."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def send_reply(send: Send, reply: Reply, *, cut_after: int | None = None) -> None:
    """Sends a reply; with `cut_after` only so many bytes of its body, whatever length it says."""
    headers = {**_HEADERS, **reply.headers}
    if reply.content_type:
        headers |= {"Content-Type": reply.content_type}
    if reply.status != 204:
        headers |= {"Content-Length": str(len(reply.body))}
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": reply.status, "headers": raw})
    body = memoryview(reply.body)[:cut_after]
    for first in range(0, len(body), _PIECE):
        piece = bytes(body[first : first + _PIECE])
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    if cut_after is None:
        await send({"type": "http.response.body", "body": b""})


def compressed(reply: Reply, accepted: str) -> Reply:
    """The reply in gzip, if that is accepted and worth it; slow, so not for an event loop."""
    if "gzip" not in accepted or len(reply.body) < _COMPRESSED_FROM:
        return reply
    packer = zlib.compressobj(1, wbits=31)
    body = packer.compress(reply.body) + packer.flush()
    headers = {**reply.headers, "Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return Reply(reply.status, body, reply.content_type, headers)
