"""Which of equal elements a selection takes: PyTorch's, told by the steps of the algorithms that it selects with.

These are the standard library's as GCC has it (`nth_element`, `sort`, `partial_sort`) and PyTorch's own quickselect.
None is stable, so that the place of a value that occurs twice follows from the swaps alone. Lines are lists of places,
which the functions reorder by the keys of the places. They are worth it for few elements; see `FEW`.
"""

from __future__ import annotations

from typing import Any

FEW = 1 << 11  # elements of a tensor up to which ties are settled so: some milliseconds at most
SHORT = 16  # elements that `sort` leaves to insertion

Line = list[int]
Keys = Any  # a list of numbers


def swap(line: Line, a: int, b: int) -> None:
    """Exchange two elements."""
    line[a], line[b] = line[b], line[a]


def insertion_sort(line: Line, keys: Keys, first: int, last: int) -> None:
    """Sort a part; equal elements stay in order."""
    for at in range(first + 1, last):
        place = line[at]
        key = keys[place]
        if key < keys[line[first]]:
            line[first + 1 : at + 1] = line[first:at]
            line[first] = place
            continue
        while key < keys[line[at - 1]]:
            line[at] = line[at - 1]
            at -= 1
        line[at] = place


def partition(line: Line, keys: Keys, first: int, last: int) -> int:
    """Split a part around the median of its second, middle and last element, which goes to its start."""
    a, b, c = first + 1, first + (last - first) // 2, last - 1
    x, y, z = (keys[line[at]] for at in (a, b, c))
    if x < y:
        middle = b if y < z else c if x < z else a
    else:
        middle = a if x < z else c if y < z else b
    swap(line, first, middle)
    pivot = keys[line[first]]
    low, high = first + 1, last
    while True:
        while keys[line[low]] < pivot:
            low += 1
        high -= 1
        while pivot < keys[line[high]]:
            high -= 1
        if low >= high:
            return low
        swap(line, low, high)
        low += 1


def sink(line: Line, keys: Keys, hole: int, size: int, place: int) -> None:
    """Put an element in a heap of `size` with a hole: down to the end, then up to where it belongs."""
    top, child = hole, hole
    while child < (size - 1) // 2:
        child = 2 * child + 2
        if keys[line[child]] < keys[line[child - 1]]:
            child -= 1
        line[hole] = line[child]
        hole = child
    if size % 2 == 0 and child == (size - 2) // 2:
        child = 2 * child + 1
        line[hole] = line[child]
        hole = child
    parent = (hole - 1) // 2
    while hole > top and keys[line[parent]] < keys[place]:
        line[hole] = line[parent]
        hole, parent = parent, (parent - 1) // 2
    line[hole] = place


def heap_select(line: Line, keys: Keys, middle: int) -> None:
    """Bring the smallest elements to the start, as a heap."""
    for at in range((middle - 2) // 2, -1, -1):
        sink(line, keys, at, middle, line[at])
    for at in range(middle, len(line)):
        if keys[line[at]] < keys[line[0]]:
            place, line[at] = line[at], line[0]
            sink(line, keys, 0, middle, place)


def partial_sort(line: Line, keys: Keys, middle: int) -> None:
    """Bring the smallest elements to the start, in order."""
    heap_select(line, keys, middle)
    for end in range(middle - 1, 0, -1):
        place, line[end] = line[end], line[0]
        sink(line, keys, 0, end, place)


def nth_element(line: Line, keys: Keys, nth: int) -> None:
    """Bring the element of a rank to its place, smaller ones before it and larger ones behind it."""
    first, last = 0, len(line)
    depth = 2 * (last.bit_length() - 1)
    while last - first > 3:
        if not depth:  # a line that splits badly again and again
            part = line[first:last]
            heap_select(part, keys, nth + 1 - first)
            swap(part, 0, nth - first)
            line[first:last] = part
            return
        depth -= 1
        cut = partition(line, keys, first, last)
        first, last = (cut, last) if cut <= nth else (first, cut)
    insertion_sort(line, keys, first, last)


def sort(line: Line, keys: Keys, last: int) -> None:
    """Sort the elements before `last`."""
    coarse(line, keys, 0, last, 2 * (max(last, 1).bit_length() - 1))
    insertion_sort(line, keys, 0, min(last, SHORT))
    for at in range(SHORT, last):
        place = line[at]
        while keys[place] < keys[line[at - 1]]:
            line[at] = line[at - 1]
            at -= 1
        line[at] = place


def coarse(line: Line, keys: Keys, first: int, last: int, depth: int) -> None:
    """Sort a part but for runs of a few elements."""
    while last - first > SHORT:
        if not depth:
            part = line[first:last]
            partial_sort(part, keys, len(part))
            line[first:last] = part
            return
        depth -= 1
        cut = partition(line, keys, first, last)
        coarse(line, keys, cut, last, depth)
        last = cut


def quick_select(line: Line, keys: Keys, rank: int) -> None:
    """Bring the element of a rank to its place, by PyTorch's own quickselect."""
    low, high = 0, len(line) - 1
    while low < high:
        if high == low + 1:
            if keys[line[low]] > keys[line[high]]:
                swap(line, low, high)
            return
        swap(line, low + (high - low) // 2, low + 1)
        for a, b in ((low + 1, high), (low, high), (low + 1, low)):
            if keys[line[a]] > keys[line[b]]:
                swap(line, a, b)
        pivot = keys[line[low]]
        i, j = low + 1, high
        while True:
            i += 1
            while pivot > keys[line[i]]:
                i += 1
            j -= 1
            while keys[line[j]] > pivot:
                j -= 1
            if j < i:
                break
            swap(line, i, j)
        swap(line, low, j)
        low, high = (i if j <= rank else low), (j - 1 if j >= rank else high)


def smallest(keys: Keys, count: int, ordered: bool) -> Line:
    """The places of the smallest keys as `topk` finds them, in order if asked for."""
    line = list(range(len(keys)))
    if count * 64 <= len(keys):
        partial_sort(line, keys, count)
    else:
        nth_element(line, keys, count - 1)
        if ordered:
            sort(line, keys, count - 1)
    return line[:count]


def of_rank(keys: Keys, rank: int) -> int:
    """The place of the key of a rank as `kthvalue` finds it."""
    line = list(range(len(keys)))
    quick_select(line, keys, rank)
    return line[rank]


def most_frequent(keys: Keys) -> int:
    """The place of the most frequent key as `mode` finds it: the last of the run, once they are sorted."""
    line = list(range(len(keys)))
    sort(line, keys, len(line))
    best, longest, run = line[0], 0, 0
    for at, place in enumerate(line):
        run += 1
        if at + 1 == len(line) or keys[place] != keys[line[at + 1]]:
            if run > longest:
                best, longest = place, run
            run = 0
    return best
