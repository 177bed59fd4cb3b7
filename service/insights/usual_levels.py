"""What is usual of many series, worked out anew only for those whose past has changed.

What is usual hangs on the finished bins alone. From one look at the workspace to the next hardly
any of them change, so nearly all of it is what it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from service.insights.detection import Usual, usual_of
from service.insights.seasons import Ints


@dataclass(frozen=True)
class UsualLevels:
    """What is usual of series, and at which place, by what their finished bins hold."""

    usual: Usual
    places: Mapping[bytes, int]

    @property
    def nbytes(self) -> int:
        keys = sum(map(len, self.places))
        return keys + 4 * self.usual.low.nbytes


def usual_levels(
    counts: Ints,
    starts: Sequence[datetime],
    *,
    unfinished: bool,
    known_from: Ints,
    before: UsualLevels | None,
) -> UsualLevels:
    """The same as `usual_of`, in the same order of series.

    `before` is what this returned for the same `starts` and `unfinished`, whatever the series.
    """
    finished = counts[:, :-1] if unfinished else counts
    told = np.ascontiguousarray(np.hstack([known_from[:, None], finished]))
    keys = [row.tobytes() for row in told]
    places = dict(zip(keys, range(len(keys)), strict=True))
    if before is None or not before.places:
        usual = usual_of(counts, starts, unfinished=unfinished, known_from=known_from)
        return UsualLevels(usual, places)
    found = np.array([before.places.get(key, -1) for key in keys], np.int64)
    changed = np.flatnonzero(found < 0)
    usual = before.usual.of(found)
    anew = usual_of(counts[changed], starts, unfinished=unfinished, known_from=known_from[changed])
    usual.low[changed], usual.high[changed] = anew.low, anew.high
    usual.below[changed], usual.above[changed] = anew.below, anew.above
    return UsualLevels(usual, places)
