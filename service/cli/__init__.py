"""The command line: `provisioning-insights COMMAND …`.

Exit codes: 0 done, 1 failed, 2 wrong usage. Errors are one line on standard error.
"""

from service.cli.main import main

__all__ = ["main"]
