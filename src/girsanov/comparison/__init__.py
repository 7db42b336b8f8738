"""How close two sample sets are: one measure a file, each with its interval."""
