"""Values enter a query only where a hole says so, and never change its shape."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.kql.checks import check_query
from service.kql.template import HoleKind, Kql, Template, pipe
from service.kql.tokens import KqlError, significant, tokenize
from service.table import TABLE
from tests.analyser import Analyser
from tests.kql.hostile import texts

_NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)

_EVERY_KIND = Template("""
AADProvisioningLogs // of one window
| where TimeGenerated between ({start:datetime} .. {end:datetime}) // up to the "end"
| where JobId == {job:string} or JobId in {jobs:strings} or DurationMs in {sizes:longs}
| extend Quiet = {quiet:timespan}, Score = {score:real}, Flag = {flag:bool}, Extra = {extra:dynamic}
| extend Bag = dynamic({"a": [1, "{job}"]})
| where Id has {job:string}
| take {limit:long}
""")


def _filled(text: str) -> Kql:
    return _EVERY_KIND.fill(
        start=_NOON,
        end=_NOON + timedelta(days=1),
        job=text,
        jobs=[text, "other"],
        sizes=[1, 2],
        quiet=timedelta(hours=3),
        score=1.5,
        flag=True,
        extra={text: [text]},
        limit=100,
    )


def _shape(text: str) -> list[str]:
    """The tokens with nothing of what strings hold."""
    return ["string" if t.kind == "string" else t.text for t in significant(tokenize(text))]


@settings(deadline=None)
@given(text=texts)
def test_no_text_changes_the_shape_of_a_query(text: str) -> None:
    query = _filled(text).text
    assert _shape(query) == _shape(_filled("harmless").text)
    assert sum(token.kind == "comment" for token in tokenize(query)) == 2
    check_query(query, [TABLE])


@settings(deadline=None)
@given(text=texts)
def test_the_analyser_finds_nothing_in_a_filled_query(analyser: Analyser, text: str) -> None:
    analysis = analyser.check(_filled(text).text)
    assert analysis.diagnostics == ()
    assert analysis.strings == (
        text, text, "other", text, text, "a", "{job}", text,
    )  # fmt: skip


def test_a_template_names_its_holes_and_their_kinds() -> None:
    assert dict(Template("T | where a in {jobs:strings} | take {n:long}").holes) == {
        "jobs": "strings",
        "n": "long",
    }


def test_holes_without_a_kind_take_the_declared_one() -> None:
    template = Template(
        "T | where t >= {from} and a in {jobs}", {"from": "datetime", "jobs": "strings"}
    )
    assert template.fill(**{"from": _NOON, "jobs": ["a"]}).text == (
        'T | where t >= datetime(2026-11-21T12:00:00Z) and a in ("a")'
    )


def test_braces_that_are_no_holes_stay() -> None:
    text = 'let f = (x: long) {x}; T | extend b = dynamic({"a": 1}), c = "{", d = "{x} {a: b}"'
    assert Template(text).fill().text == text


def test_a_query_is_composed_from_another() -> None:
    events = Template("AADProvisioningLogs | where JobId == {job:string}")
    failures = Template('{events:query}\n| where Result == "failure"')
    both = Template("{left:query} | join kind=inner ({right:query}) on Id")
    query = events.fill(job="a|b")
    assert failures.fill(events=query).text == (
        'AADProvisioningLogs | where JobId == "a|b"\n| where Result == "failure"'
    )
    assert both.fill(left=query, right=query).text == (
        'AADProvisioningLogs | where JobId == "a|b" | join kind=inner '
        '(AADProvisioningLogs | where JobId == "a|b") on Id'
    )


def test_a_comment_at_the_end_of_a_part_swallows_nothing() -> None:
    part = Template("T // all of it").fill()
    assert _shape(Template("{part:query} | count").fill(part=part).text) == ["T", "|", "count"]
    assert _shape(pipe(part, Template("count").fill()).text) == ["T", "|", "count"]


def test_stages_are_piped_with_or_without_their_bar_and_optional_ones_left_out() -> None:
    stages = Template("where a == {a:long}"), Template("\n| take {n:long}\n")
    assert pipe(Kql("T"), stages[0].fill(a=1), None, Kql(" "), stages[1].fill(n=2)).text == (
        "T\n| where a == 1\n| take 2"
    )
    assert pipe(None, Kql("T"), Kql("// nothing")).text == "T"
    assert _shape(pipe(Kql("T"), Kql("// some\n| count"), Kql("// all\ncount")).text) == [
        "T", "|", "count", "|", "count",
    ]  # fmt: skip


def test_let_statements_lead_a_query_and_stand_nowhere_else() -> None:
    query = Kql("let a = 1; T | where b == a")
    assert Template("{q:query} | count").fill(q=query).text == f"{query} | count"
    assert pipe(query, Kql("count")).text == f"{query}\n| count"
    with pytest.raises(ValueError, match=r"\{q\}: a query with let statements may only lead"):
        Template("T | join ({q:query}) on b").fill(q=query)
    with pytest.raises(ValueError, match="only the first part"):
        pipe(Kql("T"), query)


@pytest.mark.parametrize("text", ["", " ", "// only this", "| where a == 1", "//\n| take 1"])
def test_stages_are_no_query(text: str) -> None:
    with pytest.raises(ValueError, match=r"\{q\}: expected a query"):
        Template("{q:query} | count").fill(q=Kql(text))


def test_a_missing_value_is_named() -> None:
    with pytest.raises(TypeError, match="no value for b, c"):
        Template("T | where x in ({a:long}, {c:long}, {b:long})").fill(a=1)


def test_an_unknown_value_is_named() -> None:
    with pytest.raises(TypeError, match="has no hole other"):
        Template("T | take {n:long}").fill(n=1, other=2)


@pytest.mark.parametrize(
    ("kind", "value", "error"),
    [
        ("string", 5, TypeError),
        ("strings", "text", TypeError),
        ("long", True, TypeError),
        ("datetime", datetime(2026, 11, 21), ValueError),
        ("query", "T | take 1", TypeError),
        ("string", "\ud800", ValueError),
    ],
)
def test_a_value_that_does_not_fit_names_its_hole(
    kind: HoleKind, value: object, error: type[Exception]
) -> None:
    text = "{here:query}" if kind == "query" else f"T | where a == {{here:{kind}}}"
    with pytest.raises(error, match=r"\{here\}: expected"):
        Template(text).fill(here=value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('T | where a == "{job:string}"', "inside a string"),
        ("T | where a == '{job:string}'", "inside a string"),
        ('T | where a == @"{job:string}"', "inside a string"),
        ("T | where a == ```{job:string}```", "inside a string"),
        ("T // {job:string}", "inside a string, comment"),
        ("T | where t > datetime({t:datetime})", "inside a string, comment or typed literal"),
        ("T | where a == {job:text}", "no known kind"),
        ("T | where a == h{job:string}", "merge"),
        ("T | where a == @{job:string}", "merge"),
        ("T | where a == x{n:long}", "merge"),
        ("T | where a == 1{n:long}", "merge"),
        ("T | where a == {n:long}d", "merge"),
        ("T | where a == {n:long}.5", "merge"),
        ("T | where a == {n:long}{m:long}", "merge"),
        ("T | where a between ({n:long}..{m:long})", "merge"),
        ("T | where a.{n:long}", "merge"),
        ('T | where a == "b" {x:string}', "merge"),
        ('T | where a == {x:string} // c\n "b"', "merge"),
        ("T | where a == {x:string} {y:string}", "merge"),
        ("T | where a in ({jobs:strings})", "brackets"),
        ("union T, {q:query}", "needs brackets"),
        ("{q:query} where a == 1", "needs brackets"),
        ("T | take {n:long} | where a == {n:string}", "two kinds"),
        ('T | where a == "open', "not closed"),
    ],
)
def test_a_hole_in_the_wrong_place_is_refused_at_once(text: str, message: str) -> None:
    with pytest.raises(KqlError, match=message):
        Template(text)


@pytest.mark.parametrize("text", ["T | take {m}", 'T | where a == "{n}"'])
def test_declared_holes_are_looked_after_too(text: str) -> None:
    with pytest.raises(KqlError):
        Template(text, {"n": "long"})


def test_a_fault_is_found_by_line_and_column() -> None:
    with pytest.raises(KqlError) as caught:
        Template("\nT\n| where a == {job:text}")
    assert (caught.value.line, caught.value.column) == (3, 14)


@settings(deadline=None)
@given(
    text=st.lists(
        st.sampled_from(
            ["{a:string}", " ", "@", "h", '"', "'", "\\", "x", "{", "}", "//", "\n", "("]
        )
    ).map("".join),
    value=texts,
)
def test_wherever_a_hole_is_accepted_its_value_stays_one_string(text: str, value: str) -> None:
    try:
        template = Template(text)
    except KqlError:
        return
    filled = template.fill(**dict.fromkeys(template.holes, value))
    harmless = template.fill(**dict.fromkeys(template.holes, "x"))
    assert _shape(filled.text) == _shape(harmless.text)
