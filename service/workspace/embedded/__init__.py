"""The workspace in this process: KQL on DuckDB, over imported or generated records."""

from service.workspace.embedded.workspace import EmbeddedWorkspace

__all__ = ["EmbeddedWorkspace"]
