"""Spikes and drops in counts over time, against a baseline that the odd bin cannot bend.

Counts are compared on Anscombe's scale, y = 2·√(n + 3/8), on which chance alone (Poisson) has a
spread of 1 whatever the level (F. J. Anscombe, Biometrika 35, 1948). Every bin is predicted from
the *other* bins, so that a spike does not hide itself:

1. *Season*: the median of the other bins of its slot. Slots are hours of the day or of the week,
   days of the week, workdays and weekends, or none at all, with or without steady growth: the
   mean of these predictions, each weighed by how well it does for the whole series.
2. *Drift*: how far the bins around it are off their season, so that slow changes and steps are
   followed, as far as that predicts better. Usual is what lies between season and drift.
3. *Spread*: chance, and the variation that the other bins show. It is never below chance.

What lies far off, and stretches nearly without events, are left out in a second round of 1 and 2,
so that a holiday does not make the days after it look busy. `docs/spikes.md` has a worked example
and what was measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from service.insights.seasons import (
    MIN_HISTORY,
    NOTHING,
    Bools,
    Floats,
    Ints,
    Rhythm,
    blend,
    drift_of,
    quantile_of_others,
    rhythm_of,
    season_of,
)

Counts = npt.NDArray[np.integer]

_MIN_BATCHES = 3

_FALLEN, _RISEN = 2.8, 4.5
"""Spreads from which a bin says nothing about what is usual. Drops are told from noise less well,
and left in they do more harm."""

_RESTING = 0.5
"""A stretch this far below its season, on Anscombe's scale (a quarter, in events), is a rest."""

_LEAST_VARIATION = 0.08
"""Share by which any level varies without news: steadier histories are short, not steady."""

_WIDER, _WIDER_FOR_FEW = 1.5, 6.0
"""Measured variation, squared, is taken so much larger, and by the second number divided by the
bins it is measured on: few bins say little of it, and real counts have long tails."""

_CELLS = 2_000_000
"""Neighbours of bins looked at once: some 30 MB at most."""


def _anscombe(counts: Floats) -> Floats:
    return 2.0 * np.sqrt(counts + 0.375)


def _count(y: Floats) -> Floats:
    return np.maximum(np.square(y / 2.0) - 0.375, 0.0)


_HALF, _FEW = (float(y) for y in _anscombe(np.array([0.5, 2.0])))
"""Half an event, and the batch that is not news where nothing else is known."""


@dataclass(frozen=True)
class Usual:
    """What the other finished bins make likely of each bin, on Anscombe's scale; (series, bins).

    Usual is from `low` to `high`; `below` and `above` are the spread on either side. All four are
    NaN where the history is too short to say.
    """

    low: Floats
    high: Floats
    below: Floats
    above: Floats

    def of(self, series: Ints | slice) -> Usual:
        """That of some of the series."""
        return Usual(self.low[series], self.high[series], self.below[series], self.above[series])


@dataclass(frozen=True)
class Detection:
    """What was usual and what stands out; every array is (series, bins).

    `expected` is the usual count. `score` says how many usual spreads, on Anscombe's scale, the
    count lies above what is usual (below: negative; within: 0), and `upper` is the count at which
    it reaches the sensitivity. The three are NaN where the history is too short to say.
    `direction` is 1 for a spike, -1 for a drop, 0 for neither.
    """

    expected: Floats
    upper: Floats
    score: Floats
    direction: npt.NDArray[np.int8]

    @property
    def spike(self) -> Bools:
        """Bins that stand out either way."""
        return np.asarray(self.direction != 0)


def detect(
    counts: Counts,
    starts: Sequence[datetime],
    *,
    sensitivity: float = 3.0,
    min_events: int = 5,
    unfinished: bool = False,
    known_from: Ints | None = None,
) -> Detection:
    """Judge every bin of every series by the series' other bins: `usual_of`, then `judge`."""
    usual = usual_of(counts, starts, unfinished=unfinished, known_from=known_from)
    return judge(
        counts, usual, sensitivity=sensitivity, min_events=min_events, unfinished=unfinished
    )


