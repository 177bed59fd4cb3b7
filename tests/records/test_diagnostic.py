from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from service.records.diagnostic import fields_of_event, values_of_event
from service.records.row import NAMES
from service.records.values import fields_of
from tests.records.made_up import diagnostic

# Few keys, so that the same one often comes twice: outside and inside, or in two spellings.
KEYS = st.sampled_from(["id", "identity", "tenantId", "time", "jobId", "category", "level"])
SPELLINGS = KEYS | KEYS.map(str.upper) | st.sampled_from(["properties", "PROPERTIES"])
VALUES: st.SearchStrategy[Any] = st.sampled_from([None, "", "other", {}])


def test_usual_record_is_read_by_its_places() -> None:
    assert values_of_event(diagnostic()) is not None


@settings(deadline=None, max_examples=300)
@given(
    dropped=st.sets(KEYS, max_size=3),
    outside=st.dictionaries(SPELLINGS, VALUES, max_size=3),
    inside=st.dictionaries(SPELLINGS, VALUES, max_size=3),
)
def test_values_are_those_of_the_fields_whatever_keys_a_record_has(
    dropped: set[str], outside: dict[str, Any], inside: dict[str, Any]
) -> None:
    record = diagnostic()
    properties = {k: v for k, v in record["properties"].items() if k not in dropped} | inside
    record = record | outside | {"properties": properties}
    values = values_of_event(record)
    if values is not None:
        fields = fields_of_event(fields_of(record))
        assert values == tuple(map(fields.get, NAMES))
