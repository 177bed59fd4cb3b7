"""Text of queries: tokens, literals, templates, checks, rewrites. No I/O, no state."""
