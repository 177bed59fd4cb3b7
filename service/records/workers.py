"""Parses chunks beside the process that reads and stores them, and gives results in order."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import connection
from typing import Protocol, TypeVar

from service.records.parsing import Parsed, parse
from service.records.reading import Chunk

Tag = TypeVar("Tag")

# Storing pauses for a second where a row group is compressed; so much work keeps workers busy.
_WAITING = 12


class Parser(Protocol):
    """Parses tagged chunks, in their order."""

    def __call__(self, chunks: Iterable[tuple[Tag, Chunk]], /) -> Iterator[tuple[Tag, Parsed]]: ...


def parse_here(chunks: Iterable[tuple[Tag, Chunk]], /) -> Iterator[tuple[Tag, Parsed]]:
    """Parses in this process: nothing has to start first."""
    for tag, chunk in chunks:
        yield tag, parse(chunk)


class Workers:
    """Worker processes; a context manager, whose end stops them.

    An error in a worker is raised where its result is taken; a worker that is killed raises
    `BrokenProcessPool`.
    """

    def __init__(self, count: int, parse_chunk: Callable[[Chunk], Parsed] = parse) -> None:
        self._pool = ProcessPoolExecutor(
            count, mp_context=multiprocessing.get_context("spawn"), initializer=_begin
        )
        self._waiting = _WAITING * count
        self._parse = parse_chunk

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def __call__(self, chunks: Iterable[tuple[Tag, Chunk]], /) -> Iterator[tuple[Tag, Parsed]]:
        """Results in order; few chunks wait at a time, so memory stays bounded."""
        pending: deque[tuple[Tag, Future[Parsed]]] = deque()
        for tag, chunk in chunks:
            pending.append((tag, self._pool.submit(self._parse, chunk)))
            if len(pending) > self._waiting:
                yield _taken(pending)
        while pending:
            yield _taken(pending)


def _taken(pending: deque[tuple[Tag, Future[Parsed]]]) -> tuple[Tag, Parsed]:
    tag, future = pending.popleft()
    return tag, future.result()


def _begin() -> None:
    """Leaves Ctrl-C to the parent, and ends with it even if it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)
