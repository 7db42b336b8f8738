"""What each command does, without a terminal: Python users call the same."""
