"""How many spikes and drops are found, and how much of what is flagged is one.

    python -m benchmarks.spikes [--seeds N …]

Many synthetic histories, each with anomalies of known place and size, judged by the service's
detection, by ways that are in use today, and by one that nobody can have: it knows the rate and
the variation of every bin. Constants of the method were chosen on seeds 1 to 3; the default seeds
are none of them.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

from service.insights.detection import detect

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Random = np.random.Generator

SERIES = 400
BEFORE = timedelta(days=14)
SPIKES = (2.0, 3.0, 5.0, 10.0)
DROPS = (0.5, 0.2, 0.0)
START = datetime(2026, 9, 28, tzinfo=UTC)
SEEDS = (11, 12, 13, 14)
LEAST_EXCESS = 5


@dataclass(frozen=True)
class Grid:
    """Bins of a window, and the 14 days before it that only the fixed threshold sees."""

    name: str
    width: timedelta
    bins: int
    anomalies: int

    @property
    def before(self) -> int:
        return BEFORE // self.width

    @property
    def cycle(self) -> int:
        """Bins until a rhythm repeats: a week of days, a day of hours."""
        return 7 if self.width == timedelta(days=1) else 24

    def starts(self) -> list[datetime]:
        return [START + index * self.width for index in range(self.before + self.bins)]


DAYS = Grid("30 days by day", timedelta(days=1), 30, 1)
HOURS = Grid("14 days by hour", timedelta(hours=1), 336, 6)


@dataclass(frozen=True)
class Histories:
    """`usual` is the rate that an anomaly multiplies; where `comparable` is false, none is put.

    `varies` is the share by which rates vary from bin to bin, None where that is not all.
    """

    rate: Floats
    usual: Floats
    comparable: Bools
    varies: float | None


def _clock(grid: Grid) -> tuple[Counts, Counts]:
    starts = grid.starts()
    return (
        np.array([start.hour for start in starts]),
        np.array([start.weekday() for start in starts]),
    )


def _levels(random: Random, low: float = 10.0, high: float = 500.0) -> Floats:
    return np.exp(random.uniform(np.log(low), np.log(high), (SERIES, 1)))


def _varied(random: Random, rate: Floats, share: float) -> Floats:
    """Rates that vary by a share from bin to bin, as gamma does."""
    return rate * random.gamma(1 / share**2, share**2, rate.shape)


def _day(hour: Floats, random: Random) -> Floats:
    """A working day's rise and fall around an hour of each series' own, from 0.1 to 1."""
    busiest = random.uniform(9, 15, (SERIES, 1))
    return np.asarray(0.1 + 0.9 * np.exp(-(((hour - busiest + 12) % 24 - 12) ** 2) / 18.0))


def _hourly(grid: Grid, random: Random, shift: Counts | int = 0) -> Floats:
    hour, _ = _clock(grid)
    if grid is DAYS:
        return np.ones((SERIES, len(hour)))
    return _day(((hour - shift) % 24).astype(np.float64), random)


def _calm(grid: Grid, random: Random) -> Histories:
    rate = _levels(random) * np.ones(grid.before + grid.bins)
    return Histories(rate, rate, np.ones_like(rate, np.bool_), 0.0)


def _weekly(grid: Grid, random: Random) -> Histories:
    """Half of them rest at weekends altogether, the others slow down."""
    _, weekday = _clock(grid)
    rest = np.where(np.arange(SERIES) % 2, 0.0, random.uniform(0.1, 0.5, SERIES))[:, None]
    week = np.where(weekday >= 5, rest, random.uniform(0.7, 1.3, (SERIES, 7))[:, weekday])
    usual = _levels(random, 20) * week * _hourly(grid, random)
    return Histories(_varied(random, usual, 0.15), usual, usual >= 3, 0.15)


def _trending(grid: Grid, random: Random) -> Histories:
    """Up or down by a factor of 1.5 to 4 in the window."""
    factor = random.uniform(1.5, 4, (SERIES, 1)) ** random.choice([-1.0, 1.0], (SERIES, 1))
    passed = (np.arange(grid.before + grid.bins) - grid.before) / grid.bins
    usual = _levels(random, 20) * factor ** (passed - 0.5) * _hourly(grid, random)
    return Histories(_varied(random, usual, 0.15), usual, usual >= 3, 0.15)


def _bursty(grid: Grid, random: Random) -> Histories:
    usual = _levels(random, 20) * np.ones(grid.before + grid.bins)
    return Histories(_varied(random, usual, 0.45), usual, usual >= 3, 0.45)


def _sparse(grid: Grid, random: Random) -> Histories:
    """Nothing in most bins, and a few events at a time else; anomalies multiply a usual batch."""
    shape = (SERIES, grid.before + grid.bins)
    batch = random.uniform(2, 8, (SERIES, 1)) * np.ones(shape)
    active = random.random(shape) < random.uniform(0.03, 0.3, (SERIES, 1))
    return Histories(np.where(active, batch, 0.0), batch, np.ones(shape, np.bool_), None)


def _daylight_saving(grid: Grid, random: Random) -> Histories:
    """A weekly rhythm whose clock changes by an hour in the middle of the window."""
    _, weekday = _clock(grid)
    late = np.where(np.arange(grid.before + grid.bins) >= grid.before + grid.bins // 2, 1, 0)
    week = np.where(weekday >= 5, random.uniform(0.1, 0.5, (SERIES, 1)), 1.0)
    usual = _levels(random, 20) * week * _hourly(grid, random, late)
    return Histories(_varied(random, usual, 0.15), usual, usual >= 3, 0.15)


def _holidays(grid: Grid, random: Random) -> Histories:
    """A weekly rhythm with up to a quarter of the window nearly empty; that part is not judged."""
    weekly = _weekly(grid, random)
    width = grid.width / timedelta(days=1)
    longest = round(grid.bins * width) // 4
    length = random.integers(1, longest + 1, (SERIES, 1))
    first = random.integers(0, round(grid.bins * width) - longest, (SERIES, 1))
    day = np.floor((np.arange(grid.before + grid.bins) - grid.before) * width)
    gap = (day >= first) & (day < first + length)
    rate = np.where(gap, weekly.rate * 0.02, weekly.rate)
    return Histories(rate, weekly.usual, weekly.comparable & ~gap, weekly.varies)


RHYTHMS: dict[str, Callable[[Grid, Random], Histories]] = {
    "calm": _calm,
    "weekly": _weekly,
    "trending": _trending,
    "bursty": _bursty,
    "sparse": _sparse,
    "daylight saving": _daylight_saving,
    "holidays": _holidays,
}

WITH_CYCLE = {
    DAYS.name: {"weekly", "daylight saving", "holidays"},
    HOURS.name: {"weekly", "trending", "daylight saving", "holidays"},
}


@dataclass(frozen=True)
class Case:
    """Counts, 14 days before the window included, and where in the window something was put.

    `cycle` is the bins until the rhythm repeats, 0 without one. `usual` and `varies` are what
    only the maker of the histories knows.
    """

    counts: Counts
    truth: Bools
    judged: Bools
    upward: bool
    cycle: int
    usual: Floats
    varies: float | None


def make_case(grid: Grid, rhythm: str, size: float, random: Random) -> Case:
    histories = RHYTHMS[rhythm](grid, random)
    places = histories.comparable.copy()
    places[:, : grid.before] = False
    order = np.where(places, random.random(places.shape), -1.0)
    anomalies = min(grid.anomalies, 2) if rhythm == "sparse" else grid.anomalies
    chosen = np.argsort(-order, axis=1)[:, :anomalies]
    truth = np.zeros_like(places)
    np.put_along_axis(truth, chosen, np.take_along_axis(places, chosen, axis=1), axis=1)
    rate = np.where(truth, histories.usual * size, histories.rate)
    window = slice(grid.before, None)
    judged = histories.comparable if rhythm == "holidays" else np.ones_like(places)
    counts = random.poisson(rate)
    rhythmic = rhythm in WITH_CYCLE[grid.name]
    return Case(
        counts,
        truth[:, window],
        judged[:, window],
        size > 1,
        grid.cycle if rhythmic else 0,
        histories.usual[:, window],
        histories.varies,
    )


Flags = Callable[[Grid, Case], Bools]


def ours(grid: Grid, case: Case) -> Bools:
    found = detect(case.counts[:, grid.before :], grid.starts()[grid.before :])
    return np.asarray(found.direction == (1 if case.upward else -1))


def _threshold(history: Counts) -> Floats:
    """1.2 times the 99th percentile along the last axis, bins without events left out.

    By nearest rank, as KQL's `percentile`; without any events there is no threshold.
    """
    active = (history > 0).sum(axis=-1, keepdims=True)
    from_top = active - np.ceil(0.99 * active).astype(np.int64)
    # Among 336 hours the rank is the fourth from the top at most.
    top = np.sort(np.partition(history, -4, axis=-1)[..., -4:], axis=-1)
    limit = 1.2 * np.take_along_axis(top, 3 - from_top, axis=-1)
    return np.where(active > 0, limit, np.inf)[..., 0]


def fixed_threshold(grid: Grid, case: Case) -> Bools:
    """Set once, by the 14 days before the window. It knows no drops."""
    limit = _threshold(case.counts[:, : grid.before])[:, None]
    return np.asarray(case.upward & (case.counts[:, grid.before :] > limit))


def rolling_threshold(grid: Grid, case: Case) -> Bools:
    """Set anew for each bin, by the 14 days before it. It knows no drops."""
    if not case.upward:
        return np.zeros_like(case.truth)
    days = np.lib.stride_tricks.sliding_window_view(case.counts, grid.before, axis=1)
    return np.asarray(case.counts[:, grid.before :] > _threshold(days[:, : grid.bins]))


def decomposition(grid: Grid, case: Case) -> Bools:
    """Season and line, then Tukey's fences on the rest, as `series_decompose_anomalies` does.

    Kusto's documentation: the season is the median of the bins of a phase, the trend a linear
    regression ("linefit") of what is left, and the residual is judged by Tukey's test between the
    10th and the 90th percentile with a threshold of 1.5. That threshold is meant for quartiles:
    scores are scaled so that, were residuals normal, it flags what it flags there, 2.698 standard
    deviations from the middle; hence the fence at 0.5526 times the distance of the percentiles.
    Whether there is a rhythm, and its period, are given instead of detected.
    """
    counts = case.counts[:, grid.before :].astype(np.float64)
    passed = np.arange(grid.bins) - (grid.bins - 1) / 2
    seasonal = np.zeros_like(counts)
    for phase in range(case.cycle):
        same = np.arange(grid.bins) % case.cycle == phase
        seasonal[:, same] = np.median(counts[:, same], axis=1, keepdims=True)
    rest = counts - seasonal
    slope = rest @ passed / (passed @ passed)
    residual = rest - rest.mean(axis=1, keepdims=True) - slope[:, None] * passed
    low, high = np.percentile(residual, [10, 90], axis=1)[:, :, None]
    fence = 0.5526 * (high - low)
    flags = residual > high + fence if case.upward else residual < low - fence
    return np.asarray(flags)


def all_known(grid: Grid, case: Case) -> Bools:
    """More than 3 true spreads off the true rate: what the same rule could do at best."""
    if case.varies is None:
        return np.zeros_like(case.truth)
    counts = case.counts[:, grid.before :]
    score = 2.0 * (np.sqrt(counts + 0.375) - np.sqrt(case.usual + 0.375))
    score /= np.sqrt(1.0 + case.varies**2 * case.usual)
    sign = 1 if case.upward else -1
    enough = sign * (counts - case.usual) >= LEAST_EXCESS
    return np.asarray((sign * score > 3.0) & enough)


METHODS: dict[str, Flags] = {
    "service": ours,
    "fixed p99": fixed_threshold,
    "rolling p99": rolling_threshold,
    "decomposed": decomposition,
    "all known": all_known,
}
BASELINES = ("fixed p99", "rolling p99", "decomposed")


def gains(grid: Grid, case: Case, flags: dict[str, Bools]) -> list[float]:
    """The service's recall less each baseline's, given as many false flags by its sensitivity.

    Zero where the baseline flags nothing.
    """
    counts = case.counts[:, grid.before :]
    found = detect(counts, grid.starts()[grid.before :])
    sign = 1 if case.upward else -1
    enough = sign * (counts - found.expected) >= LEAST_EXCESS
    score = np.where(enough, sign * found.score, 0.0)
    wrong = case.judged & ~case.truth
    chance = np.sort(score[wrong])[::-1]
    more = []
    for baseline in (flags[name] & case.judged for name in BASELINES):
        hits = (score > chance[(baseline & wrong).sum()]) & case.truth
        gained = (hits.sum() - (baseline & case.truth).sum()) / case.truth.sum()
        more.append(float(gained) if baseline.any() else 0.0)
    return more


@dataclass(frozen=True)
class Quality:
    """Shares; precision is NaN where nothing was flagged."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """The harmonic mean of both, 0 where nothing was found."""
        both = self.precision + self.recall
        return 2.0 * self.precision * self.recall / both if both > 0 else 0.0

    def __str__(self) -> str:
        precision = "   -" if np.isnan(self.precision) else f"{self.precision:4.2f}"
        return f"{precision} {self.recall:4.2f}"


def quality(flags: Bools, case: Case) -> Quality:
    flags = flags & case.judged
    hits, flagged = (flags & case.truth).sum(), flags.sum()
    return Quality(
        float(hits / flagged) if flagged else float("nan"), float(hits / case.truth.sum())
    )


@dataclass(frozen=True)
class Row:
    """One grid, rhythm and size: each method's quality by seed, and the least gain by seed."""

    grid: str
    rhythm: str
    size: float
    found: dict[str, list[Quality]]
    gains: list[float]

    def mean(self, method: str) -> Quality:
        return _over(np.mean, self.found[method])

    def worst(self, method: str) -> Quality:
        return _over(np.min, self.found[method])

    @property
    def behind(self) -> bool:
        """Whether a baseline has the better F1, by more than 0.01."""
        own = self.mean("service").f1
        return any(own < self.mean(name).f1 - 0.01 for name in BASELINES)


