"""Rendered bodies: bytes that are served again without any work, until their answer ages."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass

from cachetools import LRUCache

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
    """Holds bodies up to a number of bytes; the least recently used go first."""

    def __init__(self, *, max_bytes: int, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._bodies: LRUCache[Hashable, Body] = LRUCache(max_bytes, getsizeof=_size)

    def get(self, key: Hashable) -> Body | None:
        """The body for this key, or `None` if there is none that is still fresh."""
        body = self._bodies.get(key)
        if body is None or self._monotonic() >= body.expires:
            return None
        return body

    def keep(self, key: Hashable, body: Body) -> None:
        """Keeps the body until it expires, if it fits at all."""
        if self._monotonic() < body.expires and _size(body) <= self._bodies.maxsize:
            self._bodies[key] = body


def _size(body: Body) -> int:
    return len(body.content) + _OVERHEAD
