"""The control endpoint: what a test does to a simulator in another process.

`GET` and `DELETE /simulator/counts`, `POST` and `DELETE /simulator/plan`, `POST /simulator/revoke`.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Any

import orjson

from tests.simulator.counts import Counts, Meter
from tests.simulator.faults import JSON, Reply
from tests.simulator.plan import Fault, Plan, Rule
from tests.simulator.tokens import Tokens

_OF_FAULT = {field.name for field in dataclasses.fields(Fault)}
_OF_RULE = {field.name for field in dataclasses.fields(Rule)} - {"fault"}


class Control:
    def __init__(self, plan: Plan, meter: Meter, tokens: Tokens) -> None:
        self._plan = plan
        self._meter = meter
        self._tokens = tokens

    def reply(self, method: str, path: str, body: bytes) -> Reply:
        match method, path:
            case "GET", "/simulator/counts":
                return Reply(200, _written(self._meter.snapshot()))
            case "DELETE", "/simulator/counts":
                self._meter.reset()
            case "POST", "/simulator/plan":
                try:
                    self._plan.add(rule_of(orjson.loads(body)))
                except (TypeError, ValueError) as error:
                    return Reply(400, orjson.dumps({"error": str(error)}), JSON)
            case "DELETE", "/simulator/plan":
                self._plan.clear()
            case "POST", "/simulator/revoke":
                self._tokens.revoke()
            case _:
                return Reply(404, b"{}")
        return Reply(204, b"", None)


def counts_of(body: bytes) -> Counts:
    """The counts that `GET /simulator/counts` sent."""
    said = orjson.loads(body)
    statuses = Counter({int(status): times for status, times in said["statuses"].items()})
    return Counts(**{**said, "statuses": statuses, "faults": Counter(said["faults"])})


def _written(counts: Counts) -> bytes:
    statuses = {str(status): times for status, times in counts.statuses.items()}
    return orjson.dumps({**vars(counts), "statuses": statuses, "faults": dict(counts.faults)})


def rule_of(said: dict[str, Any]) -> Rule:
    """A rule from the name of its fault and the fields of both; `ValueError` for unknown ones."""
    if unknown := said.keys() - _OF_FAULT - _OF_RULE:
        known = ", ".join(sorted(_OF_FAULT | _OF_RULE))
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}; there are {known}")
    fault = Fault(**{name: value for name, value in said.items() if name in _OF_FAULT})
    return Rule(fault, **{name: value for name, value in said.items() if name in _OF_RULE})
