"""What a scrape shows, as bytes that are ready: rendered after each refresh, never on a scrape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from service.metrics.service_families import ServiceFamilies

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_EOF = b"# EOF\n"


class Exposition:
    """Holds the provisioning families as text in both formats; adds the service's own, which are
    few, at each scrape."""

    def __init__(self, service: ServiceFamilies) -> None:
        self._service = service
        self._provisioning = {TEXT: b"", OPENMETRICS: b""}

    def show(self, families: Iterable[Metric]) -> None:
        """Renders these families for the scrapes to come; takes its time: call it in a thread."""
        registry = CollectorRegistry()
        registry.register(_Ready(list(families)))
        self._provisioning = {
            TEXT: _text(registry),
            OPENMETRICS: _openmetrics(registry).removesuffix(_EOF),
        }

    def scrape(self, *, openmetrics: bool) -> tuple[bytes, str]:
        """The text and its media type: OpenMetrics, or Prometheus text."""
        own = self._service.registry
        if openmetrics:
            return self._provisioning[OPENMETRICS] + _openmetrics(own), OPENMETRICS
        return self._provisioning[TEXT] + _text(own), TEXT


def _text(registry: CollectorRegistry) -> bytes:
    text: bytes = generate_latest(registry)
    return text


def _openmetrics(registry: CollectorRegistry) -> bytes:
    text: bytes = generate_openmetrics(registry)  # type: ignore[no-untyped-call]
    return text


class _Ready:
    """A collector of families that were made already."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        yield from self._families
