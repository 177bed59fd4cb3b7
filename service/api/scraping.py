"""Which of the pages of metrics a scrape gets, and its headers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from starlette.types import Scope

from service.api.negotiation import best_of
from service.cache.bodies import Body
from service.metrics.exposition import OPENMETRICS, TEXT, Exposition, Pages

METRICS = "/metrics"
"""The route of a scrape."""

MEDIA_TYPES = ("text/plain", "application/openmetrics-text")


def scraped(pages: Pages, accept: bytes, *, gzipped: bool) -> Body:
    """The page in the format that the scraper likes most; text where it likes neither."""
    openmetrics = _likes_openmetrics(accept)
    page = pages.openmetrics if openmetrics else pages.text
    content = page.gzipped if gzipped else page.plain
    headers = [
        (b"content-type", (OPENMETRICS if openmetrics else TEXT).encode()),
        (b"vary", b"Accept, Accept-Encoding"),
        (b"content-length", b"%d" % len(content)),
    ]
    if gzipped:
        headers.append((b"content-encoding", b"gzip"))
    return Body(200, tuple(headers), content, None, pages.made, pages.made, METRICS)


class Scraping:
    """Answers scrapes from pages that are ready, without the routes' work."""

    def __init__(self, exposition: Exposition) -> None:
        self._exposition = exposition

    def ready(self, scope: Scope, headers: Mapping[bytes, bytes], gzipped: bool) -> Body | None:
        """The body of a GET, `None` where the routes have to answer."""
        if scope["path"] != METRICS or scope["query_string"]:
            return None
        pages = self._exposition.ready
        return scraped(pages, headers.get(b"accept", b""), gzipped=gzipped) if pages else None


@lru_cache(64)
def _likes_openmetrics(accept: bytes) -> bool:
    return best_of(accept.decode("latin-1"), MEDIA_TYPES) == MEDIA_TYPES[1]
