"""A rewritten query means on the embedded engine what it means on Kusto."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.kql.literals import string_value
from service.kql.rewrite import for_embedded
from service.kql.tokens import KqlError, significant, tokenize
from tests.analyser import Analyser
from tests.kql.hostile import Engine, texts


@pytest.mark.parametrize(
    ("text", "rewritten"),
    [
        ("Steps.[2].description", "Steps[2].description"),
        ("Steps.[-1].name", "Steps[-1].name"),
        ('Steps.["a b"].["c"]', 'Steps["a b"]["c"]'),
        ("Steps.//last\n[-1]", "Steps//last\n[-1]"),
        ("ingestion_time()", "Arrived"),
        ("max(ingestion_time ( /* no */ ))", "max(ingestion_time ( /* no */ ))"),
        ("max(ingestion_time // now\n ( ))", "max(Arrived)"),
        ("where ingestion_time() > ago(1h)", "where Arrived > ago(1h)"),
    ],
)
def test_what_the_engine_lacks_is_put_otherwise(text: str, rewritten: str) -> None:
    assert for_embedded(text, "Arrived") == rewritten


@pytest.mark.parametrize(
    "text",
    [
        'where a == "ingestion_time() x.[0]"',
        "where a == @'x.[\"b\"]' // ingestion_time() x.[0]",
        "where Ingestion_Time() > 1 and ingestion_time == 2 and my_ingestion_time() == 3",
        "where a[0] == 1.5 and b between (1 .. 2)",
        'where a == "tab\\t quote\\" backslash\\\\d line\\n"',
        "where a == 'it\\'s'",
        "where a matches regex @'\\d+'",
    ],
)
def test_a_query_without_anything_strange_stays_as_it_is(text: str) -> None:
    assert for_embedded(text, "Arrived") == text


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ('"\\u0041\\x42\\103"', "ABC"),
        ('"\\ud83d\\ude00"', "😀"),
        ('"\\a\\b\\f\\v\\0"', "\a\b\f\v\x00"),
        ('h"secret"', "secret"),
        ("H@'it''s \\d'", "it's \\d"),
        ('```several\n"lines" \\n```', 'several\n"lines" \\n'),
        ("~~~tilde~~~", "tilde"),
        ("'both \" and \\' \\u0041'", "both \" and ' A"),
        ('"double \\\\u0041"', "double \\u0041"),
    ],
)
def test_every_form_of_string_is_read_as_kusto_reads_it(
    engine: Engine, analyser: Analyser, written: str, value: str
) -> None:
    assert engine.value(f"print v = {written}") == value
    assert analyser.check(f"print v = {written}").strings == (value,)


_ESCAPED = st.lists(
    st.sampled_from(
        ["a", "d", "0", "\\\\", "\\'", '\\"', "\\n", "\\u0041", "\\x42", "\\103", "\\b"]
    )
).map("".join)


@settings(deadline=None)
@given(body=_ESCAPED, quote=st.sampled_from("\"'"), prefix=st.sampled_from(["", "h", "H"]))
def test_escapes_in_any_order_are_read_alike_everywhere(
    engine: Engine, analyser: Analyser, body: str, quote: str, prefix: str
) -> None:
    written = f"{prefix}{quote}{body}{quote}"
    (seen,) = analyser.check(f"print v = {written}").strings
    assert engine.value(f"print v = {written}") == string_value(written) == seen


@settings(deadline=None)
@given(text=texts)
def test_rewriting_twice_changes_nothing_more(text: str) -> None:
    try:
        once = for_embedded(text, "Arrived")
    except KqlError:
        return
    assert for_embedded(once, "Arrived") == once
    assert [t.text for t in tokenize(once) if t.kind == "comment"] == [
        t.text for t in tokenize(text) if t.kind == "comment"
    ]


def test_half_a_character_is_refused_with_its_place() -> None:
    with pytest.raises(KqlError, match="line 2, column 7: a string has an escape"):
        for_embedded('\nprint "\\ud83d"', "Arrived")


def test_the_column_of_arrival_is_a_plain_name() -> None:
    with pytest.raises(ValueError, match="plain name"):
        for_embedded("T", "a b")


def test_rewriting_leaves_the_number_of_statements() -> None:
    text = "let a = ```;```; T | where b.[0] == a"
    rewritten = significant(tokenize(for_embedded(text, "Arrived")))
    assert [token.text for token in rewritten].count(";") == 1
