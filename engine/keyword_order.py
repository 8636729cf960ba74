"""The order in which torch's messages list the keywords of a call: that of the hash table they lie in."""

from __future__ import annotations

from collections.abc import Iterable

BUCKETS = 13  # as many keywords fit before the table grows
SEED = 0xC70F6907
FACTOR = 0xC6A4A7935BD1E995
MASK = 2**64 - 1


def in_table_order(names: Iterable[str]) -> list[str]:
    """The names as an `unordered_map` of the GNU C++ library gives them back.

    A name goes to the front of its bucket, and a bucket that had none to the front of all.
    """
    found: list[str] = []
    for name in names:
        bucket = hashed(name.encode()) % BUCKETS
        at = next((at for at, each in enumerate(found) if hashed(each.encode()) % BUCKETS == bucket), 0)
        found.insert(at, name)
    return found


def hashed(text: bytes) -> int:
    """The library's hash of a string: MurmurHash64A."""
    value = SEED ^ (len(text) * FACTOR & MASK)
    whole = len(text) & ~7
    for at in range(0, whole, 8):
        part = mixed(int.from_bytes(text[at : at + 8], "little") * FACTOR & MASK) * FACTOR & MASK
        value = (value ^ part) * FACTOR & MASK
    if whole < len(text):
        value = (value ^ int.from_bytes(text[whole:], "little")) * FACTOR & MASK
    return mixed(mixed(value) * FACTOR & MASK)


def mixed(value: int) -> int:
    """The upper bits folded into the lower."""
    return value ^ (value >> 47)
