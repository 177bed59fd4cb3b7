"""Spikes and drops in counts over time, against a baseline that the odd bin cannot bend.

Counts are compared on Anscombe's scale, y = 2·√(n + 3/8), on which chance alone (Poisson) has a
spread of 1 whatever the level (F. J. Anscombe, Biometrika 35, 1948). Every bin is predicted from
the *other* bins, so that a spike does not hide itself:

1. *Season*: the median of the other bins of its slot. Slots are hours of the day or of the week,
   days of the week, workdays and weekends, or none at all, with or without steady growth: each
   series takes what predicts it best.
2. *Drift*: the median of how far the bins around it are off their season, so that slow changes
   and steps are followed. Usual is what lies between the season alone and the season with drift.
3. *Spread*: chance, and the variation that the other bins show, in their middle or towards the
   side of the deviation, whichever is wider. It is never below chance.

What lies far off is left out in a second round of 1 and 2, so that a holiday does not make the
days after it look busy. `docs/spikes.md` has a worked example and what was measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

MIN_HISTORY = 7
"""Other finished bins that a bin needs to be judged at all."""

_MIN_SLOT = 3
_NEIGHBOURS = 14

_SIMPLER = 0.88
"""A finer season must cut the loss to this share of the simpler one's, or chance would pick it."""

_OUTLYING = 3.5
"""Spreads from which a bin says nothing about what is usual."""

_LEAST_VARIATION = 0.08
"""Share by which any level varies without news: steadier histories are short, not steady."""

_WIDER = 1.6
"""Measured variation, squared, is taken so much larger: bins are few, and real ones long-tailed."""

_CELLS = 4_000_000
"""Numbers sorted at once: about 32 MB."""

_WEEK, _DAY = timedelta(days=7), timedelta(days=1)


def _anscombe(counts: Floats) -> Floats:
    return 2.0 * np.sqrt(counts + 0.375)


def _count(y: Floats) -> Floats:
    return np.maximum(np.square(y / 2.0) - 0.375, 0.0)


