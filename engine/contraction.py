"""The order in which einsum multiplies its operands: pair by pair, with the least arithmetic.

Up to 8 operands every order is compared, subset by subset, so the result is the optimum that opt_einsum's `optimal`
finds (PyTorch asks it where it is installed). More take the pair that grows the least, one after the other.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence

Shape = tuple[int, ...]
Pair = tuple[int, int]
MOST = 8  # operands of which every order is compared: 3,280 products of subsets


@functools.lru_cache(maxsize=256)
def order(shapes: tuple[Shape, ...], out: int) -> tuple[Pair, ...]:
    """The pairs to multiply, as places in the list of what is left: a product goes to its end.

    The shapes have a dim for each label, 1 where an operand has it not; those from `out` on are summed.
    """
    return best(shapes, out) if len(shapes) <= MOST else greedy(shapes, out)


def best(shapes: Sequence[Shape], out: int) -> tuple[Pair, ...]:
    """The order of the fewest multiplications and additions."""
    count, everything = len(shapes), (1 << len(shapes)) - 1
    if count < 2:
        return ()
    largest = [max(sizes) for sizes in zip(*shapes, strict=True)]
    having = [sum(1 << at for at, shape in enumerate(shapes) if shape[dim] != 1) for dim in range(len(largest))]

    @functools.cache
    def size(dims: int) -> int:
        return math.prod(each for dim, each in enumerate(largest) if dims >> dim & 1)

    def left(subset: int) -> int:
        """The dims, as bits, of the product of a subset."""
        found = 0
        for dim, owners in enumerate(having):
            if owners & subset and (dim < out or owners & ~subset or subset & (subset - 1) == 0):
                found |= 1 << dim
        return found

    dims = [left(subset) for subset in range(everything + 1)]
    cost, split = [0] * (everything + 1), [0] * (everything + 1)
    for subset in range(1, everything + 1):
        if subset & (subset - 1) == 0:
            continue
        lowest = subset & -subset
        part = (subset - 1) & subset
        found = -1
        while part:
            if part & lowest:  # each split once
                rest = subset ^ part
                involved = dims[part] | dims[rest]
                step = size(involved) * (1 if involved == dims[subset] else 2)
                total = cost[part] + cost[rest] + step
                if found < 0 or total < found:
                    found, split[subset] = total, part
            part = (part - 1) & subset
        cost[subset] = found
    return _pairs(split, count, everything)


def _pairs(split: list[int], count: int, everything: int) -> tuple[Pair, ...]:
    """The products of a tree of subsets, smaller ones first, as places in the list of what is left."""
    waiting, products = [everything], []
    while waiting:
        subset = waiting.pop()
        if split[subset]:
            products.append(subset)
            waiting += [split[subset], subset ^ split[subset]]
    left, pairs = [1 << at for at in range(count)], []
    for subset in reversed(products):
        i, j = sorted(left.index(each) for each in (split[subset], subset ^ split[subset]))
        pairs.append((i, j))
        del left[j], left[i]
        left.append(subset)
    return tuple(pairs)


def greedy(shapes: Sequence[Shape], out: int) -> tuple[Pair, ...]:
    """At each step the pair whose product grows the least over its factors."""
    left, pairs = list(shapes), []
    while len(left) > 1:
        counts = [sum(shape[dim] != 1 for shape in left) for dim in range(len(left[0]))]
        grown: Callable[[Pair], int] = functools.partial(_growth, left, counts, out)
        i, j = min(((i, j) for j in range(len(left)) for i in range(j)), key=grown)
        pairs.append((i, j))
        made = _product(left[i], left[j], counts, out)
        del left[j], left[i]
        left.append(made)
    return tuple(pairs)


def _product(a: Shape, b: Shape, counts: list[int], out: int) -> Shape:
    """The shape of a product, without what nobody else has."""
    return tuple(
        1 if dim >= out and counts[dim] == (x != 1) + (y != 1) else max(x, y)
        for dim, (x, y) in enumerate(zip(a, b, strict=True))
    )


def _growth(left: list[Shape], counts: list[int], out: int, pair: Pair) -> int:
    a, b = left[pair[0]], left[pair[1]]
    return math.prod(_product(a, b, counts, out)) - math.prod(a) - math.prod(b)
