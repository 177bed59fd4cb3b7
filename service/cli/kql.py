"""Write the KQL of an insight, as the service would send it, to standard output."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from typing import Any, get_origin

from pydantic import ValidationError

from service.api.insight_routes import all_parameters_of
from service.api.parameters import (
    options_of,
    resolve_window,
)
from service.api.problems import Problem
from service.cli.command import UsageError
from service.insights.asking import sliced
from service.insights.catalogue import INSIGHTS
from service.insights.insight import Insight
from service.insights.question import Question
from service.settings import Settings
from service.table import TableSchema
from service.times import utc_now

_NOT_HERE = ("app", "format", "limit", "cursor")
"""They say nothing about a query; which jobs an application has, only a workspace knows."""


def configure(parser: ArgumentParser) -> None:
    """Declares `NAME` and, for each, the parameters of its route."""
    names = parser.add_subparsers(metavar="NAME", required=True, parser_class=type(parser))
    for insight in INSIGHTS.values():
        one = names.add_parser(insight.name, help=insight.title, description=insight.description)
        for name, field in all_parameters_of(insight).model_fields.items():
            if name not in _NOT_HERE:
                one.add_argument(
                    f"--{(field.alias or name).replace('_', '-')}",
                    dest=field.alias or name,
                    action="append" if get_origin(field.annotation) is list else "store",
                    help=(field.description or "").replace("%", "%%"),
                )
        one.set_defaults(insight=insight)


def run(arguments: Namespace) -> None:
    """Writes the queries, one after the other."""
    insight: Insight[Any, Any] = arguments.insight
    model = all_parameters_of(insight)
    names = {field.alias or name for name, field in model.model_fields.items()}
    given = {
        name: value
        for name, value in vars(arguments).items()
        if name in names and value is not None
    }
    now = utc_now()
    try:
        parameters = model.model_validate(given)
        settings = Settings()
        resolved = resolve_window(
            parameters,
            insight.default_window,
            now,
            max_window=settings.max_window,
            retention=settings.retention,
        )
    except ValidationError as error:
        fault = error.errors()[0]
        message = fault["msg"].removeprefix("Value error, ")
        raise UsageError(f"--{str(fault['loc'][0]).replace('_', '-')}: {message}") from None
    except Problem as problem:
        raise UsageError(f"--{problem.detail.rstrip('.')}") from None
    filters = parameters.filters()
    question = Question(resolved.window, now, filters)
    queries = insight.queries(question, options_of(parameters), TableSchema())
    texts = [
        (sliced(query.kql, filters.jobs, insight) if filters.jobs else query.kql).text
        for query in queries
    ]
    sys.stdout.write("\n\n".join(texts) + "\n")
