"""Write the OpenAPI document, or the JSON Schema of the settings, to standard output."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace

import yaml

from service.app import openapi_document
from service.settings import settings_schema


def configure(parser: ArgumentParser) -> None:
    """Declares `[--settings]`."""
    parser.add_argument(
        "--settings",
        action="store_true",
        help="the JSON Schema of the configuration file instead",
    )


def run(arguments: Namespace) -> None:
    """Writes YAML, or for the settings JSON."""
    if arguments.settings:
        sys.stdout.write(json.dumps(settings_schema(), indent=2) + "\n")
    else:
        yaml.safe_dump(openapi_document(), sys.stdout, sort_keys=False, allow_unicode=True)
