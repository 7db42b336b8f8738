"""The sentences of verdicts and advice."""
