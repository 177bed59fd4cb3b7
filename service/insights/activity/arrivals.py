"""How many events arrived since the service looked first? (What the counter shows.)"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

import pyarrow as pa

from service.insights.activity.store import ActivityStore

Outcome = tuple[str, str, str]
"""Job ID, action and result."""


class Arrivals:
    """Counts each event once, when a recount first finds it, however old it is by then.

    What the first look and the loading of the past find was there before, and does not count. A
    recount that finds fewer events than the one before takes nothing away: as many that come back
    later are no new ones.
    """

    def __init__(self) -> None:
        self._totals: Mapping[Outcome, int] = {}
        self._gone: Counter[tuple[datetime, Outcome]] = Counter()

    @property
    def totals(self) -> Mapping[Outcome, int]:
        """Events by job ID, action and result, in the order of their first arrivals."""
        return self._totals

    def add(self, changes: pa.Table) -> None:
        """Takes how a recount changed the counts of bins, as `ActivityStore.replace` returns it."""
        totals = dict(self._totals)
        for start, *names, change in zip(*(c.to_pylist() for c in changes.columns), strict=True):
            job_id, action, result = names
            outcome = (job_id, action, result)
            back = min(max(change, 0), self._gone[start, outcome])
            self._gone[start, outcome] += max(-change, 0) - back
            if change > back:
                totals[outcome] = totals.get(outcome, 0) + change - back
        self._gone = +self._gone
        self._totals = totals


def known_outcomes(store: ActivityStore) -> list[Outcome]:
    """Every outcome that a job was ever counted with, in order."""
    sql = "SELECT DISTINCT JobId, Action, Result FROM combination ORDER BY ALL"
    (table,) = store.read((sql, ()))
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))
