"""Whether a text is one query, on known tables only, that reaches for nothing else.

Meant for questions that people write themselves. It knows what it allows and refuses everything
else, so a query that passes may still be wrong, but it reads only these tables. What it cannot
see is the inside of functions that a workspace defines itself.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import NoReturn

from service.kql.brackets import BracketError, Group, Item, grouped, split, word
from service.kql.literals import string_value
from service.kql.tokens import KqlError, Token, position, significant, tokenize


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_OPERATORS = _words(
    "count distinct extend filter getschema join limit lookup make-series mv-apply mv-expand order "
    "parse parse-kv parse-where project project-away project-keep project-rename project-reorder "
    "render sample sample-distinct serialize sort summarize take top top-hitters top-nested union "
    "where"
)
_STATEMENTS = _words("alias declare pattern restrict set")
_QUERY_FUNCTIONS = _words("materialize toscalar totable")
_QUERY_WORDS = _words("evaluate externaldata find invoke print search union")
_MEMBERSHIP = _words("in has_any has_all")
_REACHING = _words(
    "adx app arg cluster database entity_group external_table externaldata graph "
    "inline_external_table materialized_view resource stored_query_result table workspace"
)

# The words that an expression without columns may hold: operators between values.
_EXPRESSION_WORDS = _words(
    "and between contains contains_cs endswith endswith_cs false has has_all has_any has_cs "
    "hasprefix hasprefix_cs hassuffix hassuffix_cs in matches null or regex startswith "
    "startswith_cs true typeof"
)
_PUNCTUATION = _words(". .. , : ; = == => =~ != !~ <= >= <> < > ! ~ + - * / % | ( ) [ ] { }")
_TYPES = _words(
    "bool date datetime decimal double guid int int32 int64 long real time timespan typeof "
    "uniqueid uuid"
)
# What a typed literal may hold is text to one engine and tokens to the other.
_ODD_LITERAL = re.compile(r"""["'`~{}\[\]]|//|\(.*\(""")


class KqlRejected(KqlError):
    """A query that may not be asked. The message says what is allowed instead."""


def check_query(text: str, tables: Collection[str]) -> None:
    """Raises `KqlRejected` unless the text is one query that reads only the given tables.

    Allowed are `let` statements that bind a value or a query, then one pipeline of the usual
    operators, with `join`, `lookup`, `union`, `in (…)`, `toscalar` and `materialize` over the given
    tables and the names bound by `let`. Raises `KqlError` for a string literal that does not end.
    """
    _Check(text, tables).statements()