_NONE, _HALF, _FEW = (float(y) for y in _anscombe(np.array([0.0, 0.5, 4.0])))
"""No event, half a one, and the batch that is not news where nothing else is known."""


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
    counts: npt.NDArray[np.integer],
    starts: Sequence[datetime],
    *,
    sensitivity: float = 3.0,
    min_events: int = 5,
    unfinished: bool = False,
    known_from: Ints | None = None,
) -> Detection:
    """Judge every bin of every series by the series' other bins.

    `counts` is (series, bins), a bin without events being 0; `starts` are the bins' UTC starts,
    equally spaced. A bin is a spike if it holds more than `upper` events and at least `min_events`
    more than expected; a drop if its score is at most `-sensitivity` and at least `min_events`
    are missing.

    With `unfinished` the last bin is still filling. It is no history for the others, and is
    compared with a whole bin, for how work spreads within a bin is not known: a spike once it
    holds too much even for that, never a drop, and without a score before it holds as much as is
    usual.

    `known_from` (series,) is the first bin in which a series could have had events: earlier bins
    are no history and are not judged. Without it every series is as old as the window.

    Raises `ValueError` when the shapes do not fit.
    """
    series, bins = counts.shape
    if len(starts) != bins:
        raise ValueError(f"expected one start per bin: {bins} bins, {len(starts)} starts")
    expected, upper, score = (np.full((series, bins), np.nan) for _ in range(3))
    direction = np.zeros((series, bins), np.int8)
    known = np.ones((series, bins), np.bool_)
    if known_from is not None:
        known = np.arange(bins) >= known_from[:, None]
    history = known.copy()
    if unfinished:
        history[:, -1:] = False
    if bins > MIN_HISTORY:
        rhythm = _rhythm(starts)
        step = max(1, _CELLS // (bins * _NEIGHBOURS))
        for first in range(0, series, step):
            part = slice(first, first + step)
            y = _anscombe(counts[part].astype(np.float64))
            usual = _usual(y, history[part], rhythm)
            expected[part] = _count((usual.low + usual.high) / 2.0)
            upper[part] = _count(usual.high + sensitivity * usual.above)
            over, under = np.maximum(y - usual.high, 0.0), np.maximum(usual.low - y, 0.0)
            score[part] = over / usual.above - under / usual.below
    others = history.sum(axis=1, keepdims=True) - history
    unjudged = ~known | (others < MIN_HISTORY)
    for values in (expected, upper, score):
        values[unjudged] = np.nan
    excess = counts - expected
    direction[(counts > upper) & (excess >= min_events)] = 1
    direction[(score <= -sensitivity) & (-excess >= min_events)] = -1
    if unfinished:
        score[:, -1:][excess[:, -1:] < 0] = np.nan
        direction[:, -1:] = np.maximum(direction[:, -1:], 0)
    return Detection(expected, upper, score, direction)


@dataclass(frozen=True)
class _Rhythm:
    """Ways to put the bins into slots, simplest first, and the bins until a rhythm repeats."""

    divisions: list[Ints]
    period: int


def _rhythm(starts: Sequence[datetime]) -> _Rhythm:
    width = starts[1] - starts[0]
    span = width * len(starts)
    repeats = [period // width for period in (_WEEK, _DAY) if width < period <= span / 2]
    return _Rhythm(list(_divisions(starts, width)), repeats[0] if repeats else 1)


def _divisions(starts: Sequence[datetime], width: timedelta) -> Iterator[Ints]:
    """Each bin's slot; every slot has a few bins to compare."""
    hour = np.array([start.hour for start in starts])
    weekday = np.array([start.weekday() for start in starts])
    weekend = (weekday >= 5).astype(np.int64)
    ways = [np.zeros(len(starts), np.int64)]
    if width < _WEEK:
        ways.append(weekend)
    if width == _DAY:
        ways.append(weekday)
    if width < _DAY:
        # A week has too few weekend days to compare hour by hour, so three hours stand together.
        hours = 1 if width * len(starts) >= 2 * _WEEK else 3
        ways += [hour, weekend * 24 + hour // hours, weekday * 24 + hour]
    for way in ways:
        _, slots = np.unique(way, return_inverse=True)
        if np.bincount(slots).min() >= _MIN_SLOT:
            yield slots


@dataclass(frozen=True)
class _Usual:
    """What the other bins say of each bin, on Anscombe's scale: a range, and a spread each way."""

    low: Floats
    high: Floats
    below: Floats
    above: Floats


def _usual(y: Floats, history: Bools, rhythm: _Rhythm) -> _Usual:
    active = history & (y > _NONE)
    low, high = _range(y, history, rhythm)
    level, telling = _level(low, high, history, active)
    plain = _variation(np.maximum(low - y, y - high), telling, level, 0.5, 0.6745)
    limit = _OUTLYING * np.sqrt(1.0 + plain * level)
    fallen, risen = low - y > limit, y - high > limit

    low, high = _range(y, history & ~fallen & ~risen, rhythm)
    level, telling = _level(low, high, history, active)
    under, over = np.maximum(low - y, 0.0), np.maximum(y - high, 0.0)
    plain = _variation(under + over, telling, level, 0.5, 0.6745)
    below = np.fmax(plain, _variation(under, telling, level, 0.9, 1.2816))
    above = np.fmax(plain, _variation(over, telling & ~fallen, level, 0.9, 1.2816))
    above = np.where(high < _HALF, _batches(over, active), above * level)
    return _Usual(low, high, np.sqrt(1.0 + below * level), np.sqrt(1.0 + above))


def _range(y: Floats, history: Bools, rhythm: _Rhythm) -> tuple[Floats, Floats]:
    """The season, and the season with the drift around each bin: the lower, the higher."""
    season = _season(y, history, rhythm)
    drift = _around(y / season, history)
    low = np.maximum(season * np.minimum(drift, 1.0), _NONE)
    high = np.maximum(season * np.maximum(drift, 1.0), _NONE)
    return low, high


def _level(low: Floats, high: Floats, history: Bools, active: Bools) -> tuple[Floats, Bools]:
    """The usual count, one at least, and the bins whose deviations tell of a series' variation.

    Those that are always empty do not: a job that rests at weekends is not the steadier for it.
    """
    level = np.maximum(_count((low + high) / 2.0), 1.0)
    return level, active | (history & (level > 1.0))


def _variation(
    deviation: Floats, usable: Bools, level: Floats, quantile: float, normal: float
) -> Floats:
    """Variation beyond chance, as a squared share of the level, by a quantile of deviations.

    `normal` is where that quantile lies for deviations with a spread of 1.
    """
    excess = (np.square(np.maximum(deviation, 0.0) / normal) - 1.0) / level
    return np.fmax(_others(excess, usable, quantile) * _WIDER, _LEAST_VARIATION**2)


def _batches(over: Floats, active: Bools) -> Floats:
    """Squared spread where a bin is usually empty: wide enough for the batches of other bins.

    Deviations of such a series are nearly all nothing or a batch, and no quantile tells both.
    """
    few = active.sum(axis=1, keepdims=True) - active < _MIN_SLOT
    usual, large = _others(over, active, 0.5), _others(over, active, 0.9)
    usual = np.where(few, np.fmax(usual, _FEW - _NONE), usual)
    return np.square(np.fmax(usual / 1.9, large / 3.0))


def _season(y: Floats, history: Bools, rhythm: _Rhythm) -> Floats:
    """Each bin as the others of its slot predict it, in the division that predicts best."""
    best = np.full((len(y), 1), np.inf)
    season = np.full_like(y, np.nan)
    for growth in (np.ones_like(y), _growth(y, history, rhythm.period)):
        level = y / growth
        for slots in rhythm.divisions:
            candidate = np.empty_like(y)
            for slot in range(slots.max() + 1):
                columns = slots == slot
                candidate[:, columns] = _others(level[:, columns], history[:, columns], 0.5)
            candidate *= growth
            # The Cauchy loss: a spike costs every division about the same, and little.
            loss = np.log1p(np.square(y - candidate))
            total = np.sum(loss, axis=1, keepdims=True, where=history)
            better = total < best * _SIMPLER
            best = np.where(better, total, best)
            season = np.where(better, candidate, season)
    return season


def _growth(y: Floats, history: Bools, period: int) -> Floats:
    """The factor by which each bin stands above the middle of the window, were growth steady."""
    bins = y.shape[1]
    lag = max(1, bins // 2 // period * period)
    some = (y[:, lag:] > _NONE) | (y[:, :-lag] > _NONE)
    both = history[:, lag:] & history[:, :-lag] & some
    ratio = _median(y[:, lag:] / y[:, :-lag], both)
    steady = np.where(both.sum(axis=1) >= MIN_HISTORY, ratio, 1.0)
    return np.asarray(steady[:, None] ** ((np.arange(bins) - (bins - 1) / 2.0) / lag))


def _around(values: Floats, usable: Bools) -> Floats:
    """For each bin, the median of the usable values nearest in time without its own, else 1."""
    bins = values.shape[1]
    reach = min(_NEIGHBOURS, bins - 1)
    first = np.clip(np.arange(bins) - reach // 2, 0, bins - 1 - reach)
    window = first[:, None] + np.arange(reach + 1)
    window = window[window != np.arange(bins)[:, None]].reshape(bins, reach)
    usable = usable & ~np.isnan(values)
    drift = _median(values[:, window], usable[:, window])
    return np.where(np.isnan(drift), 1.0, drift)


def _median(values: Floats, usable: Bools) -> Floats:
    """The median of the usable values along the last axis; NaN without any."""
    ordered = np.sort(np.where(usable, values, np.inf), axis=-1)
    found = usable.sum(axis=-1, keepdims=True)
    low, high = np.maximum(found - 1, 0) // 2, np.minimum(found // 2, values.shape[-1] - 1)
    middle = np.take_along_axis(ordered, low, -1) + np.take_along_axis(ordered, high, -1)
    return np.where(found > 0, middle / 2.0, np.nan)[..., 0]


def _others(values: Floats, usable: Bools, quantile: float) -> Floats:
    """For each value, the quantile of the other usable values of its row; NaN without any."""
    last = values.shape[1] - 1
    order = np.argsort(np.where(usable, values, np.inf), axis=1, kind="stable")
    ordered = np.take_along_axis(values, order, axis=1)
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(last + 1)[None, :], axis=1)
    others = usable.sum(axis=1, keepdims=True) - usable
    position = np.maximum(others - 1, 0) * quantile
    low, high = np.floor(position).astype(np.int64), np.ceil(position).astype(np.int64)
    below, above = (
        np.take_along_axis(ordered, np.minimum(place + (place >= rank), last), axis=1)
        for place in (low, high)
    )
    return np.where(others > 0, below + (above - below) * (position - low), np.nan)
