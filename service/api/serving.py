"""The outermost layer, raw ASGI: request IDs, rendered bodies, conditional requests, counting.

A GET whose rendered body is still fresh ends here: bytes, ETag, no framework work. Everything else
goes on to the routes; what they mark with `keep_while_fresh` is kept for the next caller.
"""

from __future__ import annotations

import asyncio
import gzip
import logging
import re
import time
import uuid
from collections.abc import Callable, Hashable, Iterable
from typing import Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.cache.bodies import Body, BodyCache

log = logging.getLogger(__name__)

_SANE_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}")
_TAG = re.compile(rb'(?:W/)?("[^"]*")')
_CODING = re.compile(rb"(?:^|,)\s*(gzip|\*)\s*(?:;\s*q=([0-9.]+)\s*)?(?=,|$)")
_COMPRESSED_FROM = 1024
_LONGEST_KEY = 4096
_OF_CONTENT = frozenset({b"content-length", b"content-type", b"content-encoding"})

Header = tuple[bytes, bytes]


class RequestObserver(Protocol):
    """Told of every request that was answered; `route` is the template, never the raw path."""

    def __call__(self, route: str, method: str, status: int, elapsed: float) -> None: ...


def keep_while_fresh(scope: Scope, made: float, expires: float) -> None:
    """Tells the age of the response's answer, in monotonic seconds; it is kept until it expires."""
    scope["state"]["age"] = (made, expires)


def request_id(scope: Scope) -> str:
    """The ID of a request: the caller's if it was sane, else ours."""
    own: str = scope["state"]["request_id"]
    return own


def raw_path(scope: Scope) -> str:
    """The path as the caller spelled it, without the query."""
    spelled: bytes = scope["raw_path"]
    return spelled.decode("ascii", "replace").partition("?")[0]


class Serving:
    """Wraps the routes; see the module."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        bodies: BodyCache,
        monotonic: Callable[[], float],
        observe_request: RequestObserver,
        observe_body: Callable[[str], None],
    ) -> None:
        self._app = app
        self._bodies = bodies
        self._monotonic = monotonic
        self._observe_request = observe_request
        self._observe_body = observe_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        headers = _joined(scope["headers"])
        given = headers.get(b"x-request-id", b"")
        own_id = given if _SANE_REQUEST_ID.fullmatch(given) else uuid.uuid4().hex.encode()
        method: str = scope["method"]
        gzipped = _takes_gzip(headers)
        key = _key(scope, headers, gzipped) if method in ("GET", "HEAD") else None
        body = self._bodies.get(key) if key is not None else None
        if body is None:
            scope.setdefault("state", {})["request_id"] = own_id.decode()
            scope["method"] = "GET" if method == "HEAD" else method
            body = await self._render(scope, receive, gzipped)
            # The server goes by it: a HEAD's answer is shorter than its Content-Length says.
            scope["method"] = method
            if key is not None and body.status == 200 and "age" in scope["state"]:
                self._observe_body("miss")
                self._bodies.keep(key, body)
        else:
            self._observe_body("hit")
        await self._answer(body, headers, method, own_id, send)
        self._observe_request(body.label, method, body.status, time.perf_counter() - started)

    async def _render(self, scope: Scope, receive: Receive, gzipped: bool) -> Body:
        """What the routes answer, whole."""
        response = _Response()
        try:
            await self._app(scope, receive, response.send)
        except Exception:
            # The error handler has answered already; what it can't know is the traceback.
            log.exception("request %s failed", request_id(scope))
            if not response.complete:
                raise
        content, headers = b"".join(response.content), response.headers
        if len(content) > _COMPRESSED_FROM and not _has(headers, b"content-encoding"):
            headers = _varying(headers)
            if gzipped:
                content = await asyncio.to_thread(gzip.compress, content, 5, mtime=0)
                headers = [*headers, (b"content-encoding", b"gzip")]
        headers = [
            *((name, value) for name, value in headers if name not in (b"content-length", b"etag")),
            (b"content-length", b"%d" % len(content)),
        ]
        etag = next((value for name, value in response.headers if name == b"etag"), None)
        made, expires = scope["state"].get("age", (0.0, 0.0))
        label = getattr(scope.get("route"), "path", "unknown")
        return Body(response.status, tuple(headers), content, etag, made, expires, label)

    async def _answer(
        self, body: Body, asked: dict[bytes, bytes], method: str, own_id: bytes, send: Send
    ) -> None:
        status, headers, content = body.status, list(body.headers), body.content
        headers.append((b"x-request-id", own_id))
        if body.etag is not None:
            headers.append((b"etag", body.etag))
            if method in ("GET", "HEAD") and _matches(asked.get(b"if-none-match"), body.etag):
                status, content = 304, b""
                headers = [header for header in headers if header[0] not in _OF_CONTENT]
            now = self._monotonic()
            left = max(0, int(body.expires - now))
            headers.append((b"age", b"%d" % max(0, int(now - body.made))))
            headers.append((b"cache-control", b"private, max-age=%d" % left))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if method == "HEAD" else content})


class _Response:
    """Collects what an application sends."""

    def __init__(self) -> None:
        self.status = 500
        self.headers: list[Header] = []
        self.content: list[bytes] = []
        self.complete = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = [(name.lower(), value) for name, value in message["headers"]]
        elif message["type"] == "http.response.body":
            self.content.append(message.get("body", b""))
            self.complete = not message.get("more_body", False)


def _key(scope: Scope, headers: dict[bytes, bytes], gzipped: bool) -> Hashable:
    accept = headers.get(b"accept", b"")
    if len(accept) + len(scope["query_string"]) + len(scope["path"]) > _LONGEST_KEY:
        return None
    return scope["path"], scope["query_string"], accept, gzipped


def _joined(headers: Iterable[Header]) -> dict[bytes, bytes]:
    """The headers by name; several lines of one name are one list (RFC 9110, 5.3)."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        found[name] = found[name] + b", " + value if name in found else value
    return found


def _takes_gzip(headers: dict[bytes, bytes]) -> bool:
    """Whether gzip itself, else anything, has a quality above zero (RFC 9110, 12.5.3)."""
    qualities = dict(_CODING.findall(headers.get(b"accept-encoding", b"").lower()))
    quality = qualities.get(b"gzip", qualities.get(b"*"))
    return quality is not None and (not quality or quality.strip(b"0.") != b"")


def _varying(headers: list[Header]) -> list[Header]:
    """The headers, with `Vary` naming `Accept-Encoding`."""
    vary = [value for name, value in headers if name == b"vary"]
    if any(b"accept-encoding" in value.lower() for value in vary):
        return headers
    others = [header for header in headers if header[0] != b"vary"]
    return [*others, (b"vary", b", ".join([*vary, b"Accept-Encoding"]))]


def _has(headers: list[Header], name: bytes) -> bool:
    return any(present == name for present, _ in headers)


def _matches(if_none_match: bytes | None, etag: bytes) -> bool:
    """The weak comparison of RFC 9110, 13.1.2."""
    if if_none_match is None:
        return False
    own = _TAG.fullmatch(etag)
    return if_none_match.strip() == b"*" or (
        own is not None and own[1] in _TAG.findall(if_none_match)
    )
