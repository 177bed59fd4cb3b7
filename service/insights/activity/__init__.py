"""Activity: the fleet's counts per bin, kept near and true, from which most answers are cut."""
