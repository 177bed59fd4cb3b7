"""KQL with named, typed holes: the only way a value enters a query.

FAILURES = Template('''
{events:query}
| where ResultType == "Failure"
| summarize Events = count() by JobId, ResultSignature
''')
FAILURES.fill(events=pipe(EVENTS.fill(start=start, end=end), ONE_JOB.fill(job=job)))
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, cast

from service.kql.literals import LITERAL_KINDS, LiteralKind, literal
from service.kql.tokens import KqlError, Token, position, significant, tokenize

HoleKind = LiteralKind | Literal["query"]

_KINDS = LITERAL_KINDS | {"query"}
_HOLE_TEXT = re.compile(r"\{([A-Za-z_][0-9A-Za-z_]*)(?::([A-Za-z_]+))?\}")

# `..` is in neither: `5..9` without spaces is a number and an odd rest to one of the engines.
_BEFORE_HOLE = frozenset("([,=<>+-*/|;") | {"==", "!=", "=~", "!~", "<=", ">=", "<>"}
_AFTER_HOLE = frozenset(")],;|")
_BEFORE_QUERY = (None, "(", ";", "=")
_AFTER_QUERY = (None, ")", ";", "|")


@dataclass(frozen=True)
class Kql:
    """Text of a query, or of stages of one, as `Template.fill` and `pipe` make it."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class _Hole:
    name: str
    kind: HoleKind
    start: int
    end: int
    leads: bool


class Template:
    """KQL text with holes such as `{start:datetime}` or `{jobs:strings}`.

    A hole stands for a whole literal, or for a whole query where its kind is `query`, never for a
    part of a string, comment, name or number. `kinds` declares the kinds of holes that are written
    without one, `{start}`; when it is given, a `{name}` that it does not declare is an error.

    Raises `KqlError` where a hole stands in the wrong place or has no known kind.
    """

    def __init__(self, text: str, kinds: Mapping[str, HoleKind] | None = None) -> None:
        self.text = text
        self._declared = kinds
        self._holes = self._find_holes()
        kinds_by_name: dict[str, HoleKind] = {}
        for hole in self._holes:
            if kinds_by_name.setdefault(hole.name, hole.kind) != hole.kind:
                raise self._error(f"{{{hole.name}}} has two kinds; give it one", hole.start)
        self.holes: Mapping[str, HoleKind] = MappingProxyType(kinds_by_name)

    def __repr__(self) -> str:
        return f"Template({self.text!r})"

    def fill(self, /, **values: object) -> Kql:
        """The text with every hole filled; a hole that occurs twice gets its value twice.

        Raises `TypeError` for a missing or unknown name or a value of the wrong type, `ValueError`
        for a value that its kind cannot hold; both name the hole.
        """
        if missing := [name for name in self.holes if name not in values]:
            raise TypeError(f"no value for {_listed(missing)}")
        if unknown := [name for name in values if name not in self.holes]:
            raise TypeError(f"the template has no hole {_listed(unknown)}")
        pieces: list[str] = []
        end = 0
        for hole in self._holes:
            pieces += self.text[end : hole.start], _filled(hole, values[hole.name])
            end = hole.end
        return Kql("".join([*pieces, self.text[end:]]).strip())

    def _find_holes(self) -> list[_Hole]:
        tokens = tokenize(self.text)
        for token in tokens:
            if token.kind in ("string", "comment", "literal"):
                self._refuse_hole_inside(token)
        holes: list[_Hole] = []
        for index, token in enumerate(tokens):
            width = _hole_width(tokens, index)
            if width and (kind := self._kind(token.start, tokens[index : index + width])):
                before, after = tokens[:index], tokens[index + width :]
                self._check_neighbours(kind, token, before, after)
                holes.append(
                    _Hole(
                        tokens[index + 1].text,
                        kind,
                        token.start,
                        tokens[index + width - 1].end,
                        leads=not significant(before),
                    )
                )
        return holes

    def _kind(self, start: int, tokens: list[Token]) -> HoleKind | None:
        name = tokens[1].text
        if len(tokens) == 5:
            kind = tokens[3].text
        elif self._declared is None:
            return None  # `{name}` is also the body of a KQL function.
        elif name in self._declared:
            kind = self._declared[name]
        else:
            raise self._error(
                f"{{{name}}} is not declared; declared are {_listed(self._declared)}", start
            )
        if kind not in _KINDS:
            raise self._error(
                f"the hole {{{name}}} has no known kind; use one of {_listed(_KINDS)}", start
            )
        return cast(HoleKind, kind)

    def _refuse_hole_inside(self, token: Token) -> None:
        for match in _HOLE_TEXT.finditer(token.text):
            name, kind = match.groups()
            if kind in _KINDS or (kind is None and name in (self._declared or {})):
                raise self._error(
                    f"the hole {{{name}}} stands inside a string, comment or typed literal; "
                    "write it alone, where the whole literal belongs",
                    token.start + match.start(),
                )

    def _check_neighbours(
        self, kind: HoleKind, hole: Token, before: list[Token], after: list[Token]
    ) -> None:
        last = next((token for token in reversed(before) if not token.is_trivia), None)
        following = next((token for token in after if not token.is_trivia), None)
        touched = (
            (last and last.end == hole.start and last.text not in _BEFORE_HOLE)
            or (following and following is after[0] and following.text not in _AFTER_HOLE)
            or any(token and token.kind == "string" for token in (last, following))
            or (last and last.text == "}")
        )
        if touched:
            raise self._error(
                "a hole would merge with the text beside it; put a space or an operator between",
                hole.start,
            )
        around = last and last.text, following and following.text
        if kind == "query" and (around[0] not in _BEFORE_QUERY or around[1] not in _AFTER_QUERY):
            raise self._error("a query needs brackets around it in this place", hole.start)
        if kind in ("strings", "longs") and around == ("(", ")"):
            raise self._error("a list brings its own brackets; leave these out", hole.start)

    def _error(self, message: str, start: int) -> KqlError:
        return KqlError(message, *position(self.text, start))


