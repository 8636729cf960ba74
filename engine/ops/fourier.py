"""Discrete Fourier transforms: of complex tensors, from real to half-complex ones and back.

Three hidden ops carry all of them, as in torch: complex to complex, real to complex, complex to real. `norm` is how
they scale: 0 not at all, 1 by the root of the number of points, 2 by that number.
"""

from __future__ import annotations

import math
from typing import Any

from engine import dtypes, errors
from engine.arrays import xp
from engine.infer import Estimate, composed
from engine.kinds import Array, Dims
from engine.op import Op, op
from engine.ops.arithmetic import conj, mul
from engine.ops.convolving import zero_pad
from engine.ops.copies import to_copy
from engine.ops.properties import dtype_of
from engine.ops.views import slice_
from engine.rules import Shape, default_dtype, same_as_input
from engine.tensor import check_dim

FORWARD = ("backward", "ortho", "forward")  # NumPy's names of the scalings of a transform
BACKWARD = ("forward", "ortho", "backward")


# -- kernels ----------------------------------------------------------------------------------------------------------


def transform_cost(shape: Shape, dims: Any) -> int:
    """The operations of a transform over dims, about."""
    size = math.prod(shape)
    points = math.prod(shape[dim] for dim in dims)
    return int(10 * size * max(points, 2).bit_length())


def fft_estimate(values: list[Any], shape: Shape, dtype: Any, wider: bool = False) -> Estimate:
    """The estimate of a transform: the input laid out anew, or made complex (`wider`), and the dims done before."""
    array, dims = values[0], values[1]
    wide = dtypes.BY_NUMPY[array.dtype].to_complex().itemsize
    last = tuple(range(array.ndim - len(dims), array.ndim))
    copies = wider + min(len(dims) - 1, 2) + (tuple(sorted(dims)) != last)
    work = copies * (max(array.size, math.prod(shape)) + 64) * wide
    if wide == 8:  # NumPy transforms in double precision
        given = 16 if wider or array.dtype.kind == "c" else 8
        work += given * array.size + (16 if dtype.kind == "c" else 8) * math.prod(shape)
    return Estimate(values, [(shape, dtype)], None, work, transform_cost(array.shape, dims))


def complex_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of transforms that keep the shape."""
    return fft_estimate(values, values[0].shape, dtypes.BY_NUMPY[values[0].dtype].to_complex().numpy)


def laid_out(transform: Any, input: Any, dims: Any) -> Any:
    """A transform with its dims last in memory, as torch leaves them; `transform` gets the array and those dims."""
    ndim = input.ndim
    order = [at for at in range(ndim) if at not in dims] + sorted(dims)
    if order == list(range(ndim)):
        return transform(input, dims)
    made = transform(xp.ascontiguousarray(input.transpose(order)), tuple(order.index(dim) for dim in dims))
    return made.transpose(tuple(order.index(at) for at in range(ndim)))


@op(complex_rule, hidden=True, node="FftC2CBackward0")
def fft_c2c(input: Array, dim: Dims, norm: int, forward: bool) -> Any:
    """The transform of a complex tensor over dims, or its inverse."""
    if not dim or not input.size:
        return input.astype(xp.result_type(input, xp.complex64))
    if forward:
        return laid_out(lambda x, axes: xp.fft.fftn(x, axes=axes, norm=FORWARD[norm]), input, dim)
    return laid_out(lambda x, axes: xp.fft.ifftn(x, axes=axes, norm=BACKWARD[norm]), input, dim)


fft_c2c.vjp(input=lambda g, dim, norm, forward: fft_c2c(g, dim, norm, not forward))


def real_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of real transforms: the last dim gives half and one, if asked for."""
    array, dims, _, onesided = values
    shape = list(array.shape)
    if onesided:
        shape[dims[-1]] = shape[dims[-1]] // 2 + 1
    return fft_estimate(values, tuple(shape), dtypes.BY_NUMPY[array.dtype].to_complex().numpy, not onesided)


