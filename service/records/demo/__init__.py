"""An invented tenant's provisioning logs: the same arguments give the same bytes.

`stream` writes the records; `tenant` says who and what there is, `rhythm` when jobs are busy,
`changes` what happens to people and groups, `story` which three things go wrong.
"""

from service.records.demo.story import Incident, story
from service.records.demo.stream import demo_records
from service.records.demo.tenant import Job, fleet

__all__ = ["Incident", "Job", "demo_records", "fleet", "story"]
