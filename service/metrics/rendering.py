"""Families as Prometheus text (0.0.4) and OpenMetrics (1.0).

`prometheus_client` takes some 17 µs a sample for each format, a third of a second for a fleet of
1,000 jobs; this takes 1 µs for both, whose lines of samples are the same. `benchmarks/scrape.py`
measures it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from service.metrics.family import Family
from service.metrics.soundness import fault_of

_UNITS = ("seconds", "bytes", "ratio")


@dataclass(frozen=True)
class Rendered:
    """The same families in both formats, OpenMetrics without its end."""

    text: bytes
    openmetrics: bytes


class _Escaped(dict[str, str]):
    """Label values as they stand between quotes, each escaped once."""

    def __missing__(self, value: str) -> str:
        escaped = value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
        self[value] = escaped
        return escaped


def render(families: Iterable[Family]) -> Rendered:
    """Takes its time where there are many samples: call it in a thread.

    A family that would make the whole scrape unreadable is left out, as is the second of a name.
    """
    text, openmetrics = [], []
    escaped = _Escaped()
    names_taken: set[str] = set()
    for family in families:
        if family.sample in names_taken or fault_of(family):
            continue
        names_taken.add(family.sample)
        names = ",".join(f'{label}="%s"' for label in family.labels)
        line = f"{family.sample}{{{names}}} %s\n" if names else f"{family.sample} %s\n"
        lines = "".join(
            line % (*map(escaped.__getitem__, values), _number(value))
            for values, value in family.samples.items()
        )
        text.append(_head(family.sample, family.kind, family.help) + lines)
        openmetrics.append(_openmetrics_head(family.name, family.kind, family.help) + lines)
    return _rendered(text, openmetrics)


def render_registry(registry: CollectorRegistry) -> Rendered:
    """The metrics of a registry, but for when each was created, which would double them."""
    text, openmetrics = [], []
    escaped = _Escaped()
    for metric in registry.collect():
        sample = f"{metric.name}_total" if metric.type == "counter" else metric.name
        lines = "".join(
            f"{found.name}{_labels(found.labels, escaped)} {_number(found.value)}\n"
            for found in metric.samples
            if not found.name.endswith("_created")
        )
        text.append(_head(sample, metric.type, metric.documentation) + lines)
        head = _openmetrics_head(metric.name, metric.type, metric.documentation)
        openmetrics.append(head + lines)
    return _rendered(text, openmetrics)


def _rendered(text: Iterable[str], openmetrics: Iterable[str]) -> Rendered:
    # A name that is no valid text must not cost the scraper all the others.
    return Rendered(*("".join(parts).encode("utf-8", "replace") for parts in (text, openmetrics)))


def _head(name: str, kind: str, help_: str) -> str:
    told = help_.replace("\\", r"\\").replace("\n", r"\n")
    return f"# HELP {name} {told}\n# TYPE {name} {kind}\n"


def _openmetrics_head(name: str, kind: str, help_: str) -> str:
    told = help_.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
    unit = name.rpartition("_")[2]
    units = f"# UNIT {name} {unit}\n" if unit in _UNITS else ""
    return f"# HELP {name} {told}\n# TYPE {name} {kind}\n{units}"


def _labels(labels: Mapping[str, str], escaped: _Escaped) -> str:
    if not labels:
        return ""
    pairs = ",".join(f'{name}="{escaped[value]}"' for name, value in labels.items())
    return f"{{{pairs}}}"


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else f"{'+' if value > 0 else '-'}Inf"
    return repr(value)
