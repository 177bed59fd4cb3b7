from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.insights.packs.faults import Fault, PackRefused
from service.insights.packs.reading import read_pack
from tests.insights.packs.rooms import pack_file, write_pack
from tests.insights.packs.texts import MINE, pack_texts


def faults(folder: Path, text: str, reserved: tuple[str, ...] = ()) -> list[tuple[int, str]]:
    with pytest.raises(PackRefused) as caught:
        read_pack(write_pack(folder, text), reserved)
    return [(fault.line, fault.message) for fault in caught.value.faults]


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


def test_a_right_pack_is_read_whole(tmp_path: Path) -> None:
    pack = pack_file(tmp_path, MINE).pack
    assert (pack.name, pack.title, pack.shape) == ("busy-objects", "Busy objects", "table")
    assert pack.description == "Which objects are written most?"
    assert pack.names_jobs
    assert pack.chooses_jobs
    assert not pack.filters_events


@pytest.mark.parametrize(
    ("old", "new", "at", "message"),
    [
        ("name: busy-objects", "name: Busy", "name: Busy", "kebab case"),
        ("name: busy-objects", "name: 5", "name: 5", "expected a valid string"),
        ("title: Busy objects\n", "", "name:", "title is missing; add it"),
        ("title: Busy objects", "titel: x", "titel", "did you mean title"),
        ("title: Busy objects", "title: ''", "title", "title"),
        ("type: long\n    default", "type: int\n    default", "type: int", "expected 'string'"),
        ("default: 2", "default: two", "default: two", "default: expected a whole number"),
        ("default: 2", "default: 0", "default: 0", "default: expected at least 1"),
        ("minimum: 1", "minimum: 1\n    maximum: 0", "- name: min_events", "exchange them"),
        ("minimum: 1", "enum: [1]", "default: 2", "expected one of 1"),
        ("- name: min_events", "- name: limit", "- name: limit", "`limit` is taken"),
        ("- name: min_events", "- name: Min", "- name: Min", "lower case"),
        ("{min_events}", "{least}", "{least}", "least.* is not declared; declared are"),
        ("{min_events}", "{least:long}", "{least:long}", "declare least under parameters"),
        ("{min_events}", "1", "- name: min_events", "the query does not use {min_events}"),
        ("{min_events}", "'{min_events}'", "'{min", "stands inside a string"),
        ("in ({jobs})", "in ({jobs}{to})", "in ({jobs}", "would merge"),
        ("AADProvisioningLogs", "SigninLogs", "SigninLogs", "read one of the tables"),
        ("  | order", "  ; T\n  | order", "  AADProvisioningLogs", "write one query"),
        ("  | order by", "  | evaluate x()\n  | order by", "  | evaluate", "no operator"),
        ("  AADProv", "  .drop table T\n  AADProv", ".drop", "control commands"),
        ("count() by", 'strcat("a', "strcat", "not closed"),
        ("- name: events", "- name: class", "- name: class", "reserved word"),
        ("- name: events", "- name: job_id", "- name: job_id\n    type: long", "stands here twice"),
        ("value: events", "value: job_id", "value: job_id", "use a column of long, real"),
        ("labels: [job_id]", "labels: [user]", "labels: [user]", "user is no column"),
        ("labels: [job_id]", "labels: [job_id, job_id]", "labels:", "job_id stands here twice"),
        ("labels: [job_id]", "labels:\n      - le", "- le", "Prometheus keeps the label `le`"),
        ("labels: [job_id]", "labels: [quantile]", "labels:", "rename the column"),
        ("labels: [job_id]", "labels: [instance]", "labels:", "sets the label `instance`"),
        ("labels: [job_id]", "labels: [job]", "labels:", "sets the label `job`"),
        ("labels: [job_id]", "labels: [__name__]", "labels:", "expected a plain name"),
        *[
            ("name: busy_events", f"name: {name}", f"- name: {name}", f"ends in _{ending}, which")
            for ending in ["total", "bucket", "sum", "count", "gsum", "gcount", "info", "created"]
            for name in (f"busy_{ending}", ending)
        ],
        ("column: events", "column: evnts", "column: evnts", "evnts is no column"),
        ("at_least: 100", "at_least: .nan", "at_least", "number"),
        ("  at_least: 100\n", "", "rule:", "either at_least or at_most"),
        ("title: A job is busy", "severity: high", "severity", "expected 'info', 'warning'"),
        ("    default: 2\n", "", "- name: min_events", "min_events needs a default"),
        ("kql:", "look_back: 100d\nkql:", "look_back", "at most P90D"),
        ("kql:", "fresh_for: soon\nkql:", "fresh_for", "expected a duration"),
        ("title: Busy objects", "title: &a Busy", "title", "anchors"),
    ],
)  # fmt: skip
def test_fault_names_its_line_and_what_to_do(
    tmp_path: Path, old: str, new: str, at: str, message: str
) -> None:
    assert old in MINE
    text = MINE.replace(old, new, 1)
    found = faults(tmp_path, text)
    wanted = line_of(text, at)
    assert any(line == wanted and _matches(message, said) for line, said in found), (wanted, found)


def _matches(pattern: str, text: str) -> bool:
    before, _, after = pattern.partition(".*")
    return before in text and after in text


def test_faults_of_several_lines_are_told_at_once(tmp_path: Path) -> None:
    text = MINE.replace("type: long", "type: int").replace("title: Busy", "tilte: Busy")
    assert [line for line, _ in faults(tmp_path, text)] == [1, 2, 6, 20]


def test_line_of_the_query_counts_from_its_first_line_with_text(tmp_path: Path) -> None:
    text = MINE.replace("kql: |\n", "kql: |\n\n\n").replace("where events", "were events")
    (fault,) = faults(tmp_path, text)
    assert fault[0] == line_of(text, "were events")


def test_query_that_is_no_block_has_the_line_of_its_key(tmp_path: Path) -> None:
    text = 'name: a\ntitle: a\nkql: "T\\n\\n| count"\ncolumns: [{name: a, type: long}]\n'
    assert faults(tmp_path, text)[0][0] == 3


def test_look_back_without_the_window_in_the_query_is_refused(tmp_path: Path) -> None:
    text = MINE.replace("kql:", "look_back: 7d\nkql:").replace(">= {from}", ">= ago(1d)")
    assert faults(tmp_path, text)[0][0] == line_of(text, "look_back")


def test_reserved_name_is_refused(tmp_path: Path) -> None:
    ((line, message),) = faults(tmp_path, MINE, ("busy-objects",))
    assert line == 1
    assert "the name of another insight" in message


def test_file_that_is_no_text_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"name: a\ntitle: \xff\n")
    with pytest.raises(PackRefused, match=r"a\.yaml:2: not UTF-8"):
        read_pack(path)


def test_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PackRefused, match=r"absent\.yaml:1: can't be read: No such file"):
        read_pack(tmp_path / "absent.yaml")


@settings(deadline=None, max_examples=150)
@given(st.one_of(pack_texts, st.text()))
def test_any_text_is_a_pack_or_faults_with_file_and_line(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "any.yaml")
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        found = _faults(path)
    for fault in found:
        assert fault.path == path
        assert 1 <= fault.line <= len(text.splitlines()) + 1
        assert fault.message
        assert "\n" not in fault.message


def _faults(path: Path) -> tuple[Fault, ...]:
    try:
        read_pack(path)
    except PackRefused as refused:
        return refused.faults or (Fault(path, 0, ""),)
    return ()
