"""The workspace in Azure: Log Analytics, through its query API."""

from service.workspace.log_analytics.opening import open_log_analytics
from service.workspace.log_analytics.workspace import LogAnalyticsWorkspace

__all__ = ["LogAnalyticsWorkspace", "open_log_analytics"]
