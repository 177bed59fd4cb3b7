"""Whatever docs/coverage.md says can be had by one call, can be."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.api.service import Service
from tests.api.world import GARDEN

PAGE = (Path(__file__).parents[2] / "docs" / "coverage.md").read_text("utf-8")
ROWS = [line for line in PAGE.splitlines() if re.match(r"\| (?!\|)(?!--)", line)]
CALLS = re.findall(r"`(/[^`]+)` \|$", PAGE, re.MULTILINE)


def test_every_row_has_a_call_or_says_that_there_is_none() -> None:
    without = [row for row in ROWS if not re.search(r"`/[^`]+` \|$", row)]
    told = ("not in this table", "| call |")
    assert [row for row in without if not any(words in row for words in told)] == []
    assert len(CALLS) > 50


@pytest.mark.parametrize("call", sorted(set(CALLS)))
async def test_the_call_is_answered(call: str, shared: Service) -> None:
    asked = call.format(job=quote(GARDEN), object="user-1", name="Garden")
    answer = await shared.json(asked)
    if "data" in answer:
        assert answer["freshness"]["complete"]