def pipe(*parts: Kql | None) -> Kql:
    """One pipeline from a query and the stages that follow it, each on lines of its own.

    Stages may begin with `|` or without. `None` and empty parts are left out, so that a filter can
    be optional. Raises `ValueError` if a part after the first has statements of its own (`;`).
    """
    first, *stages = [part.text for part in parts if part and _first(part.text)] or [""]
    for stage in stages:
        if _has_statements(stage):
            raise ValueError("only the first part of a pipeline may have let statements")
    barred = (stage if _first(stage) == "|" else f"| {stage}" for stage in stages)
    return Kql("\n".join([first, *barred]))


def _hole_width(tokens: list[Token], index: int) -> int:
    """How many tokens from here on are a hole: 5 for `{name:kind}`, 3 for `{name}`, else 0."""
    if tokens[index].text != "{":
        return 0
    texts = [token.text for token in tokens[index : index + 5]]
    kinds = [token.kind for token in tokens[index : index + 5]]
    if kinds[1:2] != ["name"]:
        return 0
    if texts[2:3] == [":"] and kinds[3:4] == ["name"] and texts[4:] == ["}"]:
        return 5
    return 3 if texts[2:3] == ["}"] else 0


def _filled(hole: _Hole, value: object) -> str:
    try:
        return _query(value, hole) if hole.kind == "query" else literal(value, hole.kind)
    except TypeError as error:
        raise TypeError(f"{{{hole.name}}}: {error}") from None
    except ValueError as error:
        raise ValueError(f"{{{hole.name}}}: {error}") from None


def _query(value: object, hole: _Hole) -> str:
    if not isinstance(value, Kql):
        raise TypeError(f"expected Kql, not {type(value).__name__}")
    text = value.text
    if _first(text) in (None, "|"):
        raise ValueError("expected a query, not stages of one")
    if not hole.leads and _has_statements(text):
        raise ValueError("a query with let statements may only lead the template")
    # A comment at its end would swallow what follows on the line.
    return text + "\n" if tokenize(text)[-1].kind == "comment" else text


def _first(text: str) -> str | None:
    return next((token.text for token in tokenize(text) if not token.is_trivia), None)


def _has_statements(text: str) -> bool:
    return any(token.text == ";" for token in tokenize(text))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
