"""The paper itself: its bounds, its statements and what they are checked on."""
