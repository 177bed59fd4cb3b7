import itertools
import re
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.charts.chart import Chart, ChartSeries, render_chart
from service.charts.style import FONT, MARKS, TITLE_FONT
from service.charts.svg import text_width

SVG = "{http://www.w3.org/2000/svg}"
END = datetime(2026, 11, 22, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def a_chart(
    *series: ChartSeries, bins: int = 30, width: timedelta = DAY, note: str | None = None
) -> Chart:
    starts = [END - (bins - 1 - index) * width for index in range(bins)]
    unit = "events per day" if width == DAY else "events per hour"
    return Chart("Operations in Contoso", unit, starts, width, series, note)


def parsed(svg: str) -> ET.Element:
    assert "<!" not in svg, "neither a DTD nor comments nor CDATA"
    return ET.fromstring(svg)


def drawn(chart: Chart, width: int = 800, height: int = 300) -> ET.Element:
    return parsed(render_chart(chart, width, height))


def texts(root: ET.Element) -> list[str]:
    return [element.text or "" for element in root.iter(f"{SVG}text")]


def of_class(root: ET.Element, name: str) -> list[ET.Element]:
    return [element for element in root.iter() if name in element.get("class", "").split()]


def paths(root: ET.Element, name: str) -> list[str]:
    return [e.get("d", "") for e in of_class(root, name) if e.tag == f"{SVG}path"]


def legend_rows(root: ET.Element) -> list[tuple[str, str]]:
    """Name and total of each row."""
    return [
        (name.text or "", total.text or "")
        for name, total in (row.findall(f"{SVG}text") for row in root.iter(f"{SVG}g"))
    ]


def description(root: ET.Element) -> str:
    return root.findtext(f"{SVG}desc") or ""


def boxes(root: ET.Element) -> list[tuple[str, float, float, float, float]]:
    """Each text with its left, top, right and bottom edge, from careful estimates of widths."""
    found = []
    for element in root.iter(f"{SVG}text"):
        classes = set(element.get("class", "").split())
        size = TITLE_FONT if "title" in classes else 11 if "label" in classes else FONT
        text = element.text or ""
        width = text_width(text, size, bold=bool(classes & {"title", "strong", "label"}))
        x, y = float(element.get("x", "")), float(element.get("y", ""))
        left = x - width * (0.5 if "middle" in classes else 1 if "end" in classes else 0)
        found.append((text, left, y - size * 0.8, left + width, y + size * 0.2))
    return found


def assert_legible(root: ET.Element, width: int, height: int) -> None:
    placed = [box for box in boxes(root) if box[0]]
    for text, left, top, right, bottom in placed:
        assert left >= 0, text
        assert top >= 0, text
        assert right <= width, text
        assert bottom <= height, text
    for one, other in itertools.combinations(placed, 2):
        apart = one[3] <= other[1] or other[3] <= one[1] or one[4] <= other[2] or other[4] <= one[2]
        assert apart, f"{one[0]!r} lies on {other[0]!r}"


def test_it_is_a_picture_that_scales() -> None:
    root = drawn(a_chart(ChartSeries("create", [1] * 30)), 1000, 400)
    assert root.tag == f"{SVG}svg"
    assert (root.get("width"), root.get("height")) == ("1000", "400")
    assert root.get("viewBox") == "0 0 1000 400"


def test_a_screen_reader_is_told_what_is_seen() -> None:
    counts = [10] * 29 + [1240]
    chart = a_chart(
        ChartSeries("create", counts, expected=[10.4] * 30, spikes=[29]), note="incomplete data"
    )
    root = drawn(chart)
    assert root.get("role") == "img"
    assert [child.tag for child in root][:2] == [f"{SVG}title", f"{SVG}desc"]
    assert root.findtext(f"{SVG}title") == "Operations in Contoso"
    assert description(root) == (
        "Note: incomplete data. "
        "Line chart of events per day, 24 Oct to 22 Nov 2026, UTC. "
        "create: 1,530 in all, at most 1,240 (22 Nov). "
        "Spikes: create 22 Nov: 1,240, expected 10."
    )


def test_a_person_sees_title_unit_window_axes_and_totals() -> None:
    root = drawn(a_chart(ChartSeries("create", [400] * 30), ChartSeries("delete", [7] * 30)))
    seen = texts(root)
    assert "Operations in Contoso" in seen
    assert "events per day · 24 Oct to 22 Nov 2026, UTC" in seen
    assert [text for text in seen if text.isdigit()][:5] == ["0", "100", "200", "300", "400"]
    assert {"26 Oct", "2 Nov", "9 Nov", "16 Nov"} <= set(seen)
    assert legend_rows(root) == [("create", "12k"), ("delete", "210")]


def test_a_note_is_shown_beside_the_title() -> None:
    root = drawn(a_chart(ChartSeries("create", [1] * 30), note="incomplete data"))
    assert "incomplete data" in texts(root)


def test_nothing_runs_and_nothing_is_fetched() -> None:
    svg = render_chart(a_chart(ChartSeries("create", [1, 9, 1], spikes=[1]), bins=3))
    root = parsed(svg)
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
        *("svg", "title", "desc", "style", "rect", "path", "text", "g")
    }
    attributes = {name for element in root.iter() for name in element.attrib}
    assert not {name for name in attributes if name.startswith("on") or "href" in name}
    assert not re.search(r"url\(|@import|@font-face|expression", svg)
    assert svg.count("://") == 1, "the namespace, and no other address"


