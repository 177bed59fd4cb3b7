"""The house's rule: text of a query is put together by this package and nowhere else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import service

_SERVICE = Path(service.__file__).parent
_OWN = _SERVICE / "kql"


def _calls(name: str) -> Iterator[tuple[str, ast.Call]]:
    for path in sorted(_SERVICE.rglob("*.py")):
        if not path.is_relative_to(_OWN):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == name:
                    yield f"{path.relative_to(_SERVICE)}:{node.lineno}", node


def test_only_templates_and_pipes_make_a_query() -> None:
    assert [place for place, _ in _calls("Kql")] == []


def test_the_text_of_a_template_is_not_computed() -> None:
    computed = [
        place
        for place, call in _calls("Template")
        if not all(
            isinstance(argument, ast.Constant | ast.Name | ast.Attribute) for argument in call.args
        )
    ]
    assert computed == []
