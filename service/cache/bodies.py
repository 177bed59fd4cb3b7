"""Rendered bodies: bytes that are served again without any work, until their answer ages."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

_OVERHEAD = 1024
"""Bytes that headers and objects of one body take."""


@dataclass(frozen=True)
class Body:
    """One rendered answer.

    `headers` are those that are the same for every request. `made` and `expires` are seconds on
    the monotonic clock. `label` is for metrics.
    """

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    content: bytes
    etag: bytes | None
    made: float
    expires: float
    label: str


class BodyCache:
    """Holds bodies up to a number of bytes; the least recently used go first.

    By hand, because a hit has only some microseconds: `cachetools` would take a tenth of them.
    """

    def __init__(self, *, max_bytes: int, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._max_bytes = max_bytes
        self._bytes = 0
        self._bodies: OrderedDict[Hashable, Body] = OrderedDict()

    def get(self, key: Hashable) -> Body | None:
        """The body for this key, or `None` if there is none that is still fresh."""
        body = self._bodies.get(key)
        if body is None or self._monotonic() >= body.expires:
            return None
        self._bodies.move_to_end(key)
        return body

    def keep(self, key: Hashable, body: Body) -> None:
        """Keeps the body until it expires, if it fits at all."""
        if self._monotonic() >= body.expires or _size(body) > self._max_bytes:
            return
        if before := self._bodies.pop(key, None):
            self._bytes -= _size(before)
        self._bodies[key] = body
        self._bytes += _size(body)
        while self._bytes > self._max_bytes:
            _, oldest = self._bodies.popitem(last=False)
            self._bytes -= _size(oldest)


def _size(body: Body) -> int:
    return len(body.content) + _OVERHEAD