def usual_of(
    counts: Counts,
    starts: Sequence[datetime],
    *,
    unfinished: bool = False,
    known_from: Ints | None = None,
) -> Usual:
    """What is usual of every bin of every series, by the series' other bins.

    `counts` is (series, bins), a bin without events being 0; `starts` are the bins' UTC starts,
    equally spaced. With `unfinished` the last bin is still filling and is no history for the
    others: what it holds makes no difference.

    `known_from` (series,) is the first bin in which a series could have had events: earlier bins
    are no history and are not judged. Without it every series is as old as the window.

    Raises `ValueError` when the shapes do not fit.
    """
    series, bins = counts.shape
    if len(starts) != bins:
        raise ValueError(f"expected one start per bin: {bins} bins, {len(starts)} starts")
    known = np.ones((series, bins), np.bool_)
    if known_from is not None:
        known = np.arange(bins) >= known_from[:, None]
    history = known.copy()
    if unfinished:
        history[:, -1:] = False
    usual = Usual(*(np.full((series, bins), np.nan) for _ in range(4)))
    if bins <= MIN_HISTORY:
        return usual
    rhythm = rhythm_of(starts)
    step = max(1, _CELLS // (bins * rhythm.neighbours))
    for first in range(0, series, step):
        part = slice(first, first + step)
        found = _usual(_anscombe(counts[part].astype(np.float64)), history[part], rhythm)
        usual.low[part], usual.high[part] = found.low, found.high
        usual.below[part], usual.above[part] = found.below, found.above
    others = history.sum(axis=1, keepdims=True) - history
    unjudged = ~known | (others < MIN_HISTORY)
    for values in (usual.low, usual.high, usual.below, usual.above):
        values[unjudged] = np.nan
    return usual


def judge(
    counts: Counts,
    usual: Usual,
    *,
    sensitivity: float = 3.0,
    min_events: int = 5,
    unfinished: bool = False,
) -> Detection:
    """What stands out from the usual.

    A bin is a spike if it holds more than `upper` events and at least `min_events` more than
    expected; a drop if its score is at most `-sensitivity` and at least `min_events` are missing.

    With `unfinished` the last bin is compared with a whole bin, for how work spreads within a bin
    is not known: a spike once it holds too much even for that, never a drop, and without a score
    before it holds as much as is usual.
    """
    y = _anscombe(counts.astype(np.float64))
    expected = _count((usual.low + usual.high) / 2.0)
    upper = _count(usual.high + sensitivity * usual.above)
    over, under = np.maximum(y - usual.high, 0.0), np.maximum(usual.low - y, 0.0)
    score = over / usual.above - under / usual.below
    direction = np.zeros(counts.shape, np.int8)
    excess = counts - expected
    direction[(counts > upper) & (excess >= min_events)] = 1
    direction[(score <= -sensitivity) & (-excess >= min_events)] = -1
    if unfinished:
        score[:, -1:][excess[:, -1:] < 0] = np.nan
        direction[:, -1:] = np.maximum(direction[:, -1:], 0)
    return Detection(expected, upper, score, direction)


def _usual(y: Floats, history: Bools, rhythm: Rhythm) -> Usual:
    active = history & (y > NOTHING)
    season = season_of(y, history, rhythm)
    drift = drift_of(y, season, history, rhythm)
    low, high, _ = _range(y, season, drift, history)
    level, telling = _level(low, high, history, active)
    spread = np.sqrt(1.0 + _rough_variation(np.maximum(low - y, y - high), telling, level) * level)
    fallen, risen = low - y > _FALLEN * spread, y - high > _RISEN * spread
    resting = drift < _RESTING

    steady = history & ~fallen & ~risen & ~resting
    told = season_of(y, steady, rhythm, by_weekday=True)
    season = np.where(np.isnan(told), season, told)
    # A rest is left out of the season but followed by the drift: a new, low level is one as well.
    drift = drift_of(y, season, steady | (history & ~risen & resting), rhythm)
    low, high, predicted = _range(y, season, drift, steady)
    level, telling = _level(low, high, history, active)
    # A prediction from few bins is itself uncertain.
    few = 1.0 + 1.0 / np.maximum(telling.sum(axis=1, keepdims=True) - telling, 1)
    spread = few * (1.0 + _variation(y - predicted, telling & steady, level) * level)
    batches = 1.0 + _batches(np.maximum(y - high, 0.0), active)
    above = np.where(high < _HALF, batches, spread)
    return Usual(low, high, np.sqrt(spread), np.sqrt(above))


def _range(
    y: Floats, season: Floats, drift: Floats, history: Bools
) -> tuple[Floats, Floats, Floats]:
    """From the season to the prediction with as much of the drift as helps; and the latter."""
    season = np.maximum(season, NOTHING)
    predicted = np.maximum(blend(y, history, [season, season * drift], [0, 0]), NOTHING)
    return np.minimum(season, predicted), np.maximum(season, predicted), predicted


def _level(low: Floats, high: Floats, history: Bools, active: Bools) -> tuple[Floats, Bools]:
    """The usual count, one at least, and the bins whose deviations tell of a series' variation.

    Those that are always empty do not: a job that rests at weekends is not the steadier for it.
    """
    level = np.maximum(_count((low + high) / 2.0), 1.0)
    return level, active | (history & (level > 1.0))


def _rough_variation(deviation: Floats, usable: Bools, level: Floats) -> Floats:
    """Variation beyond chance, as a squared share of the level, by the middle deviation alone."""
    # Half of all deviations with a spread of 1 lie within 0.6745.
    excess = (np.square(np.maximum(deviation, 0.0) / 0.6745) - 1.0) / level
    return np.fmax(quantile_of_others(excess, usable, 0.5) * 1.6, _LEAST_VARIATION**2)


def _variation(deviation: Floats, usable: Bools, level: Floats) -> Floats:
    """Variation beyond chance, as a squared share of the level, by the other bins together."""
    excess = np.where(usable, np.square(deviation) - 1.0, 0.0)
    level = np.where(usable, level, 0.0)
    share = (excess.sum(axis=1, keepdims=True) - excess) / np.maximum(
        level.sum(axis=1, keepdims=True) - level, 1.0
    )
    wider = _WIDER + _WIDER_FOR_FEW / np.maximum(usable.sum(axis=1, keepdims=True), 1)
    return np.asarray(np.fmax(share * wider, _LEAST_VARIATION**2))


def _batches(over: Floats, active: Bools) -> Floats:
    """Squared spread where a bin is usually empty: wide enough for the batches of other bins.

    Deviations of such a series are nearly all nothing or a batch, and no variation tells both.
    """
    few = active.sum(axis=1, keepdims=True) - active < _MIN_BATCHES
    usual, large = quantile_of_others(over, active, 0.5), quantile_of_others(over, active, 0.9)
    usual = np.where(few, np.fmax(usual, _FEW - NOTHING), usual)
    return np.square(np.fmax(usual / 1.9, large / 3.0))