def test_style_stays_inside_the_picture() -> None:
    root = drawn(a_chart(ChartSeries("create", [1] * 30)))
    style = root.findtext(f"{SVG}style") or ""
    selectors = re.findall(r"(?:^|[{},])([^{},@]+)(?=[,{])", re.sub(r"\{[^{}]*\}", "{}", style))
    assert selectors
    assert all(selector.startswith(".insights-chart ") for selector in selectors)


def test_the_same_chart_is_the_same_text() -> None:
    def one() -> str:
        return render_chart(a_chart(ChartSeries("create", range(30), spikes=[29, 3])))

    assert one() == one()


@pytest.mark.parametrize("count", [1, 7, 8])
def test_up_to_eight_series_are_drawn_each_with_its_own_mark(count: int) -> None:
    root = drawn(a_chart(*(ChartSeries(f"series {n}", [n] * 30) for n in range(count))))
    assert [name for name, _ in legend_rows(root)] == [f"series {n}" for n in range(count)]
    marks = [
        re.sub(r"^M[\d.]+,[\d.]+", "", mark)
        for row in root.iter(f"{SVG}g")
        for mark in paths(row, "mark")
    ]
    assert marks == list(MARKS[:count])
    styles = [line.get("class") for row in root.iter(f"{SVG}g") for line in of_class(row, "line")]
    assert len(set(styles)) == count


def test_further_series_are_added_up_into_one() -> None:
    root = drawn(a_chart(*(ChartSeries(f"series {n}", [100 - n] * 30) for n in range(11))))
    rows = legend_rows(root)
    assert [name for name, _ in rows[:8]] == [f"series {n}" for n in range(8)]
    assert rows[8:] == [("other (3 more)", f"{(92 + 91 + 90) * 30:,}")]
    assert "other (3 more): 8,190 in all" in description(root)


def test_a_series_with_a_spike_is_never_added_up_before_a_calm_one() -> None:
    calm = [ChartSeries(f"calm {n}", [1000] * 30) for n in range(10)]
    spiking = ChartSeries("small", [1] * 29 + [90], spikes=[29])
    root = drawn(a_chart(*calm, spiking))
    assert [name for name, _ in legend_rows(root)][-2:] == ["small", "other (3 more)"]
    assert "90 · 22 Nov" in texts(root)


