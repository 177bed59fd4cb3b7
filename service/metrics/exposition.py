"""What a scrape shows, as bytes that are ready: rendered in the background, never for a scrape."""

from __future__ import annotations

import struct
import threading
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Self

from prometheus_client import CollectorRegistry

from service.metrics.family import Family
from service.metrics.rendering import Rendered, render, render_registry

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_EOF = b"# EOF\n"
_OLDEST = 1.0
"""Seconds that the service's own metrics may be old."""

_LEVEL = 5
_GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


@dataclass(frozen=True)
class Pages:
    """What is served until something changes."""

    text: Page
    openmetrics: Page
    made: float


class Exposition:
    """Holds the families of provisioning, rendered after each refresh, and adds the service's own.

    Those are few, and rendered when a request or a second has passed since. What they change is
    packed by itself and put behind the rest, which stays packed.
    """

    def __init__(self, registry: CollectorRegistry, monotonic: Callable[[], float]) -> None:
        self._registry = registry
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._outdated = False
        self._text, self._openmetrics = _Start.of(b""), _Start.of(b"")
        self._pages = self._joined()

    def show(self, families: Iterable[Family]) -> None:
        """Renders these families for the scrapes to come; takes its time: call it in a thread."""
        rendered = render(families)
        text, openmetrics = _Start.of(rendered.text), _Start.of(rendered.openmetrics)
        with self._lock:
            self._text, self._openmetrics = text, openmetrics
            self._pages = self._joined()

    def outdate(self) -> None:
        """Tells that the service's own metrics have changed."""
        self._outdated = True

    @property
    def ready(self) -> Pages | None:
        """The pages, `None` if `pages` has to make them first."""
        pages = self._pages
        old = self._outdated or self._monotonic() - pages.made > _OLDEST
        return None if old else pages

    def pages(self) -> Pages:
        """The pages, with the service's own metrics of now; call it in a thread."""
        with self._lock:
            if ready := self.ready:
                return ready
            self._pages = self._joined()
            return self._pages

    def _joined(self) -> Pages:
        made, self._outdated = self._monotonic(), False
        own: Rendered = render_registry(self._registry)
        text, openmetrics = own.text, own.openmetrics + _EOF
        return Pages(Page(self._text, text), Page(self._openmetrics, openmetrics), made)


@dataclass(frozen=True)
class _Start:
    """The beginning of a body, packed so that any end can follow."""

    plain: bytes
    packed: bytes
    check: int

    @classmethod
    def of(cls, plain: bytes) -> Self:
        packing = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        packed = packing.compress(plain) + packing.flush(zlib.Z_FULL_FLUSH)
        return cls(plain, packed, zlib.crc32(plain))


@dataclass(frozen=True)
class Page:
    """One body; put together when it is first asked for, which is copying."""

    _start: _Start
    _end: bytes

    @cached_property
    def plain(self) -> bytes:
        return self._start.plain + self._end

    @cached_property
    def gzipped(self) -> bytes:
        """One gzip member (RFC 1952): some readers stop at the end of the first."""
        packing = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        packed = packing.compress(self._end) + packing.flush()
        size = (len(self._start.plain) + len(self._end)) & 0xFFFFFFFF
        tail = struct.pack("<II", zlib.crc32(self._end, self._start.check), size)
        return b"".join((_GZIP_HEADER, self._start.packed, packed, tail))
