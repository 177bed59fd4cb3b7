"""Time spans as callers write them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.workspace.protocol import TimeSpan
from tests.simulator.timespans import EVER, time_span
from tests.stores import NOW

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        (None, EVER),
        ("", EVER),
        ("PT3600.0S", TimeSpan(NOW - HOUR, NOW)),
        ("P1DT1H", TimeSpan(NOW - 25 * HOUR, NOW)),
        ("2026-11-18T10:00:00Z/2026-11-18T11:00:00Z", TimeSpan(NOW - 2 * HOUR, NOW - HOUR)),
        ("2026-11-18T12:00:00+01:00/PT1H", TimeSpan(NOW - HOUR, NOW)),
        ("PT1H/2026-11-18T12:00:00", TimeSpan(NOW - HOUR, NOW)),
    ],
)
def test_span_is_read_in_all_its_forms(text: str | None, span: TimeSpan) -> None:
    assert time_span(text, NOW) == span


@settings(deadline=None)
@given(st.text(min_size=1))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        time_span(f"?{text}", NOW)