@op(real_rule, hidden=True, node="FftR2CBackward0")
def fft_r2c(input: Array, dim: Dims, norm: int, onesided: bool) -> Any:
    """The transform of a real tensor; of its last dim the first half, which tells the other, or all."""
    if not input.size:
        shape = [size // 2 + 1 if onesided and at == dim[-1] else size for at, size in enumerate(input.shape)]
        return xp.zeros(shape, xp.result_type(input, xp.complex64))
    run = xp.fft.rfftn if onesided else xp.fft.fftn
    return laid_out(lambda x, axes: run(x, axes=axes, norm=FORWARD[norm]), input, dim)


# torch saves the input for its size, and so guards it against changes
fft_r2c.vjp(input=lambda g, input, dim, norm, onesided: real_grad(g, input.shape, dim, norm, onesided))


def real_grad(g: Any, shape: Any, dim: Any, norm: Any, onesided: Any) -> Any:
    """The gradient of a real transform: zeros for the half that was not given, and the inverse's real part."""
    if onesided:
        g = resized(g, dim[-1], shape[dim[-1]])
    return fft_c2c(g, dim, norm, False)


def complex_real_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of transforms to real tensors: the last dim gets the size asked for."""
    array, dims, _, size = values
    shape = list(array.shape)
    shape[dims[-1]] = size
    return fft_estimate(values, tuple(shape), dtypes.BY_NUMPY[array.dtype].to_real().numpy)


@op(complex_real_rule, hidden=True, node="FftC2RBackward0")
def fft_c2r(input: Array, dim: Dims, norm: int, last_dim_size: int) -> Any:
    """The inverse of the real transform, to this many points along the last dim."""
    sizes = [*(input.shape[each] for each in dim[:-1]), last_dim_size]
    if not input.size:
        shape = [last_dim_size if at == dim[-1] else size for at, size in enumerate(input.shape)]
        return xp.zeros(shape, input.real.dtype)
    return laid_out(lambda x, axes: xp.fft.irfftn(x, sizes, axes, BACKWARD[norm]), input, dim)


fft_c2r.vjp(input=lambda g, input_shape, dim, norm: complex_real_grad(g, input_shape, dim, norm))


def complex_real_grad(g: Any, shape: Any, dim: Any, norm: Any) -> Any:
    """The gradient of a transform to real tensors: twice where a point stood for two."""
    size = tuple(g.shape)[dim[-1]]
    made = fft_r2c(g, dim, norm, True)
    return mul(made, twice(made, dim[-1], size - shape[dim[-1]]))


def twice_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of the weights of half-complex points."""
    array, dim, _ = values
    return Estimate(values, [((array.shape[dim], *(1,) * (array.ndim - dim - 1)), array.dtype)])


@op(twice_rule, hidden=True)
def twice(input: Array, dim: int, count: int) -> Any:
    """2 for the `count` points after the first of a dim, 1 for the others; broadcasts to the input."""
    made = xp.ones((input.shape[dim], *(1,) * (input.ndim - dim - 1)), input.dtype)
    made[1 : 1 + count] = 2
    return made


# -- arguments --------------------------------------------------------------------------------------------------------


def promoted(x: Any, as_complex: bool) -> Any:
    """The tensor in a dtype that has a transform; recorded as a step of its own."""
    dtype = dtype_of(x)
    wanted = dtype if dtype.differentiable else default_dtype()
    if wanted.numpy in dtypes.HALF_TYPES:
        raise errors.dtype_mismatch(f"Unsupported dtype {wanted.type_name}")
    wanted = wanted.to_complex() if as_complex else wanted
    return x if wanted is dtype else to_copy(x, wanted, None)


def one_dim(x: Any, dim: int) -> int:
    """A dim from the front."""
    if not len(x.shape):
        raise errors.bad_index(f"Dimension specified as {dim} but tensor has no dimensions")
    return check_dim(dim, len(x.shape))


def points(count: int) -> int:
    """A number of points, at least one."""
    if count < 1:
        raise errors.bad_argument(f"Invalid number of data points ({count}) specified")
    return count


def scaling(norm: str | None, forward: bool) -> int:
    """How a transform scales, by the name of the normalisation."""
    if norm not in (None, "backward", "forward", "ortho"):
        raise errors.bad_argument(f'Invalid normalization mode: "{norm!s:.64}"')
    if norm == "ortho":
        return 1
    return 2 if (norm == "forward") == forward else 0


def resized(x: Any, dim: int, size: int) -> Any:
    """The tensor cut or filled up with zeros along a dim."""
    return resized_all(x, (dim,), (size,))


def resized_all(x: Any, dims: Any, sizes: Any) -> Any:
    """The tensor cut, then filled up with zeros, to sizes along dims."""
    widths = [(0, 0)] * len(x.shape)
    whole = list(x.shape)
    for dim, size in zip(dims, sizes, strict=True):
        whole[dim] = size
    if math.prod(whole) * dtype_of(x).itemsize >= 2**63:
        raise errors.coded(RuntimeError, "too_large", f"Storage size calculation overflowed with sizes={whole}")
    for dim, size in zip(dims, sizes, strict=True):
        have = tuple(x.shape)[dim]
        if size < have:
            x = slice_(x, dim, 0, size, 1)
        widths[dim] = (0, max(size - have, 0))
    return zero_pad(x, tuple(widths)) if any(after for _, after in widths) else x


def sizes_and_dims(x: Any, s: Any, dim: Any) -> tuple[Shape, Shape]:
    """The sizes and dims of a transform over several dims."""
    ndim = len(x.shape)
    if dim is not None:
        dims = tuple(one_dim(x, each) for each in dim)
        if len(set(dims)) != len(dims):
            raise errors.bad_argument("FFT dims must be unique")
        if s is not None and len(s) != len(dims):
            raise errors.bad_argument("When given, dim and shape arguments must have the same length")
    elif s is not None:
        if len(s) > ndim:
            raise errors.bad_argument(f"Got shape with {len(s)} values but input tensor only has {ndim} dimensions.")
        dims = tuple(range(ndim - len(s), ndim))
    else:
        dims = tuple(range(ndim))
    have = [tuple(x.shape)[each] for each in dims]
    wanted = have if s is None else [old if new == -1 else new for new, old in zip(s, have, strict=True)]
    return tuple(points(each) for each in wanted), dims


def real_input(name: str, x: Any, what: str = "real input tensor") -> None:
    """Raise RuntimeError for a complex tensor."""
    if x.dtype.kind == "c":
        raise errors.dtype_mismatch(f"{name} expects a {what}, but got {dtype_of(x).type_name}")


# -- one dim ----------------------------------------------------------------------------------------------------------


def over_one(x: Any, n: int | None, dim: int, norm: str | None, forward: bool, onesided: bool = False) -> Any:
    """The transform over one dim of a real or complex tensor."""
    x = promoted(x, False)
    dim = one_dim(x, dim)
    count = points(tuple(x.shape)[dim] if n is None else n)
    scale = scaling(norm, forward)
    x = resized(x, dim, count)
    if x.dtype.kind == "c":
        return fft_c2c(x, (dim,), scale, forward)
    made = fft_r2c(x, (dim,), scale, onesided)
    return made if forward else conj(made)


def to_real(x: Any, n: int | None, dim: int, norm: str | None, forward: bool) -> Any:
    """The transform of a half-complex tensor to a real one."""
    x = promoted(x, True)
    dim = one_dim(x, dim)
    count = points(2 * (tuple(x.shape)[dim] - 1) if n is None else n)
    scale = scaling(norm, forward)
    if n is not None:
        x = resized(x, dim, count // 2 + 1)
    return fft_c2r(conj(x) if forward else x, (dim,), scale, count)


@op(composed, namespace="fft", composite=True)
def fft(input: Array, n: int | None = None, dim: int = -1, norm: str | None = None) -> Any:
    """The discrete Fourier transform over a dim."""
    return over_one(input, n, dim, norm, True)


@op(composed, namespace="fft", composite=True)
def ifft(input: Array, n: int | None = None, dim: int = -1, norm: str | None = None) -> Any:
    """The inverse Fourier transform over a dim."""
    return over_one(input, n, dim, norm, False)


@op(composed, namespace="fft", composite=True)
def rfft(input: Array, n: int | None = None, dim: int = -1, norm: str | None = None) -> Any:
    """The first half of the Fourier transform of a real tensor over a dim."""
    real_input("rfft", input)
    return over_one(input, n, dim, norm, True, True)


@op(composed, namespace="fft", composite=True)
def irfft(input: Array, n: int | None = None, dim: int = -1, norm: str | None = None) -> Any:
    """The inverse of `rfft`, to `n` points."""
    return to_real(input, n, dim, norm, False)


@op(composed, namespace="fft", composite=True)
def hfft(input: Array, n: int | None = None, dim: int = -1, norm: str | None = None) -> Any:
    """The Fourier transform of a Hermitian signal, given by its first half: real."""
    return to_real(input, n, dim, norm, True)


@op(composed, namespace="fft", composite=True)
def ihfft(input: Array, n: int | None = None, dim: int = -1, norm: str | None = None) -> Any:
    """The inverse of `hfft`."""
    real_input("ihfft", input)
    return over_one(input, n, dim, norm, False, True)


# -- several dims -----------------------------------------------------------------------------------------------------


@op(composed, namespace="fft", composite=True)
def fftn(input: Array, s: Dims | None = None, dim: Dims | None = None, norm: str | None = None) -> Any:
    """The discrete Fourier transform over several dims, by default all."""
    return over_many(input, s, dim, norm, True)


@op(composed, namespace="fft", composite=True)
def ifftn(input: Array, s: Dims | None = None, dim: Dims | None = None, norm: str | None = None) -> Any:
    """The inverse Fourier transform over several dims, by default all."""
    return over_many(input, s, dim, norm, False)


def over_many(x: Any, s: Any, dim: Any, norm: str | None, forward: bool) -> Any:
    """The transform over several dims."""
    sizes, dims = sizes_and_dims(x, s, dim)
    x = resized_all(promoted(x, True), dims, sizes)
    return fft_c2c(x, dims, scaling(norm, forward), forward)


@op(composed, namespace="fft", composite=True)
def rfftn(input: Array, s: Dims | None = None, dim: Dims | None = None, norm: str | None = None) -> Any:
    """The Fourier transform of a real tensor over several dims; of the last of them the first half."""
    real_input("rfftn", input, "real-valued input tensor")
    sizes, dims = sizes_and_dims(input, s, dim)
    if not dims:
        raise errors.bad_argument("rfftn must transform at least one axis")
    x = resized_all(promoted(input, False), dims, sizes)
    return fft_r2c(x, dims, scaling(norm, True), True)


def half_sizes(name: str, x: Any, s: Any, dim: Any) -> tuple[Shape, Shape, int]:
    """Sizes and dims of a half-complex tensor, and the points of the last dim of the real one."""
    sizes, dims = sizes_and_dims(x, s, dim)
    if not dims:
        raise errors.bad_argument(f"{name} must transform at least one axis")
    given = s is not None and s[-1] != -1
    last = points(sizes[-1] if given else 2 * (tuple(x.shape)[dims[-1]] - 1))
    return (*sizes[:-1], last // 2 + 1), dims, last


@op(composed, namespace="fft", composite=True)
def irfftn(input: Array, s: Dims | None = None, dim: Dims | None = None, norm: str | None = None) -> Any:
    """The inverse of `rfftn`."""
    sizes, dims, last = half_sizes("irfftn", input, s, dim)
    x = resized_all(promoted(input, True), dims, sizes)
    return fft_c2r(x, dims, scaling(norm, False), last)


@op(composed, namespace="fft", composite=True)
def hfftn(input: Array, s: Dims | None = None, dim: Dims | None = None, norm: str | None = None) -> Any:
    """The Fourier transform of a Hermitian signal over several dims, the last given by its first half: real."""
    sizes, dims, last = half_sizes("hfftn", input, s, dim)
    x = resized_all(promoted(input, True), dims, sizes)
    scale = scaling(norm, True)
    if len(dims) > 1:
        x = fft_c2c(x, dims[:-1], scale, True)
    return fft_c2r(conj(x), dims[-1:], scale, last)


@op(same_as_input, hidden=True, node="ConjPhysicalBackward0")
def turned(input: Array) -> Any:
    """The conjugate under another name (torch's node for it differs here)."""
    return xp.conjugate(input)


turned.vjp(input=lambda g: turned(g))


@op(composed, namespace="fft", composite=True)
def ihfftn(input: Array, s: Dims | None = None, dim: Dims | None = None, norm: str | None = None) -> Any:
    """The inverse of `hfftn`."""
    sizes, dims = sizes_and_dims(input, s, dim)
    if not dims:
        raise errors.bad_argument("ihfftn must transform at least one axis")
    if input.dtype.kind == "c":
        raise errors.dtype_mismatch(f"Only supports floating-point dtypes, but found: {dtype_of(input).type_name}")
    x = resized_all(promoted(input, False), dims, sizes)
    scale = scaling(norm, False)
    made = fft_r2c(x, dims[-1:], scale, True)
    return fft_c2c(turned(made), dims[:-1], scale, False) if len(dims) > 1 else conj(made)


@op(composed, namespace="fft", composite=True)
def fft2(input: Array, s: Dims | None = None, dim: Dims = (-2, -1), norm: str | None = None) -> Any:
    """The discrete Fourier transform over two dims."""
    return fftn(input, s, dim, norm)


@op(composed, namespace="fft", composite=True)
def ifft2(input: Array, s: Dims | None = None, dim: Dims = (-2, -1), norm: str | None = None) -> Any:
    """The inverse Fourier transform over two dims."""
    return ifftn(input, s, dim, norm)


@op(composed, namespace="fft", composite=True)
def rfft2(input: Array, s: Dims | None = None, dim: Dims = (-2, -1), norm: str | None = None) -> Any:
    """The Fourier transform of a real tensor over two dims; of the second the first half."""
    return rfftn(input, s, dim, norm)


@op(composed, namespace="fft", composite=True)
def irfft2(input: Array, s: Dims | None = None, dim: Dims = (-2, -1), norm: str | None = None) -> Any:
    """The inverse of `rfft2`."""
    return irfftn(input, s, dim, norm)


@op(composed, namespace="fft", composite=True)
def hfft2(input: Array, s: Dims | None = None, dim: Dims = (-2, -1), norm: str | None = None) -> Any:
    """The Fourier transform of a Hermitian signal over two dims: real."""
    return hfftn(input, s, dim, norm)


@op(composed, namespace="fft", composite=True)
def ihfft2(input: Array, s: Dims | None = None, dim: Dims = (-2, -1), norm: str | None = None) -> Any:
    """The inverse of `hfft2`."""
    return ihfftn(input, s, dim, norm)
