"""One family of metrics, and what becomes of it when it is too large or too old."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Literal

PREFIX = "entra_provisioning"
OTHER = "other"
"""The label value of what is left beyond a limit."""

Values = tuple[str, ...]
WhenStale = Literal["keep", "drop", "zero"]
Fold = Callable[[float, float], float]

_JOB = ("job_id", "JobId")
"""What the label is called that says which job a sample is about; the second in packs."""


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

    @property
    def job_at(self) -> int | None:
        """Where the job stands among the labels."""
        return next((at for at, label in enumerate(self.labels) if label in _JOB), None)


@dataclass(frozen=True)
class Limits:
    """`series` is how many samples of a gauge stand for themselves at most.

    Values that should have been renewed `stale_after` ago are kept, dropped, or shown as 0.
    """

    series: int = 50_000
    stale_after: timedelta = timedelta(minutes=15)
    when_stale: WhenStale = "keep"


def within(
    limits: Limits, families: Iterable[Family], now: datetime, sizes: Mapping[str, float]
) -> Iterator[Family]:
    """The families as they are shown, and one that says how much of each is folded.

    Where one is beyond the limit, whole jobs fold, the same ones in every family: a ratio never
    mixes what is shown of a job with what is not. `sizes` are the jobs', the largest of which stay.
    """
    aged = [_aged(family, limits, now) for family in families]
    jobs = _folding_jobs(aged, limits.series, sizes)
    folded: dict[Values, int] = {}
    for family in aged:
        shown = _folded(family, limits.series, jobs)
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


def _folding_jobs(
    families: Iterable[Family], limit: int, sizes: Mapping[str, float]
) -> Collection[str]:
    """The jobs that do not fit into every family, the largest being let in first."""
    large = [
        Counter(values[family.job_at] for values in family.samples)
        for family in families
        if len(family.samples) > limit and family.kind == "gauge" and family.job_at is not None
    ]
    folding = set()
    free = [limit] * len(large)
    for job_id in sorted({job_id for jobs in large for job_id in jobs}, key=by_size(sizes)):
        left = [room - jobs[job_id] for room, jobs in zip(free, large, strict=True)]
        if min(left) < 0:
            folding.add(job_id)
        else:
            free = left
    return folding


def by_size(sizes: Mapping[str, float]) -> Callable[[str], tuple[float, str]]:
    """The key that sorts job IDs: the largest first, equal ones by their ID."""
    return lambda job_id: (-sizes.get(job_id, 0), job_id)


def _folded(family: Family, limit: int, jobs: Collection[str]) -> Family:
    folding = _folding(family, limit, jobs)
    if not folding:
        return family
    shown: dict[Values, float] = {}
    for values, value in family.samples.items():
        labels = other(family.labels, values, family.open) if values in folding else values
        add(shown, labels, value, family.fold)
    return replace(family, samples=shown, folded=family.folded + len(folding))


def _folding(family: Family, limit: int, jobs: Collection[str]) -> Collection[Values]:
    if family.kind == "counter":
        return ()
    if (at := family.job_at) is not None:
        return {values for values in family.samples if values[at] in jobs}
    # Without a job, samples stand by themselves: the first stay, as within a pack's own limit.
    return set(islice(family.samples, limit, None)) if {*family.open} & {*family.labels} else ()


def other(labels: Values, values: Values, folding: Values) -> Values:
    """The sample's labels with those that fold as `other`."""
    return tuple(
        OTHER if label in folding else value for label, value in zip(labels, values, strict=True)
    )


def add(samples: dict[Values, float], values: Values, value: float, fold: Fold) -> None:
    """Puts a sample among others; where there is one with these labels, the two become one."""
    samples[values] = fold(samples[values], value) if values in samples else value