def _over(summary: Callable[[list[float]], np.floating], found: list[Quality]) -> Quality:
    precise = [quality.precision for quality in found if not np.isnan(quality.precision)]
    recalls = [quality.recall for quality in found]
    return Quality(float(summary(precise)) if precise else float("nan"), float(summary(recalls)))


def rows(seeds: Sequence[int]) -> Iterator[Row]:
    """Each method's quality by grid, rhythm and size; the same seeds give the same rows."""
    for grid_index, grid in enumerate((DAYS, HOURS)):
        for rhythm_index, rhythm in enumerate(RHYTHMS):
            for size in SPIKES + DROPS:
                if rhythm == "sparse" and size < 1:
                    continue
                row = Row(grid.name, rhythm, size, {name: [] for name in METHODS}, [])
                for seed in seeds:
                    random = np.random.default_rng([seed, grid_index, rhythm_index, int(size * 10)])
                    case = make_case(grid, rhythm, size, random)
                    flags = {name: flag(grid, case) for name, flag in METHODS.items()}
                    for name in METHODS:
                        row.found[name].append(quality(flags[name], case))
                    row.gains.append(min(gains(grid, case, flags)))
                yield row


def by_level(seed: int) -> Iterator[tuple[float, dict[float, Quality]]]:
    """The service's quality on calm days, by the usual count of a day."""
    for level in (1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0):
        sizes = {}
        for size in (*SPIKES, *DROPS):
            random = np.random.default_rng([seed, int(level), int(size * 10)])
            rate = np.full((4 * SERIES, DAYS.before + DAYS.bins), level)
            truth = np.zeros_like(rate, np.bool_)
            place = random.integers(DAYS.before, rate.shape[1], len(rate))
            truth[np.arange(len(rate)), place] = True
            counts = random.poisson(np.where(truth, rate * size, rate))
            window = truth[:, DAYS.before :]
            usual = rate[:, DAYS.before :]
            case = Case(counts, window, np.ones_like(window), size > 1, 0, usual, 0.0)
            sizes[size] = quality(ours(DAYS, case), case)
        yield level, sizes


