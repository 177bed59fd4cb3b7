"""What an answer says of itself where `Prefer` asks for it."""

from __future__ import annotations

from typing import Any

from tests.simulator.logs import Read

_NOTHING = {"hits": 0, "misses": 0, "total": 0}
_NO_BYTES = {"hitbytes": 0, "missbytes": 0, "retrievebytes": 0}


def statistics(seconds: float, read: Read, rows: int) -> dict[str, Any]:
    """The statistics of a query: its time, the rows that it had to read, rows returned.

    What the simulator does not know is 0, as a real workspace writes it for an empty table.
    """
    return {
        "query": {
            "executionTime": seconds,
            "resourceUsage": {
                "cache": {
                    "memory": _NOTHING,
                    "disk": _NOTHING,
                    "shards": {"hot": _NO_BYTES, "cold": _NO_BYTES, "bypassbytes": 0},
                },
                "cpu": {"user": "00:00:00", "kernel": "00:00:00", "totalCpu": "00:00:00"},
                "memory": {"peakPerNode": 0},
                "network": {"interClusterTotalBytes": 0, "crossClusterTotalBytes": 0},
            },
            "inputDatasetStatistics": {
                "extents": {"total": 1, "scanned": 1},
                "rows": {"total": read.in_span, "scanned": read.scanned},
                "rowstores": {"scannedRows": 0, "scannedValuesSize": 0},
                "shards": {"queriesGeneric": 1, "queriesSpecialized": 0},
            },
            "datasetStatistics": [{"tableRowCount": rows, "tableSize": 0}],
        }
    }


def render(visualization: str | None) -> dict[str, Any]:
    """How the result is to be drawn."""
    absent = (
        *("kind", "legend", "series", "xAxis", "xColumn", "xTitle", "yAxis", "yColumns", "ySplit"),
        *("yTitle", "anomalyColumns"),
    )
    return {
        "visualization": visualization,
        "title": None,
        "accumulate": False,
        "isQuerySorted": False,
        "yMin": "NaN",
        "yMax": "NaN",
        **dict.fromkeys(absent),
    }
