import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.charts.svg import add, clean, fit, number, text_width

ANYTHING = st.text(st.characters(exclude_categories=()), max_size=200)


@given(text=ANYTHING)
def test_cleaned_text_survives_xml_unchanged(text: str) -> None:
    element = ET.Element("text")
    element.text = clean(text)
    again = ET.fromstring(ET.tostring(element, encoding="utf-8"))
    assert (again.text or "") == clean(text)


@given(text=ANYTHING)
def test_cleaned_text_is_one_line_and_cannot_turn_its_direction(text: str) -> None:
    assert not re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]", clean(text))
    assert clean(clean(text)) == clean(text)


@pytest.mark.parametrize("name", ["مزامنة", "名前", "Zoë & <Anna> \"x\" 'y'", "👩‍👩‍👧"])
def test_names_of_every_alphabet_are_kept(name: str) -> None:
    assert clean(name) == name


@given(text=ANYTHING, width=st.floats(40, 500), size=st.floats(8, 20), bold=st.booleans())
def test_fitted_text_is_no_wider_than_its_room(
    text: str, width: float, size: float, bold: bool
) -> None:
    fitted = fit(text, width, size, bold)
    assert text_width(fitted, size, bold) <= width + 1e-6
    assert fitted == text or (fitted.endswith("…") and text.startswith(fitted[:-1]))


def test_text_is_shortened_only_where_it_must_be() -> None:
    name = "EntryExportUpdate"
    room = text_width(name, 12)
    assert fit(name, room, 12) == name
    assert fit(name, room - 1, 12) == "EntryExportUpd…"


@pytest.mark.parametrize(
    ("value", "text"), [(1, "1"), (1.04, "1"), (1.05001, "1.1"), (120.0, "120"), (-3.25001, "-3.3")]
)
def test_coordinates_are_short(value: float, text: str) -> None:
    assert number(value) == text


def test_attribute_names_and_values_are_written_as_svg_has_them() -> None:
    root = ET.Element("svg")
    add(root, "text", "<&>", class_='a"b', text_anchor="end", x=1.26)
    assert ET.tostring(root, encoding="unicode") == (
        '<svg><text class="a&quot;b" text-anchor="end" x="1.3">&lt;&amp;&gt;</text></svg>'
    )
