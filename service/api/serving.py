"""The outermost layer, raw ASGI: request IDs, rendered bodies, conditional requests, counting.

A GET whose rendered body is still fresh ends here: bytes, ETag, no framework work. Everything else
goes on to the routes; what they mark with `keep_while_fresh` is kept for the next caller.
"""

from __future__ import annotations

import asyncio
import gzip
import logging
import random
import re
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import lru_cache
from typing import Protocol
from urllib.parse import quote, unquote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.cache.bodies import Body, BodyCache
from service.insights.question import EVERYTHING
from service.request_ids import REQUEST_ID

log = logging.getLogger(__name__)

_SANE_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}")
_TAG = re.compile(rb'(?:W/)?("[^"]*")')
_CODING = re.compile(rb"(?:^|,)\s*(gzip|\*)\s*(?:;\s*q=([0-9.]+)\s*)?(?=,|$)")
_COMPRESSED_FROM = 1024
_LONGEST_KEY = 4096
_ESCAPED_SLASH = re.compile("%2[fF]")
_STAND_IN = "\ue000"
_OF_CONTENT = frozenset({b"content-length", b"content-type", b"content-encoding"})

Header = tuple[bytes, bytes]


class RequestObserver(Protocol):
    """Told of every request that was answered; `route` is the template, never the raw path."""

    def __call__(self, route: str, method: str, status: int, elapsed: float) -> None: ...


class ReadyBodies(Protocol):
    """Gives the body of a GET that was rendered before anybody asked, `None` for all others."""

    def __call__(
        self, scope: Scope, headers: Mapping[bytes, bytes], gzipped: bool
    ) -> Body | None: ...


def keep_while_fresh(scope: Scope, made: float, expires: float) -> None:
    """Tells the age of the response's answer, in monotonic seconds; it is kept until it expires."""
    scope["state"]["age"] = (made, expires)


def request_id(scope: Scope) -> str:
    """The ID of a request: the caller's if it was sane, else ours."""
    own: str = scope["state"]["request_id"]
    return own


def sees(scope: Scope) -> Hashable:
    """What the caller may see, as whoever knows the caller has put it into the scope's state."""
    seen: Hashable = scope.get("state", {}).get("sees", EVERYTHING)
    return seen


def raw_path(scope: Scope) -> str:
    """The path as the caller spelled it, without the query."""
    spelled: bytes = scope["raw_path"]
    return spelled.decode("ascii", "replace").partition("?")[0]


def unescaped(identifier: str) -> str:
    """An ID out of a path, with the slashes that its address had escaped."""
    return identifier.replace(_STAND_IN, "/")


class Serving:
    """Wraps the routes; see the module."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        bodies: BodyCache,
        ready: ReadyBodies,
        monotonic: Callable[[], float],
        observe_request: RequestObserver,
        observe_body: Callable[[str], None],
    ) -> None:
        self._app = app
        self._bodies = bodies
        self._ready = ready
        self._monotonic = monotonic
        self._observe_request = observe_request
        self._observe_body = observe_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        if b"%2" in scope["raw_path"]:
            scope["path"] = _path(raw_path(scope))
        headers = joined(scope["headers"])
        given = headers.get(b"x-request-id", b"")
        own_id = given if given and _SANE_REQUEST_ID.fullmatch(given) else _made_id()
        method: str = scope["method"]
        gzipped = takes_gzip(headers)
        body = key = None
        if method in ("GET", "HEAD"):
            key = _key(scope, headers, gzipped)
            body = self._bodies.get(key)
            if body is not None:
                self._observe_body("hit")
            else:
                body = self._ready(scope, headers, gzipped)
        if body is None:
            scope.setdefault("state", {})["request_id"] = own_id.decode()
            REQUEST_ID.set(own_id.decode())
            scope["method"] = "GET" if method == "HEAD" else method
            body = await self._render(scope, receive, gzipped)
            # The server goes by it: a HEAD's answer is shorter than its Content-Length says.
            scope["method"] = method
            keeps = body.status == 200 and "age" in scope["state"] and _short(scope, headers)
            if key is not None and keeps:
                self._observe_body("miss")
                self._bodies.keep(key, body)
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
        status, content = body.status, body.content
        headers = [*body.headers, (b"x-request-id", own_id)]
        if (etag := body.etag) is not None:
            if method in ("GET", "HEAD") and _matches(asked.get(b"if-none-match"), etag):
                status, content = 304, b""
                headers = [header for header in headers if header[0] not in _OF_CONTENT]
            now = self._monotonic()
            age, left = max(0, int(now - body.made)), max(0, int(body.expires - now))
            headers += (
                (b"etag", etag),
                (b"age", b"%d" % age),
                (b"cache-control", b"private, max-age=%d" % left),
            )
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
    return sees(scope), scope["path"], scope["query_string"], headers.get(b"accept", b""), gzipped


def _short(scope: Scope, headers: dict[bytes, bytes]) -> bool:
    """Whether the request's own texts are worth keeping."""
    texts = headers.get(b"accept", b""), scope["query_string"], scope["path"]
    return sum(map(len, texts)) <= _LONGEST_KEY


def _path(spelled: str) -> str:
    """The path, with a character of no meaning for each escaped slash: that is part of an ID, and
    routes would part the ID there."""
    return unquote(_ESCAPED_SLASH.sub(quote(_STAND_IN), spelled))


def _made_id() -> bytes:
    return b"%032x" % random.getrandbits(128)


def joined(headers: Sequence[Header]) -> dict[bytes, bytes]:
    """The headers by name; several lines of one name are one list (RFC 9110, 5.3)."""
    found = dict(headers)
    if len(found) == len(headers):
        return found
    found.clear()
    for name, value in headers:
        found[name] = found[name] + b", " + value if name in found else value
    return found


def takes_gzip(headers: dict[bytes, bytes]) -> bool:
    """Whether gzip itself, else anything, has a quality above zero (RFC 9110, 12.5.3)."""
    accepted = headers.get(b"accept-encoding")
    return accepted is not None and _accepts_gzip(accepted)


@lru_cache(256)
def _accepts_gzip(accepted: bytes) -> bool:
    qualities = dict(_CODING.findall(accepted.lower()))
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
