"""The tokenizer loses nothing and sees strings and comments where Microsoft's does."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from service.kql.tokens import KqlError, position, significant, tokenize
from tests.analyser import Analyser
from tests.kql.hostile import texts

_PIECES = [
    "T", " | ", "where", "a", " ", "\n", "\r\n", "\t", "//", "/", '"', "'", "\\", '\\"', "\\n",
    "\\u0041", "\\d", "@", "h", "H", "```", "~~~", "`", "~", "=~", "(", ")", "[", "]", "{", "}",
    ".", "..", ",", ";", ":", "1", "0x1F", "1.5", "7d", "1.5h", "2e3", "_b", "$left", "9z",
    "datetime(2026-11-21)", "real(nan)", "dynamic", "project-away", "é", "\u2028", "\xa0",
]  # fmt: skip
_kql = st.one_of(texts, st.lists(st.sampled_from(_PIECES), max_size=12).map("".join))


@settings(deadline=None)
@given(text=_kql)
def test_joined_tokens_are_the_text(text: str) -> None:
    try:
        tokens = tokenize(text)
    except KqlError:
        return
    assert "".join(token.text for token in tokens) == text
    assert [token.start for token in tokens] == [
        sum(len(t.text) for t in tokens[:index]) for index in range(len(tokens))
    ]


@settings(deadline=None, max_examples=300)
@given(text=_kql)
def test_strings_are_where_microsofts_tokenizer_sees_them(analyser: Analyser, text: str) -> None:
    # The one place where a line separator matters: it ends a comment in both, and is no space here.
    assume("\u2028" not in text and "\u2029" not in text)
    analysis = analyser.check(text)
    try:
        tokens = significant(tokenize(text))
    except KqlError:
        assert analysis.diagnostics
        return
    assert len([t for t in tokens if t.kind == "string"]) == len(analysis.strings)
    # Its characters are UTF-16, so it cuts text outside of strings even within a character.
    seen = "".join(analysis.tokens).encode("utf-16", "surrogatepass").decode("utf-16")
    assert "".join(t.text for t in tokens) == seen


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("plain", "name"),
        ("_under", "name"),
        ("$left", "name"),
        ("9lives", "name"),
        ("h", "name"),
        ("todatetime", "name"),
        ('"a \\" b"', "string"),
        ("'a \\' b'", "string"),
        ('@"a\\"', "string"),
        ('@"a "" b"', "string"),
        ("@'a '' b'", "string"),
        ('h"secret"', "string"),
        ("H@'secret'", "string"),
        ('```a\n"b"\n```', "string"),
        ("~~~a\n```b\n~~~", "string"),
        ("1", "number"),
        ("0x1F", "number"),
        ("1.5", "number"),
        ("2e-3", "number"),
        ("7d", "number"),
        ("1.5h", "number"),
        ("10microseconds", "number"),
        ("74be27de-1e4e-49d9-b579-fe0b331d3642", "number"),
        ("datetime(2026-11-21 13:00)", "literal"),
        ("real(nan)", "literal"),
        ('// to the end | "', "comment"),
        ("\t \r\n\xa0\ufeff", "space"),
        ("==", "punctuation"),
        ("!~", "punctuation"),
        ("..", "punctuation"),
        ("é", "punctuation"),
    ],
)
def test_one_token_of_each_form(text: str, kind: str) -> None:
    assert [(token.kind, token.text) for token in tokenize(text)] == [(kind, text)]


@pytest.mark.parametrize(
    ("text", "texts_of_tokens"),
    [
        ("a.[0]", ["a", ".", "[", "0", "]"]),
        ("['a b']", ["[", "'a b'", "]"]),
        ("1..2", ["1", "..", "2"]),
        ("project-away", ["project", "-", "away"]),
        ("a//b\nc", ["a", "//b", "\n", "c"]),
        ('"a""b"', ['"a"', '"b"']),
        ("datetime (1)", ["datetime", " ", "(", "1", ")"]),
        ("mydatetime(1)", ["mydatetime", "(", "1", ")"]),
        ("a!=b", ["a", "!=", "b"]),
    ],
)
def test_tokens_end_where_the_next_begins(text: str, texts_of_tokens: list[str]) -> None:
    assert [token.text for token in tokenize(text)] == texts_of_tokens


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ('T | where a == "open', 1, 16, "not closed"),
        ("T\n| where a == 'open\n'", 2, 14, "not closed"),
        ('T\r\n| where a == @"open\\', 2, 14, "not closed"),
        ("T\r| where a == ```open``", 2, 14, "not closed"),
        ('T | where a matches regex "\\d+"', 1, 27, "double it"),
        ('T | where a == "quoted \\"', 1, 16, "not closed"),
        ('T | where a == "tab\\t', 1, 16, "not closed"),
        ('T | where a == "\\u12"', 1, 16, "double it"),
        ('T | where a == "\\U00000041"', 1, 16, "double it"),
        ('T | where a == "\\08"', 1, 16, "double it"),
    ],
)
def test_a_string_that_does_not_end_is_found_by_line_and_column(
    text: str, line: int, column: int, message: str
) -> None:
    with pytest.raises(KqlError, match=message) as caught:
        tokenize(text)
    assert (caught.value.line, caught.value.column) == (line, column)


def test_a_position_counts_lines_and_columns_from_one() -> None:
    assert [position("a\nbc\r\nd", start) for start in (0, 1, 2, 3, 6)] == [
        (1, 1), (1, 2), (2, 1), (2, 2), (3, 1),
    ]  # fmt: skip
