"""The ID of the request that is being answered, for whoever asks others on its behalf."""

from __future__ import annotations

from contextvars import ContextVar

REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)
"""Set for the time of a request; background work has none."""
