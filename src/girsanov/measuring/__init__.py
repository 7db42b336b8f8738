"""The one pass over held-out data, and its record in a file."""
