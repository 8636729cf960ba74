"""`einsum` and `tensordot`: sums of products, brought down to permutations, sums and batched matrix products."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from engine import contraction, errors
from engine.infer import composed
from engine.kinds import Array, Arrays, Data
from engine.op import Function, op, registry
from engine.ops.arithmetic import mul
from engine.ops.diagonals import diagonal
from engine.ops.linalg import bmm, dot, mm
from engine.ops.properties import dtype_of
from engine.ops.reduction import sum_dim
from engine.ops.views import permute, reshape, unsqueeze, view
from engine.tensor import check_dim, counted_dim

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
ELLIPSIS = "..."
Labels = list[str]


def bad(text: str) -> Exception:
    """A refusal of einsum."""
    return errors.bad_argument(f"einsum(): {text}")


# -- the equation -----------------------------------------------------------------------------------------------------


def labels_of(equation: str, start: int, end: int, where: str) -> Labels:
    """The labels of one term of an equation."""
    labels: Labels = []
    at = start
    while at < end:
        char = equation[at]
        if char == ".":
            if ELLIPSIS in labels:
                raise bad(
                    f"found '.' for {where} for which an ellipsis was already found"
                    if where != "output"
                    else "found '.' for output but an ellipsis (...) was already found"
                )
            if equation[at : at + 3] != "..." or at + 3 > end:
                raise bad(f"found '.' for {where} that is not part of any ellipsis{' (...)' * (where == 'output')}")
            labels.append(ELLIPSIS)
            at += 2
        elif char != " ":
            if char not in LETTERS:
                raise bad(
                    f"invalid subscript given at index {at} in the equation string, subscripts must be in [a-zA-Z]"
                )
            labels.append(char)
        at += 1
    return labels


def parsed(equation: str, count: int) -> tuple[list[Labels], Labels | None]:
    """The labels of each operand, and those of the output where the equation has any."""
    arrow = equation.find("->")
    left = equation if arrow < 0 else equation[:arrow]
    terms: list[Labels] = []
    start = 0
    for term in left.split(","):
        terms.append(labels_of(equation, start, start + len(term), f"operand {len(terms)}"))
        start += len(term) + 1
    if len(terms) > count:
        raise bad("fewer operands were provided than specified in the equation")
    if len(terms) < count:
        raise bad("more operands were provided than specified in the equation")
    return terms, None if arrow < 0 else labels_of(equation, arrow + 2, len(equation), "output")


def ellipsis_dims(terms: list[Labels], ndims: list[int]) -> int:
    """How many dims the ellipsis stands for at most."""
    most = 0
    for at, (term, ndim) in enumerate(zip(terms, ndims, strict=True)):
        named = len(term) - (ELLIPSIS in term)
        if ELLIPSIS in term:
            if named > ndim:
                raise bad(
                    f"the number of subscripts in the equation ({named}) is more than the number of dimensions ({ndim})"
                    f" for operand {at}"
                )
            most = max(most, ndim - named)
        elif named != ndim:
            raise bad(
                f"the number of subscripts in the equation ({named}) does not match the number of dimensions ({ndim})"
                f" for operand {at} and no ellipsis was given"
            )
    return most


def ordered(terms: list[Labels], output: Labels | None, hidden: int) -> tuple[dict[str, int], int]:
    """The place of every label: those of the output first; and how many dims the output has."""
    used = [each for term in terms for each in term if each != ELLIPSIS]
    if output is None:
        once = [each for each in LETTERS if used.count(each) == 1]
        output = [ELLIPSIS, *once]
    place: dict[str, int] = {}
    count = 0
    for label in output:
        if label != ELLIPSIS and label in place:
            raise bad(f"output subscript {label} appears more than once in the output")
        if label != ELLIPSIS and label not in used:
            raise bad(f"output subscript {label} does not appear in the equation for any input operand")
        place[label] = count
        count += hidden if label == ELLIPSIS else 1
    out = count
    for label in (ELLIPSIS, *LETTERS):
        if label not in place and (label == ELLIPSIS or label in used):
            place[label] = count
            count += hidden if label == ELLIPSIS else 1
    place["total"] = count
    return place, out


# -- the operands -----------------------------------------------------------------------------------------------------


def aligned(x: Any, labels: Labels, place: dict[str, int], hidden: int, nr: int) -> Any:
    """An operand with one dim for every label, in their order; diagonals where a label repeats."""
    order = [-1] * place["total"]
    seen: dict[str, int] = {}
    at = 0
    missing = hidden - (len(x.shape) - (len(labels) - 1))
    for label in labels:
        if label == ELLIPSIS:
            for _ in range(missing):
                x = unsqueeze(x, at)
            for step in range(hidden):
                order[place[label] + step] = at
                at += 1
        elif label in seen:
            x = repeated(x, label, seen[label], at, nr)
        else:
            seen[label] = order[place[label]] = at
            at += 1
    for where, known in enumerate(order):
        if known == -1:
            x = unsqueeze(x, len(x.shape))
            order[where] = at
            at += 1
    return permute(x, tuple(order))


def repeated(x: Any, label: str, dim: int, at: int, nr: int) -> Any:
    """The diagonal over two dims of one label, where the first of them was."""
    shape = tuple(x.shape)
    if shape[dim] != shape[at]:
        raise bad(
            f"subscript {label} is repeated for operand {nr} but the sizes don't match, {shape[at]} != {shape[dim]}"
        )
    x = diagonal(x, 0, dim, at)
    last = len(x.shape) - 1
    order = list(range(last))
    order.insert(dim, last)
    return permute(x, tuple(order))


def check_sizes(terms: list[Labels], shapes: list[tuple[int, ...]], hidden: int) -> None:
    """Raise RuntimeError where the dims of a label neither agree nor broadcast."""
    known: dict[str, int] = {}
    for nr, (term, shape) in enumerate(zip(terms, shapes, strict=True)):
        at = 0
        for label in term:
            span = len(shape) - (len(term) - 1) if label == ELLIPSIS else 1
            for step in range(span):
                name = f"{label}{step - span}" if label == ELLIPSIS else label
                size = shape[at]
                at += 1
                if known.get(name, 1) != 1 and size not in (1, known[name]):
                    if label == ELLIPSIS:  # torch's slip: no space after the operand
                        raise bad(
                            f"dimension {at - 1} covered by ellipsis in operand {nr}has size {size} which does not "
                            f"broadcast with previously seen ellipsis with size {known[name]} for the respective "
                            "dimension"
                        )
                    raise bad(
                        f"subscript {label} has size {size} for operand {nr} which does not broadcast with previously "
                        f"seen size {known[name]}"
                    )
                known[name] = size if known.get(name, 1) == 1 else known[name]


# -- the contraction --------------------------------------------------------------------------------------------------


def contracted(operands: list[Any], out: int) -> Any:
    """The product of aligned operands, each dim summed as soon as no other operand has it."""
    total = len(tuple(operands[0].shape))
    counts = [len([x for x in operands if tuple(x.shape)[dim] != 1]) for dim in range(total)]
    for i, j in contraction.order(tuple(tuple(x.shape) for x in operands), out):
        b, a = operands.pop(j), operands.pop(i)
        both, only_a, only_b = summable(tuple(a.shape), tuple(b.shape), counts, out)
        a = sum_dim(a, only_a, True) if only_a else a
        b = sum_dim(b, only_b, True) if only_b else b
        operands.append(summed_product(a, b, both) if both else mul(a, b))
    return operands[0]


def summable(a: Any, b: Any, counts: list[int], out: int) -> tuple[tuple[int, ...], ...]:
    """The dims that can be summed with this pair: those both have, those only one has; counts go down."""
    both, only_a, only_b = [], [], []
    for dim in range(out, len(a)):
        if a[dim] != 1 and b[dim] != 1:
            if counts[dim] == 2:
                both.append(dim)
            counts[dim] -= 1
        elif counts[dim] == 1:
            if a[dim] != 1:
                only_a.append(dim)
                counts[dim] = 0
            elif b[dim] != 1:
                only_b.append(dim)
                counts[dim] = 0
    return tuple(both), tuple(only_a), tuple(only_b)


def summed_product(a: Any, b: Any, dims: tuple[int, ...]) -> Any:
    """The sum over `dims`, which both operands have, of their product: one batched matrix product."""
    left, right = tuple(a.shape), tuple(b.shape)
    batch: list[int] = []
    rows: list[int] = []
    columns: list[int] = []
    for dim in range(len(left)):
        if dim not in dims:
            (columns if left[dim] == 1 else rows if right[dim] == 1 else batch).append(dim)
    inner = math.prod(left[dim] for dim in dims)
    count, height, width = (
        math.prod(shape[dim] for dim in group) for shape, group in ((left, batch), (left, rows), (right, columns))
    )
    a = reshape(permute(a, (*batch, *rows, *dims, *columns)), (count, height, inner))
    b = reshape(permute(b, (*batch, *dims, *columns, *rows)), (count, inner, width))
    sizes = [left[dim] for dim in (*batch, *rows)] + [1] * len(dims) + [right[dim] for dim in columns]
    order = (*batch, *rows, *dims, *columns)
    return permute(view(bmm(a, b), tuple(sizes)), tuple(order.index(dim) for dim in range(len(order))))


@op(composed, composite=True, method=False)
def einsum(equation: str, operands: Arrays) -> Any:
    """The sum of products that an equation like `bij,bjk->bik` tells; one list of operands, or one by one."""
    terms, output = parsed(equation, len(operands))
    shapes = [tuple(x.shape) for x in operands]
    hidden = ellipsis_dims(terms, [len(shape) for shape in shapes])
    place, out = ordered(terms, output, hidden)
    ready = [aligned(x, term, place, hidden, nr) for nr, (x, term) in enumerate(zip(operands, terms, strict=True))]
    check_sizes(terms, shapes, hidden)
    result = contracted(list(ready), out)
    summed = tuple(range(out, place["total"]))
    if not summed:
        return result
    if len(ready) > 1:
        return view(result, tuple(result.shape)[:out])
    return sum_dim(result, summed, False)


class Einsum(Function):
    """`einsum` with operands one by one, or each followed by the list of its subscripts."""

    __slots__ = ()

    def bound(self, args: Sequence[Any], kwargs: dict[str, Any], method: int = 0) -> Any:
        """Bring the arguments into the form equation, list of operands; raises what einsum raises."""
        if kwargs:
            unknown = [name for name in kwargs if name not in self.ops[0].keywords]
            if unknown:
                raise errors.bad_type(f"einsum() got an unexpected keyword argument '{unknown[0]}'")
            return super().bound(args, kwargs, method)
        if len(args) < 2 or (len(args) == 2 and isinstance(args[1], (list, tuple)) and not args[1]):
            raise too_few()
        if hasattr(args[0], "_array"):
            args = from_lists(args)
        elif len(args) == 2 and isinstance(args[1], (list, tuple)):
            return super().bound(args, kwargs, method)
        return super().bound((args[0], list(args[1:])), kwargs, method)


def too_few() -> ValueError:
    """torch's refusal of einsum without operands."""
    return errors.bad_value(
        "einsum(): must specify the equation string and at least one operand, or at least one operand and its "
        "subscripts list"
    )