def speed() -> str:
    random = np.random.default_rng(0)
    counts = random.poisson(20.0, (6000, 30))
    began = time.perf_counter()
    detect(counts, DAYS.starts()[:30])
    return f"6,000 series x 30 bins: {time.perf_counter() - began:.2f} s"


def main() -> None:
    parser = argparse.ArgumentParser(description="Precision and recall of spikes and drops.")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    seeds = parser.parse_args().seeds
    print(f"precision and recall, mean of seeds {', '.join(map(str, seeds))}; {SERIES} series each")
    print("more found: recall less a baseline's at as many false flags, least of the baselines")
    heads = ("service", "its worst", *BASELINES, "all known", "more found")
    print(f"{'':17}{'rhythm':17}{'size':>6}" + "".join(f"{head:>13}" for head in heads))
    missed, behind, less = [], [], []
    for row in rows(seeds):
        own = row.mean("service")
        more = float(np.mean(row.gains))
        name = f"{row.grid:17}{row.rhythm:17}{f'x{row.size:g}':>6}"
        cells = [own, row.worst("service"), *(row.mean(other) for other in BASELINES)]
        known = "" if row.rhythm == "sparse" else str(row.mean("all known"))
        print(name + "".join(f"{cell!s:>13}" for cell in cells) + f"{known:>13}{more:>+13.2f}")
        if row.size >= 5 and min(own.precision, own.recall) < 0.95:
            missed.append(name)
        if row.behind:
            behind.append(name)
        if more < -0.01:
            less.append(name)
    for title, names in (
        ("rows of x5 and x10 with a mean below 0.95", missed),
        ("rows where a baseline has an F1 better by more than 0.01", behind),
        ("rows where a baseline finds more, by over 0.01, at as many false flags", less),
    ):
        print(f"\n{title}: {len(names)}")
        print("".join(f"  {name}\n" for name in names), end="")
    print(f"\nthe service by level, Poisson counts, 30 days by day, seed {seeds[0]}")
    print(f"{'a day':>6}" + "".join(f"{f'x{size:g}':>13}" for size in (*SPIKES, *DROPS)))
    for level, sizes in by_level(seeds[0]):
        print(f"{level:6g}" + "".join(f"{sizes[size]!s:>13}" for size in (*SPIKES, *DROPS)))
    print("\n" + speed())


if __name__ == "__main__":
    main()
