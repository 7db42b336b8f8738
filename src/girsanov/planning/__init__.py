"""Plans: targets, allowed levels, and what would help most."""
