"""Links that open a query in the Azure portal's Logs page.

Their shape is that of the page's own "Copy link to query": the KQL packed with gzip, in base64, and
quoted twice, since the portal reads what stands after `#` twice.
"""

from __future__ import annotations

import base64
import gzip
from datetime import UTC, datetime
from urllib.parse import quote

from service.kql.template import Kql
from service.workspace.protocol import TimeSpan

_BLADE = "Microsoft_OperationsManagementSuite_Workspace/Logs.ReactView"
_SOURCE = "LogsBlade.AnalyticsShareLinkToQuery"


def logs_link(portal: str, resource_id: str, kql: Kql, span: TimeSpan) -> str:
    """The address of a query over a time span, in the workspace of this resource ID."""
    packed = base64.b64encode(gzip.compress(kql.text.encode(), mtime=0)).decode()
    timespan = f"{_instant(span.start)}/{_instant(span.end)}"
    return (
        f"{portal}/#blade/{_BLADE}/resourceId/{_quoted(resource_id)}/source/{_SOURCE}"
        f"/q/{_quoted(_quoted(packed))}/timespan/{_quoted(timespan)}"
    )


def _quoted(text: str) -> str:
    return quote(text, safe="")


def _instant(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{instant.microsecond // 1000:03}Z"
