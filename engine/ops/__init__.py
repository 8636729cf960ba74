"""The ops, by family: declarations only."""
