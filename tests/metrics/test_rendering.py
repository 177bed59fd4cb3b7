"""Both formats, read back by the reference parsers."""

from __future__ import annotations

import gzip
import math
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.parser import text_string_to_metric_families as parse_text

from service.metrics.exposition import Exposition
from service.metrics.family import Family
from service.metrics.rendering import Rendered, render, render_registry
from tests.metrics.scraping import Scrape, read, read_openmetrics

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
HOSTILE = ["\\", '"', "\n", "\\n", '\\"', 'a="b",c', "} 1", "%s", "%", "", "\r", "\u2028", "#"]
values = st.one_of(st.integers(-(2**53), 2**53), st.floats(allow_nan=False))


def scrapes(rendered: Rendered) -> tuple[Scrape, Scrape]:
    return (
        read(parse_text(rendered.text.decode())),
        read_openmetrics(rendered.openmetrics.decode() + "# EOF\n"),
    )


@settings(deadline=None)
@given(
    st.dictionaries(
        st.tuples(*[st.one_of(st.sampled_from(HOSTILE), texts)] * 2), values, max_size=5
    ),
    st.sampled_from(["gauge", "counter"]),
    st.one_of(st.sampled_from(HOSTILE), texts),
)
def test_any_labels_and_values_are_read_back_as_they_were(
    samples: dict[tuple[str, ...], float], kind: str, told: str
) -> None:
    if kind == "counter":
        samples = {labels: abs(value) for labels, value in samples.items()}
    family = Family("one", kind, told.strip(), ("job_id", "name"), samples)  # type: ignore[arg-type]
    for found in scrapes(render([family])):
        assert found.of(family.sample) == samples


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_values_that_are_no_numbers_are_written_as_prometheus_reads_them(value: float) -> None:
    for found in scrapes(render([Family("one", "gauge", "One.", (), {(): value})])):
        assert repr(found.of("one")[()]) == repr(value)


def test_name_that_is_no_valid_text_costs_nothing_else() -> None:
    family = Family("one", "gauge", "One.", ("name",), {("\ud800",): 1, ("fine",): 2})
    for found in scrapes(render([family])):
        assert found.of("one")["fine",] == 2


@pytest.mark.parametrize(
    "broken",
    [
        Family("broken", "gauge", "B.", ("job_id", "job_id"), {("a", "b"): 1}),
        Family("broken", "gauge", "B.", ("name",), {("\ud800",): 1, ("?",): 2}),
        Family("broken", "gauge", "B.", ("name",), {("a", "b"): 1}),
        Family("broken", "gauge", "B.", ("__name__",), {("a",): 1}),
        Family("broken", "gauge", "B.", ("job-id",), {("a",): 1}),
        Family("bro ken", "gauge", "B.", (), {(): 1}),
        Family("fine", "gauge", "Of the same name.", (), {(): 2}),
    ],
)
def test_family_that_would_break_the_scrape_is_left_out(broken: Family) -> None:
    fine = Family("fine", "gauge", "Fine.", (), {(): 1})
    assert render([fine, broken]) == render([fine])


def test_counter_is_named_as_each_format_wants() -> None:
    rendered = render([Family("one", "counter", "One.", (), {(): 1})])
    assert b"# TYPE one_total counter\none_total 1\n" in rendered.text
    assert b"# TYPE one counter\none_total 1\n" in rendered.openmetrics


def test_registry_is_read_back_as_it_is_without_what_would_double_it() -> None:
    registry = CollectorRegistry()
    Counter("asked", "Asked.", ["name"], registry=registry).labels(HOSTILE[5]).inc(3)
    Gauge("waiting", "Waiting.", registry=registry).set(2)
    Histogram("took_seconds", "Took.", registry=registry, buckets=(1, 2)).observe(1.5)
    for found in scrapes(render_registry(registry)):
        assert found.of("asked_total") == {(HOSTILE[5],): 3}
        assert found.of("waiting") == {(): 2}
        assert found.of("took_seconds_bucket") == {("1.0",): 0, ("2.0",): 1, ("+Inf",): 1}
        assert found.of("took_seconds_sum") == {(): 1.5}
        assert not [name for name, _ in found.values if name.endswith("_created")]


@settings(deadline=None)
@given(st.lists(texts, unique=True, max_size=50), st.integers(0, 5))
def test_packed_page_is_the_plain_one_in_a_single_member(names: list[str], requests: int) -> None:
    registry = CollectorRegistry()
    counter = Counter("asked", "Asked.", registry=registry)
    exposition = Exposition(registry, lambda: 0.0)
    exposition.show([Family("one", "gauge", "One.", ("name",), {(name,): 1 for name in names})])
    counter.inc(requests)
    exposition.outdate()
    pages = exposition.pages()
    for page in (pages.text, pages.openmetrics):
        assert gzip.decompress(page.gzipped) == page.plain
        # Some clients stop at the end of the first member.
        member = zlib.decompressobj(16 + zlib.MAX_WBITS)
        assert member.decompress(page.gzipped) == page.plain
        assert member.eof
        assert not member.unused_data
        assert f"asked_total {float(requests)}\n".encode() in page.plain