def test_spikes_are_ringed_where_they_are_and_the_largest_are_labelled() -> None:
    counts = [10] * 30
    spikes = {3: 500, 9: 700, 15: 900, 20: 300, 25: 400, 29: 600}
    for index, count in spikes.items():
        counts[index] = count
    root = drawn(a_chart(ChartSeries("update", counts, spikes=list(spikes))))
    titles = [ring.findtext(f"{SVG}title") for ring in of_class(root, "ring")]
    assert titles == [
        "update 8 Nov: 900",
        "update 2 Nov: 700",
        "update 22 Nov: 600",
        "update 27 Oct: 500",
        "update 18 Nov: 400",
        "update 13 Nov: 300",
        None,
    ], "one for each, largest first, then the one in the legend"
    labels = [label.text for label in of_class(root, "label")]
    assert labels == ["900 · 8 Nov", "700 · 2 Nov", "600 · 22 Nov", "500 · 27 Oct"]
    line = paths(root, "line")[0]
    for ring in paths(root, "ring")[:-1]:
        start = re.match(r"M([\d.]+,[\d.]+)", ring)
        assert start
        assert start[1] in line


def test_a_drop_is_called_a_drop() -> None:
    counts = [400] * 28 + [0, 400]
    root = drawn(a_chart(ChartSeries("update", counts, expected=[400.0] * 30, spikes=[28])))
    assert "spike or drop" in texts(root)
    assert "Spikes: update 21 Nov: 0, expected 400." in description(root)


def test_rings_are_bounded_and_the_legend_says_so() -> None:
    chart = a_chart(ChartSeries("u", range(200), spikes=range(100)), bins=200, width=HOUR)
    root = drawn(chart)
    assert len(of_class(root, "ring")) == 51
    assert "spike (50 of 100)" in texts(root)
    assert "; and 90 more." in description(root)


def test_what_was_expected_of_a_single_series_is_drawn() -> None:
    series = ChartSeries("update", [5] * 30, expected=[4.0] * 30, upper=[9.5] * 30)
    root = drawn(a_chart(series))
    assert of_class(root, "expected")
    assert len(paths(root, "area")) == 1
    assert {"expected", "usual range"} <= set(texts(root))
    limit_only = drawn(a_chart(ChartSeries("update", [5] * 30, upper=[9.5] * 30)))
    assert not of_class(limit_only, "area")
    crowd = drawn(a_chart(series, ChartSeries("create", [1] * 30)))
    assert not of_class(crowd, "expected")
    assert "expected" not in texts(crowd)


def test_unknown_and_infinite_levels_leave_a_gap() -> None:
    expected = [None, 4.0, 4.0, float("nan"), 4.0, float("inf")]
    upper = [9.0, 9.0, float("inf"), 9.0, 9.0, 9.0]
    chart = a_chart(ChartSeries("update", [5] * 6, expected, upper), bins=6)
    root = drawn(chart)
    assert paths(root, "expected")[0].count("M") == 2
    assert paths(root, "area")[0].count("M") == 2
    assert not re.search(r"\b(nan|inf)\b", ET.tostring(root, encoding="unicode"))


def test_a_limit_far_above_the_counts_does_not_press_them_flat() -> None:
    chart = a_chart(ChartSeries("update", [50] * 30, [40.0] * 30, [100_000.0] * 30))
    assert "100" not in texts(drawn(chart))
    assert "60" in texts(drawn(chart))


@pytest.mark.parametrize(
    "chart",
    [
        Chart("Nothing", "events per day", [], DAY, []),
        Chart("Nothing", "events per day", [], DAY, [ChartSeries("create", [])]),
        a_chart(),
        a_chart(ChartSeries("create", [0] * 30), ChartSeries("update", [0] * 30)),
        a_chart(ChartSeries("create", [0] * 30, [40.0] * 30, [90.0] * 30, [29])),
    ],
)
def test_an_empty_window_says_so(chart: Chart) -> None:
    root = drawn(chart)
    assert texts(root).count("No events in this window") == 1
    assert "No events in this window." in description(root)
    assert_legible(root, 800, 300)


def test_a_single_bin_is_seen() -> None:
    root = drawn(a_chart(ChartSeries("create", [12], [9.0], [15.0], [0]), bins=1))
    assert len(paths(root, "mark")) == 3, "the point, in its ring, and in the legend"
    assert "12 · 22 Nov" in texts(root)
    assert "22 Nov" in texts(root)


