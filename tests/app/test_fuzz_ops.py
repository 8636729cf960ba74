"""Random arguments for every step: whatever is wrong with them is refused with a code, never with a defect."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest

from app.limits import MIB, Limits
from app.session.parameters import Extra, Parameter, parameters_of
from app.session.special import SPECIALS
from engine.kinds import REQUIRED, Kind
from engine.op import registry
from tests.app.fuzzing import TENSORS, UNDO, Json, defect, full_session, refusal, step

SEED = 20
TRIES = 6  # for each overload
# Small, so that a size drawn at random is refused at once or computed at once.
LIMITS = Limits(tensor_bytes=MIB, session_bytes=4 * MIB)
NAMES = [*TENSORS, "f.grad", "nl"]
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
@pytest.mark.filterwarnings("ignore::UserWarning")  # torch's own; any other would be a leak of NumPy's
def test_random_arguments_are_refused_with_a_code_or_taken(part: int) -> None:
    session = full_session(LIMITS)
    found: dict[str, str] = {}
    taken = 0
    for name, parameters in signatures()[part::PARTS]:
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


# What random arguments have found: steps that raised NumPy's or Python's own exceptions, took endless time or memory,
# or broke the process, with the code they are refused with (None: PyTorch takes them).
HUGE = 2**62
PIVOTS = {"data": [2**31 - 1, 1], "dtype": "int32"}
FOUND: list[tuple[dict[str, Json], str | None]] = [
    (step("linalg.lu_solve", "m", PIVOTS, "m"), "bad_argument"),
    (step("linalg.lu_solve", "m", {"data": 1, "dtype": "int32"}, "m"), "bad_argument"),  # torch's IndexError
    (step("lu_unpack", "m", {"data": [1], "dtype": "int32"}), "shape_mismatch"),
    (step("repeat_interleave", [1.0, 2.0], [HUGE, HUGE]), "too_large"),
    (step("combinations", "f", r=HUGE), "shape_mismatch"),
    (step("combinations", "f", r=60), "too_large"),
    (step("zeros", size=[2**40, 0]), "too_large"),
    (step("zeros", size=[HUGE, 4, 0]), "too_large"),
    (step("repeat", "e", repeats=[HUGE, 2]), "too_large"),
    (step("tile", "e", dims=[HUGE, 2]), "too_large"),
    (step("tensor_split", "f", 2**40), "too_large"),
    (step("special.multigammaln", "f", 2**40), "too_large"),
    (step("special.laguerre_polynomial_l", {"data": [0.5] * 50_000}, 99_999), "too_large"),
    (step("as_strided", "nl", size=[HUGE, 2], stride=[0, 0]), "too_large"),
    (step("arange", 0, 1e308, 0.5), "bad_argument"),
    (step("arange", 10**30), "bad_argument"),
    (step("linspace", 2, 10**30, 4), "bad_argument"),
    (step("add", "i", 10**30), "bad_argument"),
    (step("pow", "i", 2**64), "bad_argument"),
    (step("addcmul", "i", "i", "i", value="Infinity"), "bad_argument"),
    (step("addmm", "m", "m", "m", alpha={"complex": [1, 1]}), "bad_argument"),
    (step("addr", "i", "i", "i", alpha={"complex": [1, 1]}), "bad_argument"),
    (step("index_add", "i", 0, "i", "i", alpha="Infinity"), "bad_argument"),
    (step("baddbmm", "c3", "c3", [[[[1.0]]]]), "shape_mismatch"),
    (step("histogram", "f", 3, range=1.5), "bad_argument"),
    (step("histogram", "f", 3, range=[1.0]), "bad_argument"),
    (step("tensordot", "f", "f", dims={}), "bad_argument"),
    (step("tensordot", "f", "f", dims=[1]), "bad_argument"),
    (step("tensordot", "f", "s", dims=[[0], [1]]), "bad_argument"),
    (step("nn.functional.celu_", "nl", 0), "bad_argument"),
    (step("nn.functional.hardtanh", "f", {"complex": [1, 1]}), "bad_argument"),
    (step("nn.functional.gaussian_nll_loss", "f", "f", {"complex": [1, 1]}), "bad_argument"),
    (step("nn.functional.bilinear", "f", "f", "f"), "bad_argument"),
    (step("nn.functional.pad", [[]], [1, 2], mode="replicate"), "shape_mismatch"),
    (
        step("nn.functional.multi_margin_loss", "g", [0, 1], weight={"data": [1, 1, 1], "dtype": "float64"}),
        "dtype_mismatch",
    ),
    (step("index_reduce", "f", 0, "i", "g", "mean"), "bad_argument"),
    (step("unsafe_chunk", "s", 2), "shape_mismatch"),
    (step("fft.fftshift", "s", 0), "bad_argument"),
    (step("stft", "f", -7), "bad_argument"),
    (step("unravel_index", "i", [0, 4]), "bad_argument"),
    (step("mul_", 2, "f"), "bad_argument"),
    (step("fft.fftfreq", 5, 0), None),
    (step("round", "f", decimals=2**40), None),
    (step("diag", "g", 2**40), None),
    (step("triu", "g", -(2**63)), None),
    (step("tril_indices", 2**40, 0), None),
    (step("bucketize", "bf", "i"), None),
    (step("unfold", "g", 0, 2, 2**63 - 1), None),
    (step("nn.functional.conv1d", [[[1.0, 2.0]]], [[[1.0, 2.0]]], stride=HUGE), None),
    (step("nn.functional.adaptive_max_pool1d", {"data": [[0.5] * 100_000]}, 1), None),
    (step("gather", "f", 0, 2), None),
]


@pytest.mark.parametrize(
    ("made", "code"), [pytest.param(*each, id=f"{nr}-{each[0]['op']}") for nr, each in enumerate(FOUND)]
)
def test_what_was_found_stays_mended(made: dict[str, Json], code: str | None) -> None:
    problem = refusal(full_session(LIMITS), made, UNDO)
    assert problem is not None
    assert defect(problem) is None
    assert problem.code == (code or "unknown_op")