def from_lists(args: Sequence[Any]) -> tuple[Any, ...]:
    """`einsum(a, [0, 1], b, [1, 2], [0, 2])` as an equation and operands."""
    terms = [subscripts(each) for each in args[1::2]]
    output = "->" + subscripts(args[-1]) if len(args) % 2 else ""
    operands = args[0 : len(args) - len(args) % 2 : 2]
    return (",".join(terms) + output, *operands)


def subscripts(numbers: Any) -> str:
    """A list of subscripts as letters."""
    letters = []
    for each in numbers:
        if each is not Ellipsis and not 0 <= each < 52:
            raise errors.bad_value("einsum(): subscript in subscript list is not within the valid range [0, 52)")
        letters.append(ELLIPSIS if each is Ellipsis else LETTERS[each])
    return "".join(letters)


_plain = registry["einsum"]
registry["einsum"] = Einsum("einsum")
registry["einsum"].ops = _plain.ops


# -- tensordot --------------------------------------------------------------------------------------------------------


@op(composed, composite=True, method=False)
def tensordot(a: Array, b: Array, dims: Data = 2) -> Any:
    """The product summed over the last `dims` dims of `a` and the first of `b`, or over two lists of dims."""
    shape_a, shape_b = tuple(a.shape), tuple(b.shape)
    over_a, over_b = contracted_dims(dims, len(shape_a), len(shape_b))
    if len(over_a) != len(over_b):
        raise errors.bad_argument("both dimension lists should have same length")
    if a.dtype != b.dtype:
        raise errors.dtype_mismatch("both inputs should have same dtype")
    ready_a, ready_b = summed_where_one(a, b, over_a, over_b)
    first = [check_dim(each, len(shape_a)) for each in over_a]
    second = [check_dim(each, len(shape_b)) for each in over_b]
    for group in (first, second):
        for at, each in enumerate(group):
            if each in group[:at]:
                raise errors.bad_argument(f"dim {each} appears multiple times in the list of dims")
    rest_a = [dim for dim in range(len(shape_a)) if dim not in first]
    rest_b = [dim for dim in range(len(shape_b)) if dim not in second]
    sizes = tuple([shape_a[dim] for dim in rest_a] + [shape_b[dim] for dim in rest_b])
    inner = math.prod(tuple(ready_a.shape)[dim] for dim in first)
    rows, columns = math.prod(shape_a[dim] for dim in rest_a), math.prod(shape_b[dim] for dim in rest_b)
    if rows == columns == 1:
        vectors = [permute(ready_a, (*rest_a, *first)), permute(ready_b, (*second, *rest_b))]
        return reshape(dot(*(x if len(x.shape) == 1 else reshape(x, (inner,)) for x in vectors)), sizes)
    left = reshape(permute(ready_a, (*rest_a, *first)), (rows, inner))
    right = reshape(permute(ready_b, (*second, *rest_b)), (inner, columns))
    return reshape(mm(left, right), sizes)


