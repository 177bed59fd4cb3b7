"""Whether a family can be scraped: Prometheus drops a whole scrape for one that is malformed."""

from __future__ import annotations

import re
from collections import Counter

from service.metrics.family import Family

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*")


def fault_of(family: Family) -> str | None:
    """What is wrong with it, in words that follow its name; `None` for a sound one."""
    if not _NAME.fullmatch(family.name):
        return "is no name of a metric"
    for label, times in Counter(family.labels).items():
        if times > 1:
            return f"has the label {label} {times} times"
        if not _LABEL.fullmatch(label):
            return f"has a label {label!r}, which is no name of one"
    if any(len(values) != len(family.labels) for values in family.samples):
        return "has a series with more or fewer values than labels"
    return "has two equal series" if _equal_series(family) else None


def _equal_series(family: Family) -> bool:
    """Series differ as they are kept, but what is no valid text is written as `?`."""
    try:
        "".join(value for values in family.samples for value in values).encode()
    except UnicodeEncodeError:
        written = {
            tuple(value.encode("utf-8", "replace") for value in values) for values in family.samples
        }
        return len(written) < len(family.samples)
    return False
