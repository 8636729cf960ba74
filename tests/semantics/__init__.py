"""Autograd semantics as recorded items: what torch answered, and what `engine` must answer."""
