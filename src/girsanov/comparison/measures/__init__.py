"""The measures of `compare`: one a file, each with its interval, listed in `registry.py`."""