def contracted_dims(dims: Any, ndim_a: int, ndim_b: int) -> tuple[list[int], list[int]]:
    """tensordot's `dims` as two lists.

    Raises RuntimeError, ValueError or TypeError for what is neither a number nor two lists of dims.
    """
    if hasattr(dims, "_array"):
        if math.prod(dims.shape) > 1:
            return listed_dims(dims.tolist())
        count = int(dims.item())
        if count < 0:
            raise errors.bad_argument(f"tensordot expects dims >= 0, but got dims={dims}")
        return list(range(-count, 0)), list(range(count))
    if isinstance(dims, (list, tuple)):
        return listed_dims(dims)
    if not isinstance(dims, int):
        raise errors.bad_argument(
            "tensordot expects dims to be int or tuple[list[int], list[int]] or list[list[int]] containing two lists, "
            f"but got dims={dims!s:.100}"
        )
    if dims < 0:
        raise errors.bad_argument(f"tensordot expects dims >= 0, but got dims={dims}")
    if dims > min(ndim_a, ndim_b):
        raise errors.bad_argument(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
    return list(range(-dims, 0)), list(range(dims))


def listed_dims(dims: Any) -> tuple[list[int], list[int]]:
    """Two lists of dims."""
    if len(dims) < 2:
        raise errors.bad_value(f"not enough values to unpack (expected 2, got {len(dims)})")
    if len(dims) > 2:
        raise errors.bad_value("too many values to unpack (expected 2)")
    for name, position, group in (("dims_self", 3, dims[0]), ("dims_other", 4, dims[1])):
        wanted = f"tensordot(): argument '{name}' (position {position}) must be tuple of ints"
        if not isinstance(group, (list, tuple)):
            raise errors.bad_type(f"{wanted}, not {type(group).__name__}")
        for at, each in enumerate(group):
            if type(each) is not int:
                raise errors.bad_type(f"{wanted}, but found element of type {type(each).__name__} at pos {at}")
    return list(dims[0]), list(dims[1])


def summed_where_one(a: Any, b: Any, over_a: list[int], over_b: list[int]) -> tuple[Any, Any]:
    """The operands, summed over a contracted dim where the other's has size 1."""
    for one, other in zip(over_a, over_b, strict=True):
        size_a = tuple(a.shape)[counted_dim(one, len(a.shape))]
        size_b = tuple(b.shape)[counted_dim(other, len(b.shape))]
        if size_b == 1:
            a = sum_dim(a, (check_dim(one, len(a.shape)),), True, dtype=dtype_of(a))
        elif size_a == 1:
            b = sum_dim(b, (check_dim(other, len(b.shape)),), True, dtype=dtype_of(b))
        elif size_a != size_b:
            raise errors.shape_mismatch(
                f"contracted dimensions need to match, but first has size {size_a} in dim {one} and second has size "
                f"{size_b} in dim {other}"
            )
    return a, b
