from pathlib import Path

from service.insights.knowledge import tables
from service.insights.knowledge.page import errors_page

PAGE = Path(__file__).parents[3] / "docs" / "errors.md"


def test_the_committed_page_is_the_one_the_tables_make() -> None:
    assert PAGE.read_text(encoding="utf-8") == errors_page(), (
        "run python -m service.insights.knowledge > docs/errors.md"
    )


def test_the_page_has_a_row_for_every_code_and_reason() -> None:
    rows = [line for line in errors_page().splitlines() if line.startswith("| ") and "`" in line]
    names = [error.code for error in tables.errors()]
    names += [skip.reason for skip in tables.skips()]
    names += [known.reason for known in tables.quarantines()]
    assert sorted(row.split("`")[1] for row in rows) == sorted(names)


def test_the_retry_column_keeps_unknown_apart_from_known() -> None:
    rows = {line.split("`")[1]: line for line in errors_page().splitlines() if "`](" in line}
    assert rows["Timeout"].endswith("| after 40 min |")
    assert rows["TooManyRequests"].endswith("| yes |")
    assert rows["InvalidAnchor"].endswith("|  |")
