"""The data that is measured on: the invented tenant of `service.records.demo`, made when missing.

It lies in a folder of the caller's, so that a second run finds it there. Names carry the day on
which it was made: windows end now, so data of another day would be measured half empty.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from service.records.demo import demo_records
from service.records.importing import import_paths
from service.records.reporting import Silent
from service.times import BINS, utc_now

DAYS = 35
JOBS = 200
SMALL = 10_000
"""Events of a quick run."""


@dataclass(frozen=True)
class Data:
    """Files and stores in one folder; `end` is the midnight before which all events lie."""

    folder: Path
    end: datetime

    @classmethod
    def of_today(cls, folder: Path) -> Data:
        """Data up to the end of this day: whenever it is asked, its newest windows are full."""
        return cls(folder, BINS["1d"].floor(utc_now()) + timedelta(days=1))

    def records(self, count: int) -> Path:
        """A file of about `count` diagnostic records as JSON lines, made if it is missing."""
        path = self.folder / f"records-{count}-{self.end:%Y%m%d}.jsonl"
        if not path.exists():
            part = path.with_suffix(".part")
            per_day = max(count // DAYS, 1)
            jobs = min(JOBS, per_day)
            with part.open("wb") as target:
                target.writelines(
                    demo_records(jobs=jobs, days=DAYS, events_per_day=per_day, end=self.end)
                )
            part.replace(path)
        return path

    def store(self, count: int) -> Path:
        """A store of about `count` events, made if it is missing."""
        path = self.folder / f"events-{count}-{self.end:%Y%m%d}.duckdb"
        if not path.exists():
            records = self.records(count)
            part = path.with_suffix(".part")
            part.unlink(missing_ok=True)
            import_paths([records], part, reporter=Silent(), clock=utc_now)
            part.replace(path)
            records.unlink()
        return path