class _Check:
    def __init__(self, text: str, tables: Collection[str]) -> None:
        self._text = text
        self._tables = ", ".join(sorted(tables))
        self._known = set(tables)

    def statements(self) -> None:
        tokens = significant(tokenize(self._text))
        for token, following in zip(tokens, [*tokens[1:], None], strict=False):
            self._spelling(token, following)
        *bindings, query = split(self._grouped(tokens), ";")
        if not query and bindings:
            query = bindings.pop()
        for binding in bindings:
            self._binding(binding)
        if word(query[:1]) in _STATEMENTS | {"let"}:
            self._reject("end with a query; only let statements may stand before it", query)
        self._query(query)

    def _spelling(self, token: Token, following: Token | None) -> None:
        """Refuses what the engines may cut into other tokens than we do."""
        typed = token.text in _TYPES and following is not None and following.text == "("
        if (token.kind == "literal" and _ODD_LITERAL.search(token.text)) or (
            typed and following is not None and following.start == token.end
        ):
            self._reject("write a typed literal on one line, without quotes or brackets", [token])
        if token.kind == "punctuation" and token.text not in _PUNCTUATION:
            self._reject("this character has no place in a query outside of strings", [token])

    def _grouped(self, tokens: list[Token]) -> list[Item]:
        try:
            return grouped(tokens)
        except BracketError as error:
            raise KqlRejected(str(error), *position(self._text, error.start)) from None

    def _binding(self, items: Sequence[Item]) -> None:
        name = word(items[1:2])
        if word(items[:1]) != "let" or not name or _text(items[2:3]) != "=":
            self._reject("write one query; before it only statements such as let x = 5;", items)
        self._bound_value(items[3:], items)
        self._known.add(name)

    def _bound_value(self, value: Sequence[Item], binding: Sequence[Item]) -> None:
        value = _unwrapped(value)
        if not value or any(_text([item]) == "{" for item in value):
            self._reject("let binds a value or a query, and no function", binding)
        if _is_query(value) or (_name(value) and word(value) not in _EXPRESSION_WORDS):
            self._query(value)
        else:
            self._expression(value, columns=False)

    def _query(self, items: Sequence[Item]) -> None:
        head, *stages = split(items, "|")
        self._head(head)
        for stage in stages:
            self._stage(stage)

    def _head(self, head: Sequence[Item]) -> None:
        match word(head[:1]), head[1:]:
            case "union", operands:
                self._union(operands)
            case "print", values:
                self._expression(values, columns=False)
            case "range", [Token(kind="name"), *rest]:
                self._expression(rest)
            case "datatable", [Group() as types, Group() as values]:
                self._expression(types.items)
                self._expression(values.items, columns=False)
            case function, [Group() as query] if function in _QUERY_FUNCTIONS:
                self._query(query.items)
            case "", [] if head and _text(head) == "(":
                self._operand(head)
            case _:
                self._table(head)

    def _operand(self, items: Sequence[Item]) -> None:
        if len(items) == 1 and isinstance(items[0], Group) and items[0].opening.text == "(":
            self._query(items[0].items)
        else:
            self._table(items)

    def _table(self, items: Sequence[Item]) -> None:
        if _text(items[:1]) == ".":
            self._reject("control commands are not allowed; write one query", items)
        name = _name(items)
        if name is None or name not in self._known:
            self._reject(
                f"read one of the tables {self._tables}, or a name that let has bound before", items
            )

    def _stage(self, items: Sequence[Item]) -> None:
        operator, rest = _operator(items)
        if operator not in _OPERATORS:
            self._reject(
                f"no operator that is allowed here; use one of {', '.join(sorted(_OPERATORS))}",
                items,
            )
        if operator == "union":
            self._union(rest)
        elif operator in ("join", "lookup"):
            rest = self._without_parameters(rest)
            self._operand(rest[:1])
            if word(rest[1:2]) != "on":
                self._reject(f"{operator} takes one table or a query in brackets, then on", items)
            self._expression(rest[2:])
        elif operator == "mv-apply" and rest and isinstance(rest[-1], Group):
            self._expression(rest[:-1])
            for stage in split(rest[-1].items, "|"):
                self._stage(stage)
        else:
            self._expression(rest)

    def _union(self, items: Sequence[Item]) -> None:
        for operand in split(self._without_parameters(items), ","):
            self._operand(operand)

    def _without_parameters(self, items: Sequence[Item]) -> Sequence[Item]:
        """The items after parameters such as `kind=inner` or `hint.strategy=shuffle`."""
        while word(items[:1]):
            equals = 3 if _text(items[1:2]) == "." else 1
            if _text(items[equals : equals + 1]) != "=":
                break
            if not all(isinstance(item, Token) for item in items[: equals + 2]):
                self._reject("a parameter takes a plain word or value", items)
            items = items[equals + 2 :]
        return items

    def _expression(self, items: Sequence[Item], *, columns: bool = True) -> None:
        for index, item in enumerate(items):
            if isinstance(item, Group):
                self._group(items[:index], item, columns)
            elif item.text == ";":
                self._reject("write one query; only let statements may stand before it", [item])
            elif item.kind == "name" and not columns:
                self._bound_word(items, index)

    def _bound_word(self, items: Sequence[Item], index: int) -> None:
        """Without columns, a name is bound by `let`, calls a function or follows a dot or colon."""
        calls = _text(items[index + 1 : index + 2]) == "("
        part = index > 0 and _text(items[index - 1 : index]) in (".", ":")
        named = _text(items[index + 1 : index + 2]) == "="
        known = self._known | _EXPRESSION_WORDS
        if not (calls or part or named or word(items[index : index + 1]) in known):
            self._reject("use names here that let has bound before", items[index:])

    def _group(self, before: Sequence[Item], group: Group, columns: bool) -> None:
        opening = group.opening.text
        if opening == "{":
            self._reject("braces stand only inside dynamic(…)", [group])
        if opening == "[":
            self._expression(group.items, columns=columns)
            return
        function = word(before[-2:-1]) if _text(before[-1:]) == "~" else word(before[-1:])
        inner: Sequence[Item] = group.items
        if function in _REACHING:
            self._reject(f"{function}(…) reaches outside; read the tables {self._tables}", [group])
        if function == "dynamic":
            self._data(inner)
        elif function in _QUERY_FUNCTIONS or _is_query(inner):
            self._query(inner)
        elif function in _MEMBERSHIP and _name(_unwrapped(inner)):
            self._table(_unwrapped(inner))
        else:
            self._expression(inner, columns=columns)

    def _data(self, items: Sequence[Item]) -> None:
        for item in items:
            if isinstance(item, Group):
                self._data(item.items)
            elif item.kind == "name" and item.text not in ("true", "false", "null", "dynamic"):
                self._reject("dynamic(…) holds data only", [item])

    def _reject(self, message: str, items: Sequence[Item]) -> NoReturn:
        start = items[0].start if items else len(self._text)
        raise KqlRejected(message, *position(self._text, start))


def _text(items: Sequence[Item]) -> str:
    """The text of a first token, the opening bracket of a first group, or nothing."""
    if not items:
        return ""
    return items[0].opening.text if isinstance(items[0], Group) else items[0].text


def _unwrapped(items: Sequence[Item]) -> Sequence[Item]:
    while len(items) == 1 and isinstance(items[0], Group) and items[0].opening.text == "(":
        items = items[0].items
    return items


def _name(items: Sequence[Item]) -> str | None:
    """The name if the items are nothing but one, plain or as `['…']`."""
    if len(items) != 1:
        return None
    match items[0]:
        case Token(kind="name", text=text):
            return text
        case Group(opening=Token(text="["), items=(Token(kind="string", text=text),)):
            return _bracketed_name(text)
        case _:
            return None


def _bracketed_name(text: str) -> str:
    try:
        return string_value(text)
    except ValueError:
        return text


def _operator(items: Sequence[Item]) -> tuple[str, Sequence[Item]]:
    """The operator that leads a stage, `project-away` as one word, and what follows it."""
    name, index = word(items[:1]), 1
    while (
        _text(items[index : index + 1]) == "-"
        and word(items[index + 1 : index + 2])
        and items[index].start == items[0].start + len(name)
    ):
        name, index = f"{name}-{word(items[index + 1 : index + 2])}", index + 2
    return name, items[index:]


def _is_query(items: Sequence[Item]) -> bool:
    """Whether the items can only be a query, whatever stands around them."""
    first = word(items[:1])
    return (
        any(isinstance(item, Token) and item.text == "|" for item in items)
        or (first in _QUERY_WORDS and _text(items[1:2]) != "(")
        or first == "datatable"
        or (first == "range" and bool(word(items[1:2])))
    )
