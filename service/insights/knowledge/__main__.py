"""Prints the page that `docs/errors.md` holds."""

import sys

from service.insights.knowledge.page import errors_page

if __name__ == "__main__":
    sys.stdout.write(errors_page())
