"""What the other bins make likely of each bin: by its slot in the week, and by those around it.

Everything is (series, bins) on Anscombe's scale, y = 2·√(n + 3/8); `history` says which bins may
tell of others. No bin is ever part of its own prediction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

NOTHING = 2.0 * float(np.sqrt(0.375))
"""No event, on Anscombe's scale."""

MIN_HISTORY = 7
"""Other finished bins that a bin needs to be judged at all."""

_MIN_SLOT = 3
_LEAST_NEIGHBOURS, _MOST_NEIGHBOURS = 14, 24

_BLOCK = 32
"""Bins whose neighbours are put in order together."""

_WEEK, _DAY = timedelta(days=7), timedelta(days=1)


@dataclass(frozen=True)
class Rhythm:
    """Ways to put the bins into slots, simplest first.

    `period` is the bins until a rhythm repeats, `neighbours` how many bins lie around one.
    `hour` and `weekday` are there when both can be told apart.
    """

    divisions: list[Ints]
    period: int
    neighbours: int
    hour: Ints | None
    weekday: Ints


def rhythm_of(starts: Sequence[datetime]) -> Rhythm:
    width, bins = starts[1] - starts[0], len(starts)
    hour = np.array([start.hour for start in starts])
    weekday = np.array([start.weekday() for start in starts])
    weekend = (weekday >= 5).astype(np.int64)
    fortnight = width * bins >= 2 * _WEEK
    ways = [np.zeros(bins, np.int64)]
    if width < _WEEK:
        ways.append(weekend)
    if width == _DAY:
        ways.append(weekday)
    if width < _DAY:
        # A week has too few weekend days to compare hour by hour, so three hours stand together.
        ways += [hour, weekend * 24 + hour // (1 if fortnight else 3), weekday * 24 + hour]
    slots = [np.unique(way, return_inverse=True)[1] for way in ways]
    repeats = [cycle // width for cycle in (_WEEK, _DAY) if width < cycle <= width * bins / 2]
    return Rhythm(
        divisions=[slot for slot in slots if np.bincount(slot).min() >= _MIN_SLOT],
        period=repeats[0] if repeats else 1,
        neighbours=min(max(_LEAST_NEIGHBOURS, _DAY // width), _MOST_NEIGHBOURS, bins - 1),
        hour=hour if width < _DAY and fortnight else None,
        weekday=weekday,
    )


def season_of(y: Floats, history: Bools, rhythm: Rhythm, *, by_weekday: bool = False) -> Floats:
    """Each bin as the others of its slot predict it, over all divisions by their worth."""
    candidates, steps = [], []
    for grown, growth in enumerate((np.ones_like(y), _growth(y, history, rhythm.period))):
        for finer, slots in enumerate(rhythm.divisions):
            candidates.append(_slotwise(y / growth, history, slots) * growth)
            steps.append(grown + finer)
    if by_weekday and rhythm.hour is not None:
        hourly = _slotwise(y, history, rhythm.hour)
        factor = _weekdays(y, hourly, history, rhythm.weekday)
        candidates.append(_slotwise(y / factor, history, rhythm.hour) * factor)
        steps.append(1)
    return blend(y, history, candidates, steps)


def _slotwise(y: Floats, history: Bools, slots: Ints) -> Floats:
    predicted = np.empty_like(y)
    for slot in np.unique(slots):
        columns = slots == slot
        predicted[:, columns] = quantile_of_others(y[:, columns], history[:, columns], 0.5)
    return predicted


def blend(y: Floats, history: Bools, candidates: list[Floats], steps: list[int]) -> Floats:
    """The mean of several predictions, each weighed by how well it does for the series."""
    choices = np.stack(candidates)
    choices = np.where(np.isnan(choices), choices[0], choices)
    # The Cauchy loss: a spike costs every candidate about the same, and little.
    told = history & ~np.isnan(choices)
    loss = np.sum(np.log1p(np.square(y - choices)), axis=2, keepdims=True, where=told)
    # By chance, losses differ by about the root of the bins: a finer candidate has to do better.
    loss += np.sqrt(y.shape[1]) * np.array(steps)[:, None, None]
    weight = np.exp((loss.min(axis=0) - loss) / 2.0)
    return np.asarray((choices * weight).sum(axis=0) / weight.sum(axis=0))


def _growth(y: Floats, history: Bools, period: int) -> Floats:
    """The factor by which each bin stands above the middle of the window, were growth steady."""
    bins = y.shape[1]
    lag = max(1, bins // 2 // period * period)
    some = (y[:, lag:] > NOTHING) | (y[:, :-lag] > NOTHING)
    both = history[:, lag:] & history[:, :-lag] & some
    ratio = _middle(y[:, lag:] / y[:, :-lag], both.astype(np.float64))
    steady = np.where(both.sum(axis=1) >= MIN_HISTORY, ratio, 1.0)
    return np.asarray(steady[:, None] ** ((np.arange(bins) - (bins - 1) / 2.0) / lag))


def _weekdays(y: Floats, hourly: Floats, history: Bools, weekday: Ints) -> Floats:
    """The factor by which each bin's weekday stands above the usual hours of the day."""
    factor = np.ones_like(y)
    weight = _weight(hourly, history)
    for day in range(7):
        columns = weekday == day
        middle = _middle(y[:, columns] / hourly[:, columns], weight[:, columns])
        factor[:, columns] = np.where(np.isnan(middle), 1.0, middle)[:, None]
    return factor


def drift_of(y: Floats, season: Floats, history: Bools, rhythm: Rhythm) -> Floats:
    """The factor by which the bins nearest in time stand above their season, without the own."""
    bins, reach = y.shape[1], rhythm.neighbours
    weight = _weight(season, history)
    ratio = np.where(weight > 0.0, y / season, np.inf)
    drift = np.empty_like(y)
    for start in range(0, bins, _BLOCK):
        block = np.arange(start, min(start + _BLOCK, bins))[:, None]
        first = np.clip(block - reach // 2, 0, bins - 1 - reach)
        near = np.arange(first[0, 0], first[-1, 0] + reach + 1)
        around = (near >= first) & (near <= first + reach) & (near != block)
        drift[:, block[:, 0]] = _middles(ratio[:, near], weight[:, near], around)
    return np.where(np.isnan(drift), 1.0, drift)


def _weight(season: Floats, history: Bools) -> Floats:
    """Of a bin's ratio to its season: where hardly anything is usual, it says next to nothing."""
    return np.where(history & ~np.isnan(season), np.fmax(season - NOTHING, 0.01), 0.0)


def _middles(values: Floats, weight: Floats, chosen: Bools) -> Floats:
    """For each choice of columns the weighted median of each row; NaN without any weight.

    `chosen` is (choices, columns), the medians (rows, choices). Choices overlap, so each row is
    put in order once for all of them. Values without weight are infinite.
    """
    order = np.argsort(values, axis=1)
    ordered, heavy = (np.take_along_axis(found, order, axis=1) for found in (values, weight))
    is_in = chosen.T.astype(np.float64)
    parts = [is_in[column] * heavy[:, [rank]] for rank, column in enumerate(order.T)]
    total = np.zeros_like(parts[0])
    for part in parts:
        total += part
    half, total, place = total / 2.0, np.zeros_like(total), np.zeros(total.shape, np.int64)
    for part in parts:
        total += part
        place += total < half
    middle = np.take_along_axis(ordered, place, axis=1)
    return np.where(np.isfinite(middle), middle, np.nan)


def _middle(values: Floats, weight: Floats) -> Floats:
    """The weighted median along the last axis; NaN without any weight."""
    values = np.where(weight > 0.0, values, np.inf)
    order = np.argsort(values, axis=-1)
    total = np.cumsum(np.take_along_axis(weight, order, -1), axis=-1)
    place = (total < total[..., -1:] / 2.0).sum(axis=-1, keepdims=True)
    middle = np.take_along_axis(values, np.take_along_axis(order, place, -1), -1)[..., 0]
    return np.where(np.isfinite(middle), middle, np.nan)


def quantile_of_others(values: Floats, usable: Bools, quantile: float) -> Floats:
    """For each value, the quantile of the other usable values of its row; NaN without any."""
    ordered = np.sort(np.where(usable, values, np.nan), axis=1)
    count = usable.sum(axis=1, keepdims=True)
    of_others = _quantile(ordered, count - 1, quantile, without=values)
    return np.where(usable, of_others, _quantile(ordered, count, quantile))


def _quantile(
    ordered: Floats, count: Ints, quantile: float, *, without: Floats | None = None
) -> Floats:
    """The quantile of the first `count` values of each row, after one of them was left out."""
    last = ordered.shape[1] - 1
    position = np.maximum(count - 1, 0) * quantile
    low, high = np.floor(position).astype(np.int64), np.ceil(position).astype(np.int64)

    def at(place: Ints) -> Floats:
        found = np.take_along_axis(ordered, np.minimum(place, last), axis=1)
        if without is None:
            return found
        # All after the one that is left out have moved up by one place.
        after = np.take_along_axis(ordered, np.minimum(place + 1, last), axis=1)
        return np.where(without <= found, after, found)

    below, above = at(low), at(high)
    return np.where(count > 0, below + (above - below) * (position - low), np.nan)
