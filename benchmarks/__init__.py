"""What the service costs, each figure as a ratio of two sides measured in one run."""
