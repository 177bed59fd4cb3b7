from tests.workspace.log_analytics.fixtures import (
    simulator,
    simulator_running,
    stored,
    workspace,
)

__all__ = ["simulator", "simulator_running", "stored", "workspace"]
