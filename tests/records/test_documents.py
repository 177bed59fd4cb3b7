from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from service.records.documents import Piece, pieces_of
from service.records.problems import FileError

values = st.recursive(
    st.none() | st.integers() | st.text('ab"\\[]{},:é\n'),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text('ab"\\[]{}'), inner, max_size=3)
    ),
    max_leaves=8,
)
records = st.dictionaries(st.text('xy"\\{['), values, max_size=4)
layouts = st.sampled_from([None, 1])


def cut(text: bytes, size: int) -> Iterator[bytes]:
    return (text[start : start + size] for start in range(0, len(text), size))


def found(text: bytes, size: int = 7) -> list[Any]:
    return [json.loads(piece.text) for piece in pieces_of(cut(text, size))]


@settings(deadline=None)
@given(held=st.lists(records, max_size=5), indent=layouts, size=st.integers(1, 40))
@example(held=[{"a": "\\"}], indent=None, size=1)
def test_records_of_an_array_are_cut_wherever_blocks_end(
    held: list[Any], indent: int | None, size: int
) -> None:
    text = json.dumps(held, indent=indent, ensure_ascii=False).encode()
    assert found(text, size) == held


@settings(deadline=None)
@given(
    pages=st.lists(st.lists(records, max_size=3), max_size=3),
    name=st.sampled_from(["value", "records"]),
    indent=layouts,
    size=st.integers(1, 40),
)
def test_records_of_pages_one_after_another_are_cut(
    pages: list[list[Any]], name: str, indent: int | None, size: int
) -> None:
    text = "\n".join(
        json.dumps({"@odata.context": "c[{", name: page, "@odata.nextLink": "n"}, indent=indent)
        for page in pages
    ).encode()
    assert found(text, size) == [record for page in pages for record in page]


@settings(deadline=None)
@given(held=st.lists(records, max_size=4), size=st.integers(1, 40))
def test_records_one_after_another_are_whole(held: list[Any], size: int) -> None:
    text = "\n".join(json.dumps(record, indent=2) for record in held).encode()
    assert found(text, size) == held


@settings(deadline=None)
@given(text=st.binary() | st.text('[]{}",:\\ a1\n').map(str.encode), size=st.integers(1, 9))
def test_any_bytes_are_pieces_or_an_error(text: bytes, size: int) -> None:
    try:
        pieces = list(pieces_of(cut(text, size)))
    except FileError:
        return
    assert all(isinstance(piece, Piece) for piece in pieces)


def test_pieces_know_the_line_they_begin_on() -> None:
    text = b'{\n "value": [\n  {"a": 1},\n\n  {"b":\n 2},\n  7,\n  {"c": 3}\n ]\n}'
    assert list(pieces_of(cut(text, 5))) == [
        Piece(3, b'{"a": 1}'),
        Piece(5, b'{"b":\n 2}'),
        Piece(7, b"", "it is not an object"),
        Piece(8, b'{"c": 3}'),
    ]


def test_end_in_the_middle_is_told_with_the_line_of_the_record() -> None:
    pieces = list(pieces_of([b'[\n{"a": 1},\n{"b": ']))
    assert pieces[0] == Piece(2, b'{"a": 1}')
    assert pieces[1] == Piece(3, b"", "the file ends before it does")


def test_closing_too_much_ends_the_document() -> None:
    with pytest.raises(FileError, match="line 2 closes more than was opened"):
        list(pieces_of([b'[{"a": 1}]\n]']))
