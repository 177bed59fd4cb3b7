"""How much a workspace is asked at most, and how long a query waits for its turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from service.settings import Settings

PERIOD = 30.0
"""Seconds over which Log Analytics counts a principal's queries."""

_BACKGROUND_WAIT = 60.0
_LONGEST_PAUSE = 60.0
_IN_PROCESS_LENGTH = 1000
_SILENT_AFTER = 10.0
_SCHEMA_WITHIN = 30.0


@dataclass(frozen=True)
class QueryLimits:
    """`budget` queries in every `PERIOD`, any number if `None`; `at_once` of them at a time.

    Of each class, `length` queries may wait: a person's for `wait` seconds, background work for
    `background_wait`. After `breaks_after` failures in a row the workspace is left alone, never if
    `None`, and tried again after at most `longest_pause` seconds. While queries run and none has
    been answered for `silent_after` seconds, it is asked for a sign of life, and left alone if none
    comes within as many. The columns of the table must come within `schema_within` seconds.
    """

    at_once: int = 4
    budget: int | None = 100
    length: int = 100
    wait: float = 10.0
    background_wait: float = _BACKGROUND_WAIT
    breaks_after: int | None = 5
    longest_pause: float = _LONGEST_PAUSE
    silent_after: float = _SILENT_AFTER
    schema_within: float = _SCHEMA_WITHIN

    @classmethod
    def shared(cls, settings: Settings) -> Self:
        """This replica's part of what a principal may ask.

        At least one query each, so that more replicas than queries can ask more together.
        """
        timeout = settings.query_timeout.total_seconds()
        return cls(
            at_once=max(1, settings.query_concurrency // settings.replicas),
            budget=max(1, settings.query_budget // settings.replicas),
            length=settings.queue_length,
            wait=settings.queue_wait.total_seconds(),
            # The refresh that finds the workspace back must come within one interval.
            longest_pause=min(_LONGEST_PAUSE, settings.refresh_every.total_seconds()),
            silent_after=min(_SILENT_AFTER, timeout / 2),
            schema_within=min(_SCHEMA_WITHIN, timeout),
        )

    @classmethod
    def in_process(cls, settings: Settings) -> Self:
        """For a workspace that costs nobody but this machine.

        Nobody counts its queries, and its failures are of one query (its memory) or for good (a
        damaged store), which leaving it alone does not mend. What is left is that threads are few:
        people still go first, and wait as long as a query may run.
        """
        return cls(
            at_once=settings.query_concurrency,
            budget=None,
            length=_IN_PROCESS_LENGTH,
            wait=settings.query_timeout.total_seconds(),
            background_wait=max(_BACKGROUND_WAIT, settings.query_timeout.total_seconds()),
            breaks_after=None,
        )
