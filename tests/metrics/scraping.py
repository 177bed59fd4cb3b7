"""Metrics as a scraper reads them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text

from tests.api.service import Service

OPENMETRICS = "application/openmetrics-text"


@dataclass(frozen=True)
class Scrape:
    """Samples by name and labels; families by name."""

    values: Mapping[tuple[str, frozenset[tuple[str, str]]], float]
    families: Mapping[str, Any]

    def of(self, name: str, **labels: str) -> dict[tuple[str, ...], float]:
        """The samples with this name that have these labels, by the values of the others."""
        return {
            tuple(value for label, value in sorted(has) if label not in labels): number
            for (sample, has), number in self.values.items()
            if sample == name and labels.items() <= dict(has).items()
        }


def read(families: Iterable[Any]) -> Scrape:
    """The scrape; no sample may be there twice."""
    by_name, values = {}, {}
    for family in families:
        assert family.name not in by_name
        by_name[family.name] = family
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in values, f"{key} is there twice"
            values[key] = sample.value
    return Scrape(values, by_name)


async def scrape(service: Service) -> Scrape:
    return read(parse_text((await service.get("/metrics")).text))


async def scrape_openmetrics(service: Service) -> Scrape:
    answer = await service.get("/metrics", headers={"accept": OPENMETRICS})
    return read_openmetrics(answer.text)


def read_openmetrics(text: str) -> Scrape:
    return read(parse_openmetrics(text))  # type: ignore[no-untyped-call]