def test_two_thousand_bins_of_eight_series_stay_small() -> None:
    chart = a_chart(
        *(
            ChartSeries(f"series {n}", [(index * 7919 * (n + 1)) % 1009 for index in range(2000)])
            for n in range(8)
        ),
        bins=2000,
        width=HOUR,
    )
    assert len(render_chart(chart)) < 250_000


def test_a_level_stretch_costs_two_points() -> None:
    chart = a_chart(ChartSeries("rare", [0] * 1000 + [1] + [0] * 999), bins=2000, width=HOUR)
    assert paths(drawn(chart), "line")[0].count("L") == 4


@pytest.mark.parametrize(("width", "height"), [(479, 300), (800, 239)])
def test_a_chart_too_small_to_read_is_refused(width: int, height: int) -> None:
    with pytest.raises(ValueError, match="at least 480"):
        render_chart(a_chart(), width, height)


@pytest.mark.parametrize(
    "series",
    [
        ChartSeries("short", [1, 2]),
        ChartSeries("short", [1, 2, 3], expected=[1.0]),
        ChartSeries("short", [1, 2, 3], upper=[1.0]),
        ChartSeries("outside", [1, 2, 3], spikes=[3]),
        ChartSeries("outside", [1, 2, 3], spikes=[-1]),
    ],
)
def test_series_that_do_not_fit_the_bins_are_refused(series: ChartSeries) -> None:
    with pytest.raises(ValueError, match="3 bins"):
        a_chart(series, bins=3)


@pytest.mark.parametrize(
    "name",
    [
        '"><script>alert(1)</script>',
        "]]>&amp;&#0;",
        "a\x00b\x1b[31m\ud800\ufffe",
        "مزامنة المستخدمين",
        "\u202egnp.exe",
        "n" * 200,
    ],
)
def test_names_cannot_break_the_picture(name: str) -> None:
    chart = Chart(name, name, [END], DAY, [ChartSeries(name, [3], spikes=[0])], note=name)
    root = drawn(chart)
    assert_legible(root, 800, 300)
    assert [row.findtext(f"{SVG}title") for row in root.iter(f"{SVG}g")] == [
        root.findtext(f"{SVG}title")
    ], "the full name is there, however short the label"


def test_a_series_without_a_name_is_not_a_blank() -> None:
    assert legend_rows(drawn(a_chart(ChartSeries("", [1] * 30)))) == [("(no name)", "30")]


NAMES = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=60),
    st.sampled_from(["EntryExportUpdate", "W" * 200, "名" * 200, "</text>", "مزامنة"]),
)
LEVELS = st.one_of(st.none(), st.floats())


@st.composite
def charts(draw: st.DrawFn) -> Chart:
    bins = draw(st.integers(0, 40))
    width = draw(st.sampled_from([timedelta(minutes=5), HOUR, 6 * HOUR, DAY, 7 * DAY]))
    highest = draw(st.sampled_from([0, 1, 9, 1_200, 1_200_000, 2**63 - 1]))
    end = draw(st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)))

    series = [
        ChartSeries(
            draw(NAMES),
            draw(st.lists(st.integers(0, highest), min_size=bins, max_size=bins)),
            draw(st.none() | st.lists(LEVELS, min_size=bins, max_size=bins)),
            draw(st.none() | st.lists(LEVELS, min_size=bins, max_size=bins)),
            draw(st.lists(st.integers(0, bins - 1), max_size=5)) if bins else (),
        )
        for _ in range(draw(st.sampled_from([0, 1, 1, 2, 8, 12])))
    ]
    starts = [end - (bins - 1 - index) * width for index in range(bins)]
    return Chart(draw(NAMES), "events per day", starts, width, series, draw(st.none() | NAMES))


@settings(deadline=None, max_examples=60)
@given(chart=charts(), size=st.sampled_from([(480, 240), (800, 300), (1600, 600)]))
def test_whatever_is_counted_the_picture_is_well_formed_and_no_text_lies_on_another(
    chart: Chart, size: tuple[int, int]
) -> None:
    assert_legible(drawn(chart, *size), *size)
