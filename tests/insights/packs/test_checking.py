"""What only running the query, or Microsoft's analyser, can find."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.insights.packs.analyser import AnalyserMissing, analyse
from service.insights.packs.checking import check_pack, empty_workspace
from service.insights.packs.faults import Fault
from tests.analyser import FOLDER, Analyser
from tests.insights.packs.rooms import pack_file
from tests.insights.packs.texts import MINE

MISSPELT = ("count() by", "countif(Reslt == 'x') by")
UNSUPPORTED = (
    "| summarize events = count() by job_id = JobId",
    "| make-series events = count() default = 0 on TimeGenerated step 1h by job_id = JobId",
)


async def check(folder: Path, text: str) -> list[Fault]:
    async with empty_workspace() as workspace:
        return await check_pack(pack_file(folder, text), workspace, None)


def line_of(part: str, text: str = MINE) -> int:
    return text[: text.index(part)].count("\n") + 1


async def test_right_pack_has_no_faults(tmp_path: Path) -> None:
    assert await check(tmp_path, MINE) == []


async def test_unknown_column_is_found_by_running_the_query(tmp_path: Path) -> None:
    (fault,) = await check(tmp_path, MINE.replace(*MISSPELT))
    assert fault.line == line_of("| summarize")
    assert "Reslt" in fault.message
    assert not fault.warning


async def test_column_in_another_case_is_warned_of_unless_the_query_makes_it(
    tmp_path: Path,
) -> None:
    text = MINE.replace("count() by", "countif(resulttype == 'x') by")
    (fault,) = await check(tmp_path, text)
    assert fault.warning
    assert fault.line == line_of("| summarize")
    assert "resulttype is ResultType" in fault.message
    made = MINE.replace("job_id = JobId", "id = JobId | project job_id = id, events")
    assert await check(tmp_path, made) == []


async def test_query_that_is_no_kql_is_told_at_its_line(tmp_path: Path) -> None:
    (fault,) = await check(tmp_path, MINE.replace("where events >=", "where events > >="))
    assert fault.line == line_of("| where events")
    assert "not KQL" in fault.message


async def test_operator_that_only_the_embedded_engine_lacks_is_a_warning(tmp_path: Path) -> None:
    (fault,) = await check(tmp_path, MINE.replace(*UNSUPPORTED))
    assert fault.warning
    assert fault.line == line_of("| summarize")
    assert "does not know make-series" in fault.message


async def test_other_columns_than_declared_are_told_where_they_are_declared(
    tmp_path: Path,
) -> None:
    text = MINE.replace("type: long\nmetrics", "type: real\nmetrics").replace(
        "  | where events", "  | extend more = 1\n  | where events"
    )
    missing, extra = sorted(await check(tmp_path, text), key=lambda fault: -fault.line)
    assert missing.line == line_of("- name: events", text)
    assert "gives events as long, declared is real" in missing.message
    assert extra.line == line_of("columns:", text)
    assert "gives more, which columns does not declare" in extra.message


async def test_query_without_order_or_window_is_warned_of(tmp_path: Path) -> None:
    text = MINE.replace("  | order by events desc, job_id asc\n", "")
    text = text.replace(">= {from}", ">= ago(1d)")
    faults = await check(tmp_path, text)
    assert all(fault.warning and fault.line == line_of("kql:") for fault in faults)
    assert [("order by" in fault.message) for fault in faults].count(True) == 1
    assert [("{events}" in fault.message) for fault in faults].count(True) == 1


KNOWN = "AADProvisioningLogs | summarize n = count(), d = avg(DurationMs) by JobId"
WIDE = "AADProvisioningLogs // 🌱🌱🌱🌱🌱🌱🌱🌱\n| where X == 1\n| count"


def series(text: str) -> str:
    """The pack with an operator that only Log Analytics has."""
    text = text.replace(*UNSUPPORTED).replace("  | where events >= {min_events}\n", "")
    window = "on TimeGenerated from {from} to {from} + {min_events} * 1h"
    return text.replace("on TimeGenerated", window).replace("by events desc, job_id", "by job_id")


@pytest.mark.usefixtures("analyser")
async def test_analyser_knows_columns_and_operators_of_log_analytics(tmp_path: Path) -> None:
    files = [pack_file(tmp_path, text) for text in (MINE.replace(*MISSPELT), series(MINE))]
    samples = [file.pack.query.sample().text for file in files]
    misspelt, unsupported, wide = analyse([*samples, WIDE], FOLDER)
    async with empty_workspace() as workspace:
        (unknown,) = await check_pack(files[0], workspace, misspelt)
        wrong = await check_pack(files[1], workspace, unsupported)
    assert unknown.line == line_of("| summarize")
    assert "'Reslt' does not refer to any known column" in unknown.message
    assert sorted(fault.message.partition(",")[0] for fault in wrong) == [
        "columns: the query gives TimeGenerated",
        "columns: the query gives events as dynamic",
    ]
    assert [found.line for found in wide.diagnostics] == [2]


def test_types_are_those_that_the_analyser_gives(analyser: Analyser) -> None:
    (analysis,) = analyse([KNOWN], FOLDER)
    columns = {column.name: column.type for column in analysis.columns}
    assert columns == analyser.check(KNOWN).columns


def test_missing_package_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(AnalyserMissing, match=r"npm install|Node is not here"):
        analyse(["T"], tmp_path)


@pytest.mark.parametrize(
    ("column", "warned"),
    [
        *[(name, True) for name in ("source_id", "SourceId", "objectid", "TargetUPN", "mail")],
        *[(name, True) for name in ("account_name", "UserPrincipalName", "memberOf", "owner")],
        *[(name, False) for name in ("group_id", "ErrorCode", "target_system", "identity_type")],
        *[(name, False) for name in ("resource_id", "object_count", "discount", "country")],
    ],
)
async def test_label_that_seems_to_tell_who_somebody_is_is_warned_of(
    tmp_path: Path, column: str, warned: bool
) -> None:
    text = MINE.replace("job_id = JobId", f"job_id = JobId, {column} = Category")
    text = text.replace(
        "  - name: events", f"  - name: {column}\n    type: string\n  - name: events"
    )
    text = text.replace("labels: [job_id]", f"labels: [job_id, {column}]")
    found = await check(tmp_path, text)
    told = [fault for fault in found if "nobody's ID" in fault.message]
    assert [fault.line for fault in told] == ([line_of("labels:", text)] if warned else [])
    assert found == told
    assert all(fault.warning for fault in told)
