"""Studies: the demo, and statements checked one by one."""
