"""Texts that are nearly packs."""

from __future__ import annotations

from hypothesis import strategies as st

MINE = """\
name: busy-objects
title: Busy objects
description: Which objects are written most?
parameters:
  - name: min_events
    type: long
    default: 2
    minimum: 1
kql: |
  AADProvisioningLogs
  | where TimeGenerated >= {from} and TimeGenerated < {to}
  | where JobId in ({jobs})
  | summarize events = count() by job_id = JobId
  | where events >= {min_events}
  | order by events desc, job_id asc
columns:
  - name: job_id
    type: string
  - name: events
    type: long
metrics:
  - name: busy_events
    help: Events of busy jobs.
    value: events
    labels: [job_id]
rule:
  title: A job is busy
  column: events
  at_least: 100
"""
"""A pack that is right in every part."""

_PIECES = [
    *MINE.splitlines(keepends=True),
    "name: x\n", "  ", "- ", "{", "}", "[", "]", ": ", "|\n", ">\n", "'", '"', "&a ", "*a", "!!int",
    "!!timestamp x", "!!binary ", "<<: ", "? ", "---\n", "...\n", "%YAML 9\n", "# ", "\t", "\x00",
    "\ufeff", "\u2028", "\U0001f331", "2026-13-45", "9" * 30, "1e999", ".nan", "-.inf", "0o17",
    "~", "{jobs}", "{nothing}", "{from:string}", "{events}", "{x:query}", ".drop table T", "; T",
    "//", "'{jobs}'", "null", "true", "min_events", "kql: |2\n", "type: strings\n", "enum: []\n",
]  # fmt: skip


def _mixed(pieces: list[str], at: list[int]) -> str:
    lines = MINE.splitlines(keepends=True)
    for piece, place in zip(pieces, at, strict=False):
        lines[place % len(lines)] = piece
    return "".join(lines)


pack_texts = st.one_of(
    st.lists(st.sampled_from(_PIECES), max_size=25).map("".join),
    st.builds(
        _mixed,
        st.lists(st.one_of(st.sampled_from(_PIECES), st.text(max_size=20)), min_size=1, max_size=4),
        st.lists(st.integers(0, 100), min_size=1, max_size=4),
    ),
)
