"""Tokens as a tree of brackets, for those who need to know what belongs together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from service.kql.tokens import Token

_CLOSING = {"(": ")", "[": "]", "{": "}"}
_MAX_DEPTH = 50


class BracketError(ValueError):
    """Brackets that do not match or nest too deeply, at a place in the text."""

    def __init__(self, message: str, start: int) -> None:
        super().__init__(message)
        self.start = start


@dataclass(frozen=True, slots=True)
class Group:
    """A pair of brackets and all that stands between them."""

    opening: Token
    items: tuple[Item, ...]

    @property
    def start(self) -> int:
        return self.opening.start


Item: TypeAlias = Token | Group


def grouped(tokens: Sequence[Token]) -> list[Item]:
    """The tokens with each pair of brackets folded into a `Group`.

    Raises `BracketError` for brackets that do not match or nest more than 50 deep.
    """
    levels: list[list[Item]] = [[]]
    openings: list[Token] = []
    for token in tokens:
        if token.text in _CLOSING:
            openings.append(token)
            levels.append([])
            if len(openings) > _MAX_DEPTH:
                raise BracketError(f"nest brackets at most {_MAX_DEPTH} deep", token.start)
        elif token.text in _CLOSING.values():
            if not openings or _CLOSING[openings[-1].text] != token.text:
                raise BracketError(f"this {token.text} closes nothing", token.start)
            group = Group(openings.pop(), tuple(levels.pop()))
            levels[-1].append(group)
        else:
            levels[-1].append(token)
    if openings:
        raise BracketError(f"this {openings[-1].text} is not closed", openings[-1].start)
    return levels[0]


def split(items: Sequence[Item], separator: str) -> list[list[Item]]:
    """The parts between the separators that stand outside of all brackets; at least one part."""
    parts: list[list[Item]] = [[]]
    for item in items:
        if isinstance(item, Token) and item.text == separator:
            parts.append([])
        else:
            parts[-1].append(item)
    return parts


def word(items: Sequence[Item]) -> str:
    """The text of the first item if it is a name, else the empty string."""
    first = items[0] if items else None
    return first.text if isinstance(first, Token) and first.kind == "name" else ""
