from __future__ import annotations

from pathlib import Path

from service.insights.packs.loading import load_packs
from tests.insights.packs.rooms import write_pack
from tests.insights.packs.texts import MINE


def test_bad_pack_stops_no_other_one(tmp_path: Path) -> None:
    write_pack(tmp_path, "name: [", "a.yaml")
    write_pack(tmp_path, MINE, "b.yml")
    write_pack(tmp_path, "no pack at all", "c.txt")
    packs = load_packs([tmp_path])
    assert list(packs.packs) == ["busy-objects"]
    assert [fault.path.name for fault in packs.refused] == ["a.yaml"]


def test_second_of_two_packs_with_one_name_is_refused_with_both_files(tmp_path: Path) -> None:
    first = write_pack(tmp_path, MINE, "a.yaml")
    second = write_pack(tmp_path, f"# another\n{MINE}", "b.yaml")
    packs = load_packs([tmp_path])
    assert packs.packs["busy-objects"].path == first
    (fault,) = packs.refused
    assert (fault.path, fault.line) == (second, 2)
    assert str(first) in fault.message


def test_folder_that_cannot_be_read_is_refused_and_the_next_one_loaded(tmp_path: Path) -> None:
    write_pack(tmp_path, MINE)
    packs = load_packs([tmp_path / "absent", tmp_path])
    assert list(packs.packs) == ["busy-objects"]
    assert [fault.path for fault in packs.refused] == [tmp_path / "absent"]


def test_single_file_is_a_folder_of_one(tmp_path: Path) -> None:
    write_pack(tmp_path, MINE.replace("busy-objects", "other"), "other.yaml")
    assert list(load_packs([write_pack(tmp_path, MINE)]).packs) == ["busy-objects"]


def test_name_of_another_insight_is_refused(tmp_path: Path) -> None:
    write_pack(tmp_path, MINE)
    packs = load_packs([tmp_path], {"busy-objects"})
    assert packs.packs == {}
    assert [fault.line for fault in packs.refused] == [1]


def test_query_that_no_workspace_can_run_is_refused_with_its_line(tmp_path: Path) -> None:
    write_pack(tmp_path, MINE.replace("busy-objects", "good"), "good.yaml")
    broken = MINE.replace("by job_id = JobId", "by job_id = JobIdentity")
    write_pack(tmp_path, broken, "broken.yaml")
    packs = load_packs([tmp_path])
    assert list(packs.packs) == ["good"]
    fault = packs.refused[0]
    assert (fault.path.name, fault.line) == ("broken.yaml", line_with(broken, "JobIdentity"))
    assert "JobIdentity" in fault.message


def test_operator_that_only_log_analytics_knows_refuses_no_pack(tmp_path: Path) -> None:
    exotic = """\
name: exotic
title: Exotic
kql: |
  AADProvisioningLogs
  | where TimeGenerated >= {from} and TimeGenerated < {to}
  | make-series events = count() on TimeGenerated from {from} to {to} step 1d by JobId
columns:
  - {name: JobId, type: string}
  - {name: TimeGenerated, type: dynamic}
  - {name: events, type: dynamic}
"""
    write_pack(tmp_path, exotic)
    packs = load_packs([tmp_path])
    assert (list(packs.packs), packs.refused) == (["exotic"], ())


def line_with(text: str, word: str) -> int:
    return text[: text.index(word)].count("\n") + 1
