import re
from itertools import pairwise

import pytest

from service.charts.style import MARKS, MOST_SERIES, STYLE

LIGHT, DARK = STYLE.split("@media screen and (prefers-color-scheme:dark)")


def colour(style: str, selector: str) -> str:
    rule = re.search(re.escape(f".insights-chart {selector}") + r"[^{}]*\{[a-z]+:(#\w{6})\}", style)
    assert rule, selector
    return rule[1]


def luminance(hexadecimal: str) -> float:
    """Relative luminance after WCAG 2."""
    parts = (int(hexadecimal[start : start + 2], 16) / 255 for start in (1, 3, 5))
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("style", [LIGHT, DARK], ids=["light", "dark"])
def test_words_and_lines_stand_out_from_the_background(style: str) -> None:
    paper = colour(style, ".paper")
    for words in ("text", ".quiet", ".warning"):
        assert contrast(paper, colour(style, words)) >= 4.5, words
    for line in (*(f".line.s{place}" for place in range(MOST_SERIES)), ".line.other"):
        assert contrast(paper, colour(style, line)) >= 3, line


@pytest.mark.parametrize("style", [LIGHT, DARK], ids=["light", "dark"])
def test_neighbours_in_the_legend_differ_in_grey_too(style: str) -> None:
    hues = [colour(style, f".line.s{place}") for place in range(MOST_SERIES)]
    for one, other in pairwise(hues):
        assert contrast(one, other) >= 1.25, (one, other)


def test_a_dark_screen_does_not_darken_a_print() -> None:
    assert luminance(colour(LIGHT, ".paper")) > 0.9 > 0.1 > luminance(colour(DARK, ".paper"))
    assert "@media" not in LIGHT


def test_each_series_has_a_mark_of_its_own() -> None:
    assert len(set(MARKS)) == MOST_SERIES
