"""Which representation a request gets: `format=` if given, else the best that `Accept` names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from service.api.problems import Problem

Format = Literal["json", "csv", "svg"]

MEDIA_TYPES: dict[Format, str] = {
    "json": "application/json",
    "csv": "text/csv",
    "svg": "image/svg+xml",
}


def negotiate(given: Format | None, accept: str, offered: Sequence[Format]) -> Format:
    """One of the offered formats, the first where several are as good.

    `given` is one of them; raises `not-acceptable` where `Accept` names none.
    """
    if given is not None:
        return given
    types = [MEDIA_TYPES[name] for name in offered]
    best = best_of(accept, types)
    if best is None:
        raise Problem("not-acceptable", f"This answer can be given as {', '.join(types)} only.")
    return offered[types.index(best)]


def best_of(accept: str, media_types: Sequence[str]) -> str | None:
    """The media type that `Accept` likes most, the first of equals; `None` if it names none."""
    if not accept.strip():
        return media_types[0]
    ranges = [_media_range(part) for part in accept.split(",") if part.strip()]
    ranked = {media_type: _quality(media_type, ranges) for media_type in media_types}
    best = max(media_types, key=lambda media_type: ranked[media_type])
    return best if ranked[best] else None


def _media_range(text: str) -> tuple[str, float]:
    name, *parameters = (piece.strip().lower() for piece in text.split(";"))
    quality = 1.0
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            try:
                quality = min(max(float(value), 0.0), 1.0)
            except ValueError:
                quality = 0.0
    return name, quality if quality == quality else 0.0


def _quality(media_type: str, ranges: Sequence[tuple[str, float]]) -> float:
    """The quality of the most specific range that matches, 0 where none does (RFC 9110, 12.5.1)."""
    whole_class = media_type.partition("/")[0] + "/*"
    for wanted in (media_type, whole_class, "*/*"):
        found = [quality for name, quality in ranges if name == wanted]
        if found:
            return max(found)
    return 0.0
