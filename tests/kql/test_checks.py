"""A question of a person's own reads the known tables, and reaches for nothing else."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.kql.checks import KqlRejected, check_query
from service.kql.tokens import KqlError
from tests.analyser import Analyser
from tests.kql.hostile import texts

_TABLES = ("Logs", "Groups")
_COLUMNS = {"Id": "string", "Job": "string", "Time": "datetime", "Steps": "string", "Ms": "long"}

_ALLOWED = [
    "Logs",
    "['Logs'] | take 1;",
    "// the newest\nLogs | top 5 by Time desc nulls last",
    'Logs | where Job == "a" and Time > ago(7d) | summarize count() by bin(Time, 1d)',
    "Logs | join kind=leftouter hint.strategy=broadcast Groups on $left.Id == $right.Job",
    "Logs | join kind=inner (Groups | project Id) on Id | project-away Id1",
    "Logs | lookup kind=leftouter (Groups | project Id, Other = Job) on Id",
    "union withsource=Source Logs, (Groups | take 1) | count",
    "Logs | union Groups | count",
    "let start = ago(7d); let end = now(); Logs | where Time between (start .. end) | count",
    'let jobs = dynamic(["a", {"b": [1, null, true]}]); Logs | where Job in (jobs)',
    "let total = toscalar(Logs | count); print total + 1",
    "let slow = materialize(Logs | where Ms > 1000); slow | join (slow) on Id",
    "let all = ((Logs)); all | where Id in ((Groups | project Id))",
    "let rows = datatable(a: string, b: long)['x', 1, 'y', 2]; rows | where a in~ ('X')",
    "range n from 1 to 10 step 1 | extend m = n * 2",
    "Logs | where Job in (split('a,b', ',')) or Job !in (dynamic([]))",
    "Logs | extend s = parse_json(Steps)[-1] | where s.name has_any ('a', 'b')",
    "Logs | extend s = parse_json(Steps) | mv-expand s to typeof(string)",
    "Logs | mv-apply s = parse_json(Steps) on (where tostring(s.a) == 'b' | project s)",
    "Logs | make-series n = count() default = 0 on Time from ago(7d) to now() step 1d by Job",
    "Logs | parse Steps with * 'code=' code: string ' ' *",
    "Logs | extend app = 1, database = 'x' | where app == 1 and database != 'y' | getschema",
    "Logs | summarize count() by Job | render timechart with (title='cluster(x)')",
    "Logs | where Id == 'search | union *' // .show tables",
]

_TRICKS = [
    "",
    "// nothing",
    ".show tables",
    "// first\n .drop table Logs",
    "Logs | take 1 | .show tables",
    "set query_now = datetime(2026-11-21); Logs",
    "declare query_parameters(a: long); Logs",
    "alias database d = cluster('c').database('d'); Logs",
    "restrict access to (Groups); Logs",
    "Logs; Groups",
    "let a = 5;",
    "let a; Logs",
    "let = 5; Logs",
    "let a = ; Logs",
    "Secrets",
    "Secrets | take 1",
    "['/etc/passwd']",
    "['/data/a.parquet'] | take 1",
    "['\\ud800'] | take 1",
    "Logs.Secrets",
    "Logs Secrets",
    "cluster('c').database('d').Logs",
    "database('d').Logs | take 1",
    "workspace('w').Logs",
    "app('a').requests",
    "table('Secrets') | take 1",
    "externaldata(a: string)['https://example.com/a.csv']",
    "external_table('t')",
    "materialized_view('v')",
    "stored_query_result('r')",
    "macro-expand entity_group [cluster('c').database('d')] as X (X.Logs)",
    "search 'secret'",
    "find where Id == 1",
    "union *",
    "union Log*",
    "union Logs, Secrets",
    "union Logs, (Secrets | take 1)",
    "union",
    "Logs | search 'secret'",
    "Logs | union Secrets",
    "Logs | union (Secrets)",
    "Logs | join Secrets on Id",
    "Logs | join ['/etc/passwd'] on Id",
    "Logs | join kind=inner (['/etc/passwd']) on Id",
    "Logs | join kind=inner (Logs | join Secrets on Id) on Id",
    "Logs | join kind=(Secrets) Logs on Id",
    "Logs | join",
    "Logs | lookup Secrets on Id",
    "Logs | mv-apply a on (join Secrets on Id)",
    "Logs | where Id in (Secrets)",
    "Logs | where Id !in~ ((Secrets))",
    "Logs | where Id in (['/etc/passwd'])",
    "Logs | where Id has_any (Secrets | project Id)",
    "Logs | where Id in (union Secrets)",
    "Logs | where Id in (search 'a')",
    "Logs | where Id in (externaldata(a: string)['https://example.com'])",
    "Logs | where Id in (database('d').Secrets)",
    "Logs | where 1 == toscalar(Secrets | count)",
    "Logs | where 1 == toscalar(Secrets)",
    "print toscalar(Secrets)",
    "print a = Secrets",
    "range n from toscalar(Secrets) to 2 step 1",
    "datatable(a: string)[toscalar(Secrets)]",
    "let a = Secrets; a",
    "let a = ((Secrets)); a",
    "let a = materialize(Secrets); a",
    "let a = toscalar(Secrets | count); print a",
    "let a = iff(true, Secrets, 1); a",
    "let later = Logs | take 1; other",
    "let f = () { Secrets }; f()",
    "let f = (a: string) { Secrets | where Id == a }; f('x')",
    "Logs | evaluate bag_unpack(Steps)",
    "Logs | invoke f()",
    "Logs | as a | union Secrets",
    "Logs | fork (take 1) (take 2)",
    "Logs | partition by Id (take 1)",
    "Logs |",
    "| take 1",
    "Logs | where Time > datetime(') | union Secrets //')",
    "Logs | where Time > datetime(\n2026-11-21)",
    "Logs | extend a = dynamic({'a': Secrets})",
    "Logs | take {n}",
    "Logs | take 1 # all of it",
    "Logs | where Id == 'a' \u2028| union Secrets",
    "(Logs",
    "Logs)",
    "(Logs | take 1]",
    "(" * 1000 + "Logs" + ")" * 1000,
]


@pytest.mark.parametrize("text", _ALLOWED)
def test_what_the_analyser_accepts_over_known_tables_is_allowed(
    analyser: Analyser, text: str
) -> None:
    check_query(text, _TABLES)
    assert analyser.check(text, dict.fromkeys(_TABLES, _COLUMNS)).diagnostics == ()


@pytest.mark.parametrize("text", _TRICKS)
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(KqlRejected):
        check_query(text, _TABLES)


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("Logs\n| join (Secrets) on Id", 2, 9, "read one of the tables Groups, Logs"),
        ("Logs\r\n| evaluate f()", 2, 3, "use one of count, distinct"),
        ("Logs | where a in (cluster('c').x)", 1, 27, r"cluster\(…\) reaches outside"),
        (".show tables", 1, 1, "control commands are not allowed"),
        ("Logs | take 1; Logs", 1, 1, "before it only statements such as let"),
        ("Logs | where (a == 1", 1, 14, "not closed"),
    ],
)
def test_a_refusal_says_where_and_what_is_allowed(
    text: str, line: int, column: int, message: str
) -> None:
    with pytest.raises(KqlRejected, match=message) as caught:
        check_query(text, _TABLES)
    assert (caught.value.line, caught.value.column) == (line, column)


_PARTS = st.sampled_from(
    ["Logs", "Secrets", "['/etc/passwd']", "|", "|", ";", "(", ")", ",", "let", "a", "=", "where",
     "join", "on", "union", "in", "toscalar", "range", "print", "1", "'x'", "take", "kind=inner",
     "dynamic(", "datatable(a: string)", "[", "]", "{", "}", ".", "*", "Id", "search"]
)  # fmt: skip


@settings(deadline=None, max_examples=400)
@given(parts=st.lists(_PARTS, max_size=14), text=texts)
def test_any_text_is_allowed_or_refused_and_nothing_else_happens(
    parts: list[str], text: str
) -> None:
    for query in (" ".join(parts), text, f"Logs | {text}"):
        with suppress(KqlError):
            check_query(query, _TABLES)


_SOURCES = (
    ["Logs", "Secrets", "['/etc/passwd']", "(Secrets)", "(Secrets | take 1)", "(Logs | count)",
     "(union Secrets)", "union Logs, Secrets", "toscalar(Secrets)", "materialize(Secrets)",
     "table('Secrets')", "a", "'x'", "1", "dynamic([1])"]
)  # fmt: skip
_PLACES = (
    ["{}", "let a = {}; a", "let a = {}; print a", "let a = ({}); Logs | where Id in (a)",
     "Logs | join {} on Id", "Logs | join ({}) on Id", "Logs | lookup ({}) on Id", "union {}",
     "Logs | union {}, Groups", "union (Logs), ({})", "Logs | where Id in ({})",
     "Logs | where Id !in~ (({}))", "Logs | where Id has_any ({})", "Logs | where {} == 1",
     "Logs | where toscalar({}) == 1", "Logs | extend b = {}", "print b = {}", "({})",
     "Logs | where Id in (toscalar({}))", "Logs | mv-apply c = {} on (take 1)",
     "Logs | summarize take_any({})", "range b from {} to 2 step 1", "Logs | order by {}"]
)  # fmt: skip


def test_whatever_reads_a_foreign_table_is_refused(analyser: Analyser) -> None:
    known = dict.fromkeys(_TABLES, _COLUMNS)
    everything = {**known, **dict.fromkeys(["Secrets", "/etc/passwd"], _COLUMNS)}
    refused = 0
    for query in (place.format(source) for place in _PLACES for source in _SOURCES):
        # Fine with the foreign tables, and not without: it reads one of them.
        if (
            analyser.check(query, known).diagnostics
            and not analyser.check(query, everything).diagnostics
        ):
            with pytest.raises(KqlRejected):
                check_query(query, _TABLES)
            refused += 1
    assert refused > 50
