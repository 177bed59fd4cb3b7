"""Find out what keeps the service from its logs: every step to the workspace, checked in words."""

from __future__ import annotations

import asyncio
import sys
from argparse import ArgumentParser, Namespace
from dataclasses import asdict

import orjson

from service.cli.command import CommandError, UsageError
from service.cli.serve import declare_sources, opened_workspace, settings_of
from service.doctor import Finding, examine, settings_refused
from service.settings import Settings
from service.times import utc_now
from service.workspace.protocol import Workspace


def configure(parser: ArgumentParser) -> None:
    """Declares the sources as `serve` does, and `--json`."""
    declare_sources(parser)
    parser.add_argument("--json", action="store_true", help="write the findings as JSON")


def run(arguments: Namespace) -> None:
    """Writes a line for every check; `CommandError` if one failed."""
    try:
        findings = _examined(settings_of(arguments))
    except (UsageError, CommandError) as error:
        findings = settings_refused(str(error))
    failed = [finding.check for finding in findings if finding.status == "failed"]
    sys.stdout.write(_json(findings) if arguments.json else _table(findings))
    if failed:
        number = f"{len(failed)} checks" if len(failed) > 1 else "1 check"
        raise CommandError(f"{number} failed, beginning with {failed[0]}; see above.")


def _examined(settings: Settings) -> list[Finding]:
    with opened_workspace(settings) as workspace:
        return asyncio.run(_examine(workspace, settings))


async def _examine(workspace: Workspace, settings: Settings) -> list[Finding]:
    try:
        return await examine(workspace, settings, now=utc_now)
    finally:
        await workspace.close()


def _json(findings: list[Finding]) -> str:
    document = {
        "ok": all(finding.status != "failed" for finding in findings),
        "checks": [asdict(finding) for finding in findings],
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode() + "\n"


def _table(findings: list[Finding]) -> str:
    return "".join(f"{item.status:15}{item.check:12}{item.detail}\n" for item in findings)
