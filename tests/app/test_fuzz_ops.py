"""Random arguments for every step: whatever is wrong with them is refused with a code, never with a defect."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest

from app.limits import MIB, Limits
from app.session.arguments import Extra, Parameter, parameters_of
from app.session.special import SPECIALS
from engine.kinds import REQUIRED, Kind
from engine.op import registry
from tests.app.fuzzing import TENSORS, UNDO, Json, defect, full_session, refusal, step

SEED = 20
TRIES = 6  # for each overload
# Small, so that a size drawn at random is refused at once or computed at once.
LIMITS = Limits(tensor_bytes=MIB, session_bytes=4 * MIB)
NAMES = [*TENSORS, "f.grad", "nl"]
# Defects that are known and not yet mended; an entry goes with its defect.
ENDLESS = "a number of 2**40 is counted up to, or as many views are made"
LENGTHS = "lists of wrong lengths are not refused"
EXTREME = "a number beyond what NumPy takes is not refused"
COMPLEX = "a complex number where a real one belongs is not refused"
NO_DIMS = "a tensor with too few dimensions is not refused"
OPEN: dict[str, str] = {
    **dict.fromkeys(("mvlgamma", "mvlgamma_", "special.multigammaln", "tensor_split"), ENDLESS),
    **{f"nn.functional.max_unpool{n}d": LENGTHS for n in (1, 2, 3)},
    **dict.fromkeys(("histogram", "nn.functional.unfold", "native_group_norm"), LENGTHS),
    **dict.fromkeys(("round", "round_", "special.round", "diag", "diagonal", "diagonal_copy"), EXTREME),
    **dict.fromkeys(("tril_", "triu_", "tril_indices", "triu_indices", "nn.functional.celu", "stft"), EXTREME),
    **dict.fromkeys(("nn.functional.celu_", "fft.fftfreq", "tile", "repeat", "addcmul", "addcdiv"), EXTREME),
    **dict.fromkeys(("addr", "histc", "var", "var_mean", "std", "std_mean", "nn.functional.hardtanh"), COMPLEX),
    **dict.fromkeys(("nn.functional.hardtanh_", "nn.functional.gaussian_nll_loss"), COMPLEX),
    **dict.fromkeys(("fft.fftshift", "fft.ifftshift", "unsafe_chunk", "cumulative_trapezoid", "linalg.cross"), NO_DIMS),
    **dict.fromkeys(("nn.functional.bilinear", "nn.functional.instance_norm"), NO_DIMS),
    "nn.functional.multilabel_soft_margin_loss": NO_DIMS,
    **dict.fromkeys(("index_put", "index_put_", "tensordot"), "an empty list or an object as indices or dims"),
    "nn.functional.embedding": "indices are not checked before max_norm is applied",
    "bucketize": "bfloat16 and float16 have no common dtype in NumPy",
}

WRONG = [None, True, "x", "nobody", {}, [], -1, 1.5, [[]], {"complex": [1, 2]}, "NaN", 2**62, [1, [2]], [None], "f"]
LITERALS = [1, 2.5, True, [1.0, 2.0, 3.0], [[1, 0, 2]], {"data": [0, 1, 2], "dtype": "int64"}, {"complex": [1, 1]}, 0]
TEXTS = [
    *("mean", "sum", "none", "fro", "nuc", "floor", "trunc", "reflect", "constant", "L", "U", "", "reduced", "ij"),
    *("ij,jk->ik", "...i->i", "i,i", "ij->ji", "ii", "linear", "tanh", "contiguous_format", "nearest", "bilinear"),
]
SIZES = [0, 1, -1, [0], [1, 0], [-1], [], [0, 1], [2, 3], [3, 2], [6], [1, 1, 3], [-1, 3], [0, 0], [2**40], [2**62, 2]]
CHOICES: dict[Kind | Extra, list[Json]] = {
    Kind.NUMBER: [0, 1, 2, -1, 0.5, True, "NaN", {"complex": [1, 1]}, 3, "Infinity", -2.5, 10**18],
    Kind.INT: [0, 1, -1, 2, 3, -2, 5, -7, 2**40, -(2**63)],
    Kind.FLOAT: [0, 0.5, 1.0, -1.5, 2, "NaN", "Infinity", 1e300],
    Kind.BOOL: [True, False],
    Kind.STR: TEXTS,
    Kind.DIMS: SIZES,
    Kind.SIZE: SIZES,
    Extra.SHAPE: SIZES,
    Kind.DTYPE: ["float32", "float64", "int64", "bool", "complex64", "float16", "bfloat16", "uint8"],
    Kind.DEVICE: ["cpu", "cuda", "cpu:0", "meta"],
    Kind.DATA: [1, [1, 2], "NaN", [[1.0, 2.0]], {"data": [1], "dtype": "int8"}],
    Extra.NAME: NAMES,
}
PLACES = [0, -1, "1:", "::2", "...", None, [0, 1], "i", "b", {"data": [True, False]}, [[0], [1]], "s", "f", 5]


def value(kind: Kind | Extra, draw: random.Random) -> Json:
    """Something for a parameter of this kind, seldom right and now and then of another kind altogether."""
    if draw.random() < 0.06:
        return draw.choice(WRONG)
    if kind in (Kind.TENSOR, Kind.OPERAND, Extra.RAW):
        return draw.choice([*NAMES, *NAMES, *LITERALS])
    if kind in (Kind.TENSORS, Extra.ROOTS):
        return [value(Kind.TENSOR, draw) for _ in range(draw.randint(0, 3))]
    if kind is Kind.INDEX:
        return [draw.choice(PLACES) for _ in range(draw.randint(0, 3))]
    if kind is Extra.NAMES:
        return [draw.choice(NAMES)]
    return draw.choice(CHOICES.get(kind, WRONG))


def random_step(name: str, parameters: Sequence[Parameter], draw: random.Random) -> dict[str, Json]:
    """A step with a value for each required parameter and for half of the others."""
    given = [each for each in parameters if each.default is REQUIRED or draw.random() < 0.5]
    fields: dict[str, Any] = {each.name: value(each.kind, draw) for each in given}
    return {"op": name, **fields, **({"no_grad": True} if draw.random() < 0.1 else {})}


def signatures() -> list[tuple[str, Sequence[Parameter]]]:
    """Every step with each of its signatures."""
    ops = [(name, parameters_of(op)) for name, function in sorted(registry.items()) for op in function.ops]
    return [*((name, each) for name, each in ops if not name.startswith("__")), *_special_signatures()]


def _special_signatures() -> list[tuple[str, Sequence[Parameter]]]:
    return [(name, special.parameters) for name, special in sorted(SPECIALS.items())]


PARTS = 4  # for the workers of a parallel run


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::UserWarning")
def test_random_arguments_are_refused_with_a_code_or_taken(part: int) -> None:
    session = full_session(LIMITS)
    found: dict[str, str] = {}
    taken = 0
    for name, parameters in signatures()[part::PARTS]:
        if name in OPEN:
            continue
        # Seeded by the step: the arguments of one do not change when another is added.
        draw = random.Random(f"{SEED} {name} {len(parameters)}")
        for _ in range(TRIES):
            made = random_step(name, parameters, draw)
            problem = refusal(session, made, UNDO)
            assert problem is not None
            if text := defect(problem):
                found[f"{name}: {text}"] = str(made)[:300]
            if problem.code == "unknown_op":
                taken += 1
                text = defect(_differentiated(session, made))
                if text:
                    found[f"{name}, backward: {text}"] = str(made)[:300]
    assert found == {}
    assert taken > 100, "hardly any step was taken: the arguments are too wild to find anything"


def _differentiated(session: Any, made: dict[str, Json]) -> Any:
    """What the second-order backward of a step's result is refused with."""
    follow = [step("ones_like", "RES", out="G"), step("backward", tensors="RES", grad_tensors="G", create_graph=True)]
    return refusal(session, {**made, "out": "RES"}, *follow, UNDO)


def test_the_exclusions_are_of_steps_that_there_are() -> None:
    assert OPEN.keys() <= {name for name, _ in signatures()}
