from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.insights.packs.document import MAX_CHARACTERS, DocumentFault, read_document
from tests.insights.packs.texts import pack_texts


def test_lines_are_those_of_keys() -> None:
    document = read_document("a: 1\n# remark\nb:\n  - c: 2\n\n  - {d: 3,\n     e: 4}\n")
    assert document.content == {"a": 1, "b": [{"c": 2}, {"d": 3, "e": 4}]}
    places = [("a",), ("b",), ("b", 0, "c"), ("b", 1, "d"), ("b", 1, "e")]
    assert [document.line(place) for place in places] == [1, 3, 4, 6, 7]


def test_what_is_not_there_has_the_line_of_what_it_is_missing_from() -> None:
    document = read_document("a: 1\nb:\n  - c: 2\n")
    assert document.line(("b", 0, "absent", 3)) == 3
    assert document.line(("absent",)) == 1


def test_scalars_stay_text_unless_they_are_plain_numbers_or_true_or_false() -> None:
    text = "[1, -2, 1.5, true, no, on, 2026-01-01, 1:30, 0x1f, 1_000, 7d, ~, null, '1', .5, 007]"
    assert read_document(f"a: {text}").content["a"] == [
        *(1, -2, 1.5, True, "no", "on", "2026-01-01", "1:30", "0x1f", "1_000", "7d"),
        *(None, None, "1", 0.5, 7),
    ]


def test_only_texts_after_a_bar_are_blocks() -> None:
    document = read_document('a: |\n  x\nb: >\n  x\nc: "x"\nd: x\n')
    assert document.blocks == {("a",)}


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 1, "a pack is a mapping"),
        ("- a\n- b\n", 1, "a pack is a mapping"),
        ("a: 1\nb: [1\nc: 2\n", 3, "not valid YAML"),
        ("a: 1\n\tb: 2\n", 2, "not valid YAML"),
        ("a: 1\nb: 2\na: 3\n", 3, "`a` stands here twice"),
        ("a: 1\nb: \x07\n", 2, "control character"),
        ("a: 1\nb: &x 1\nc: *x\n", 2, "anchors, aliases and tags"),
        ("a: 1\nb: !!python/object/apply:os.system ['true']\n", 2, "anchors, aliases and tags"),
        ("a: 1\n? [b]\n: 2\n", 2, "a key is plain text"),
        ("a: 1\n---\nb: 1\n", 2, "not valid YAML"),
        ("a: " + "[" * 30 + "]" * 30, 1, "nested too deeply"),
        ("a: " + "[" * 30_000, 1, "nested too deeply"),
        ("a" * (MAX_CHARACTERS + 1), 1, "too long"),
    ],
)
def test_fault_has_its_line_and_says_what_to_do(text: str, line: int, message: str) -> None:
    with pytest.raises(DocumentFault, match=message) as caught:
        read_document(text)
    assert caught.value.line == line


@settings(deadline=None)
@given(st.one_of(st.text(), pack_texts))
def test_any_text_is_a_document_or_a_fault_at_one_of_its_lines(text: str) -> None:
    try:
        line = read_document(text).line(())
    except DocumentFault as fault:
        line = fault.line
    assert 1 <= line <= len(text.splitlines()) + 1
