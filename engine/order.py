"""The order of things: one number for each node made in this process, rising."""

from __future__ import annotations

import itertools

_numbers = itertools.count()
next_sequence = _numbers.__next__
