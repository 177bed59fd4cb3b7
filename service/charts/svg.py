"""Text and elements of SVG: whatever a name holds, the picture stays well-formed and in its lines.

Escaping is done by `xml.etree`, which everything is built with; characters that XML cannot hold
are taken out here.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import accumulate
from xml.etree import ElementTree as ET

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufdcf\ufdf0-\ufffd\U00010000-\U0010ffff]")
# Marks that turn the direction of what follows: alone they garble a label or fake a name.
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")
_SPACE = re.compile(r"[\s\u007f-\u009f]+")

# Widths in ems of wide system fonts (DejaVu Sans, Verdana), so that text fits in narrower ones.
_NARROW = frozenset("fijlrtI.,:;'|!()[]{}/\\ -·")
_WIDE = frozenset("mwMW@%&…—")
_BOLD = 1.12


def clean(text: str) -> str:
    """The text on one line, without characters that XML forbids or that turn its direction."""
    return _SPACE.sub(" ", _TURNS.sub("", _NOT_XML.sub("", text))).strip()


def text_width(text: str, size: float, bold: bool = False) -> float:
    """A careful estimate of how wide the text is at a font size, in the size's unit."""
    return size * sum(map(_ems, text)) * (_BOLD if bold else 1)


def fit(text: str, width: float, size: float, bold: bool = False) -> str:
    """The text, or its beginning with an ellipsis, so that it is at most `width` wide."""
    if bold:
        width /= _BOLD
    if text_width(text, size) <= width:
        return text
    room = width - text_width("…", size)
    kept = sum(end <= room for end in accumulate(size * _ems(character) for character in text))
    return text[:kept].rstrip() + "…"


def add(
    parent: ET.Element, tag: str, /, text: str | None = None, **attributes: str | float
) -> ET.Element:
    """A new last child; numbers are rounded to a tenth, `_` in names stands for `-`."""
    child = ET.SubElement(
        parent,
        tag,
        {
            name.strip("_").replace("_", "-"): value if isinstance(value, str) else number(value)
            for name, value in attributes.items()
        },
    )
    child.text = text
    return child


def number(value: float) -> str:
    """A coordinate, rounded to a tenth and as short as that goes."""
    return f"{value:.1f}".removesuffix(".0")


def _ems(character: str) -> float:
    if unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    if unicodedata.east_asian_width(character) in "WF":
        return 1.05
    if character in _NARROW:
        return 0.38
    if character in _WIDE:
        return 0.98
    return 0.72 if character.isupper() else 0.64
