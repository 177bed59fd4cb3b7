"""The envelope around every answer, as the contract fixes it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, Field

from service.api.csv_table import json_default
from service.insights.asking import Freshness
from service.times import Window, format_duration, format_instant

Data = TypeVar("Data")


class WindowModel(BaseModel):
    """What was really counted: from, up to and without to, in whole bins."""

    from_: datetime = Field(alias="from")
    to: datetime
    bin: str = Field(examples=["PT1H"])


class FreshnessModel(BaseModel):
    """How old the answer is, and whether it is whole."""

    as_of: datetime
    status: Literal["fresh", "stale"]
    complete: bool
    events_until: datetime | None = Field(description="The newest event the workspace has.")
    reason: str | None = Field(description="Why it is stale or not complete.")


class LinksModel(BaseModel):
    """Where the answer, its query and its view in the portal are."""

    model_config = ConfigDict(extra="allow")

    self: str
    kql: str
    portal: str | None = None


class Envelope(BaseModel, Generic[Data]):
    """One answer."""

    data: Data
    window: WindowModel
    freshness: FreshnessModel
    next: str | None = Field(description="The next page, null on the last.")
    links: LinksModel


@dataclass(frozen=True)
class Page:
    """An answer that is ready to be written."""

    data: Any
    window: Window
    freshness: Freshness
    next: str | None
    links: dict[str, str]


def render_json(page: Page) -> tuple[bytes, bytes]:
    """The answer's body, and the part of it that its ETag is made from (all but its age)."""
    data = _dumps(page.data)
    window = _dumps(
        {
            "from": format_instant(page.window.start),
            "to": format_instant(page.window.end),
            "bin": format_duration(page.window.bin.width),
        }
    )
    freshness = page.freshness
    age = _dumps(
        {
            "as_of": format_instant(freshness.as_of),
            "status": "stale" if freshness.stale else "fresh",
            "complete": freshness.complete,
            "events_until": freshness.events_until,
            "reason": freshness.reason,
        }
    )
    rest = b'"next":' + _dumps(page.next) + b',"links":' + _dumps(page.links) + b"}"
    body = b'{"data":' + data + b',"window":' + window + b',"freshness":' + age + b"," + rest
    return body, data + window + rest + (b"" if freshness.complete else b"incomplete")


def _dumps(value: Any) -> bytes:
    return orjson.dumps(value, default=json_default, option=orjson.OPT_UTC_Z)
