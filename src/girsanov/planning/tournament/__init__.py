"""Plans that samples choose: `plan --by`."""
