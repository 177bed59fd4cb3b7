"""What error codes, skip reasons and quarantine reasons mean, and what to do about them.

The tables are data, `errors.yaml` and `reasons.yaml` beside this module: the project's own words
for facts from Microsoft's public pages, which `docs` names. `python -m
service.insights.knowledge` prints them as a page.
"""

from service.insights.knowledge.lookup import (
    error_knowledge,
    quarantine_knowledge,
    skip_knowledge,
)
from service.insights.knowledge.tables import (
    ErrorKnowledge,
    QuarantineKnowledge,
    SkipKnowledge,
)

__all__ = [
    "ErrorKnowledge",
    "QuarantineKnowledge",
    "SkipKnowledge",
    "error_knowledge",
    "quarantine_knowledge",
    "skip_knowledge",
]
