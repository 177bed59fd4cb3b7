"""Writes the dashboards as Grafana loads them: `python -m grafana.building`."""

from __future__ import annotations

from pathlib import Path

from grafana.building.dashboards import FOLDER, dashboards

if __name__ == "__main__":
    for name, text in dashboards().items():
        Path(FOLDER, name).write_text(text, "utf-8")
