"""docs/simulator.md names every fault and every field of a rule, and nothing else."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from tests.simulator.counts import Counts
from tests.simulator.plan import FAULTS, Fault, Rule

PAGE = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text("utf-8")


def first_cells(heading: str) -> set[str]:
    """The names in the first column of the table with this heading."""
    table = PAGE.split(f"| {heading} |", 1)[1].split("\n\n", 1)[0]
    cells = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


def test_every_fault_is_explained() -> None:
    assert first_cells("name | what the caller gets") == FAULTS - {"answer"}


def test_every_field_of_a_rule_is_explained() -> None:
    fields = {field.name for kind in (Fault, Rule) for field in dataclasses.fields(kind)}
    assert first_cells("field |") == fields - {"fault", "table"}


def test_both_estimates_of_rows_are_explained() -> None:
    estimates = {field.name for field in dataclasses.fields(Counts) if "rows_" in field.name}
    assert estimates - {"rows_returned"} <= set(re.findall(r"`(\w+)`", PAGE))
