"""One family of metrics, and what becomes of it when it is too large or too old."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

PREFIX = "entra_provisioning"
OTHER = "other"
"""The label value of what is left beyond a limit."""

Values = tuple[str, ...]
WhenStale = Literal["keep", "drop", "zero"]
Fold = Callable[[float, float], float]


@dataclass(frozen=True)
class Family:
    """`samples` are by the values of `labels`, in their order. A counter is named without `_total`.

    Beyond a limit, the values of labels in `open` become `other`, and what then is one sample is
    put together by `fold`. `folded` says how many samples are in others, or left out, already.

    `as_of` is when the workspace was asked for the values, `None` for those that stay true;
    `fresh_for` is how long it is not asked again.
    """

    name: str
    kind: Literal["gauge", "counter"]
    help: str
    labels: tuple[str, ...]
    samples: Mapping[Values, float]
    open: tuple[str, ...] = ("job_id",)
    fold: Fold = max
    folded: int = 0
    as_of: datetime | None = None
    fresh_for: timedelta = timedelta(0)

    @property
    def sample(self) -> str:
        """What its samples are called."""
        return f"{self.name}_total" if self.kind == "counter" else self.name


@dataclass(frozen=True)
class Limits:
    """`series` is how many samples of a family stand for themselves at most.

    Values that should have been renewed `stale_after` ago are kept, dropped, or shown as 0.
    """

    series: int = 50_000
    stale_after: timedelta = timedelta(minutes=15)
    when_stale: WhenStale = "keep"


def within(limits: Limits, families: Iterable[Family], now: datetime) -> Iterator[Family]:
    """The families as they are shown, and one that says how much of each is folded."""
    folded: dict[Values, int] = {}
    for family in families:
        shown = _folded(_aged(family, limits, now), limits.series)
        folded[(shown.sample,)] = shown.folded
        yield shown
    yield Family(
        f"{PREFIX}_folded_series",
        "gauge",
        "Series of a family that are not shown by themselves: in `other`, or beyond a limit.",
        ("family",),
        folded,
    )


def _aged(family: Family, limits: Limits, now: datetime) -> Family:
    bound = family.fresh_for + limits.stale_after
    young = family.as_of is None or now - family.as_of <= bound
    if young or limits.when_stale == "keep":
        return family
    zeros = dict.fromkeys(family.samples, 0) if limits.when_stale == "zero" else {}
    return replace(family, samples=zeros, folded=0)


def _folded(family: Family, limit: int) -> Family:
    """The family with its largest samples by themselves."""
    if len(family.samples) <= limit or family.kind == "counter":
        return family
    ranked = sorted(family.samples.items(), key=lambda sample: (-sample[1], sample[0]))
    shown = dict(ranked[:limit])
    for values, value in ranked[limit:]:
        add(shown, other(family.labels, values, family.open), value, family.fold)
    return replace(family, samples=shown, folded=family.folded + len(ranked) - limit)


def other(labels: Values, values: Values, folding: Values) -> Values:
    """The sample's labels with those that fold as `other`."""
    return tuple(
        OTHER if label in folding else value for label, value in zip(labels, values, strict=True)
    )


def add(samples: dict[Values, float], values: Values, value: float, fold: Fold) -> None:
    """Puts a sample among others; where there is one with these labels, the two become one."""
    samples[values] = fold(samples[values], value) if values in samples else value
