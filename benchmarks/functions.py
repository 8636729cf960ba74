"""What a compiled function costs: value and gradient of Rosenbrock's function and of a network, by four ways.

    python -m benchmarks.functions [--rounds 30] [--cases rosenbrock-1000,mlp]

`plan` is the list of kernels that a saved function becomes, `engine` the same program run eagerly, `numpy` code written
by hand by somebody who has derived the gradient on paper, `torch` PyTorch in eager mode and `torch.func` its transform
of the same name. The method is that of `benchmarks.engine`: in turn, one thread, equal results first.
"""

from __future__ import annotations

import argparse
import importlib
import platform
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

import engine
from benchmarks._options import chosen
from benchmarks._timing import Sample, measure
from engine.compiled import compile_function

SEED = 0
TARGET = 1.5  # times NumPy, at n = 1,000
TARGET_CASE = "rosenbrock-1000"
ROW = "{:18} {:11} {:>12} {:>12} {:>9} {:>9}  {}"
HEADINGS = ("case", "by", "best", "median", "to NumPy", "to torch", "target")
TOLERANCE = 1e-4

Arrays = list[np.ndarray[Any, Any]]
Results = tuple[Any, Sequence[Any]]  # the value and the gradients
Call = Callable[[], Results]
Program = Callable[[Any, Sequence[Any]], Any]  # of a module and tensors


class Case:
    """A program in PyTorch's names, its NumPy twin, its data, and which arguments it is differentiated by."""

    def __init__(
        self, program: Program, numpy: Callable[..., Results], data: Callable[[Any], Arrays], wrt: Sequence[int]
    ) -> None:
        self.program = program
        self.numpy = numpy
        self.data = data
        self.wrt = wrt


def rosenbrock(t: Any, args: Sequence[Any]) -> Any:
    """Rosenbrock's function, as the text of a saved function has it."""
    (x,) = args
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def rosenbrock_by_hand(x: np.ndarray[Any, Any]) -> Results:
    """In place where the old value is not needed, the sums as dot products."""
    a, b = x[:-1], x[1:]
    d = b - a * a
    f = 1 - a
    value = 100 * np.dot(d, d) + np.dot(f, f)
    g = np.empty_like(x)
    t = d * a
    t *= -400
    f *= 2
    t -= f
    g[:-1] = t
    g[-1] = 0
    d *= 200
    g[1:] += d
    return value, (g,)


def network(t: Any, args: Sequence[Any]) -> Any:
    """Two layers and the mean squared error."""
    x, w1, b1, w2, b2, target = args
    h = t.relu(t.nn.functional.linear(x, w1, b1))
    return t.nn.functional.mse_loss(t.nn.functional.linear(h, w2, b2), target)


def network_by_hand(*args: np.ndarray[Any, Any]) -> Results:
    """Forward, then each layer's gradient in turn."""
    x, w1, b1, w2, b2, target = args
    h = x @ w1.T
    h += b1
    np.maximum(h, 0, out=h)
    e = h @ w2.T
    e += b2
    e -= target
    value = np.dot(e.ravel(), e.ravel()) / e.size
    e *= 2 / e.size
    g = e @ w2
    g *= h > 0
    return value, (g.T @ x, np.add.reduce(g), e.T @ h, np.add.reduce(e))


def point(n: int) -> Callable[[Any], Arrays]:
    """The data of Rosenbrock's function."""
    return lambda rng: [rng.standard_normal(n).astype(np.float32)]


def layers(rng: Any) -> Arrays:
    """The data of the network: 64 inputs of 100, 50 hidden, 10 outputs."""
    shapes = [(64, 100), (50, 100), (50,), (10, 50), (10,), (64, 10)]
    return [(rng.standard_normal(shape) * 0.2).astype(np.float32) for shape in shapes]


CASES = {
    **{f"rosenbrock-{n}": Case(rosenbrock, rosenbrock_by_hand, point(n), (0,)) for n in (10, 1_000, 100_000)},
    "mlp": Case(network, network_by_hand, layers, (1, 2, 3, 4)),
}


def optional_torch() -> Any:
    """PyTorch on one thread, or None where it is not installed."""
    try:
        torch = importlib.import_module("torch")
    except ImportError:
        return None
    torch.set_num_threads(1)
    return torch


def contenders(case: Case, torch: Any) -> dict[str, Call]:
    """The calls to compare, on the same data."""
    arrays = case.data(np.random.default_rng(SEED))
    calls: dict[str, Call] = {"numpy": lambda: case.numpy(*arrays)}
    calls["plan"] = by_plan(case, arrays)
    calls["engine"] = eagerly(engine, case, [engine.tensor(each) for each in arrays])
    if torch is not None:
        tensors = [torch.from_numpy(each.copy()) for each in arrays]
        calls["torch"] = eagerly(torch, case, tensors)
        both = torch.func.grad_and_value(lambda *args: case.program(torch, args), argnums=tuple(case.wrt))

        def by_func() -> Results:
            grads, value = both(*tensors)
            return value, grads

        calls["torch.func"] = by_func
    return calls


def by_plan(case: Case, arrays: Arrays) -> Call:
    """The program as a plan."""
    tensors = [engine.tensor(each) for each in arrays]
    plan = compile_function(lambda args: [case.program(engine, args)], tensors, case.wrt, [None])

    def call() -> Results:
        value, *grads = plan.run(arrays)
        return value, grads

    return call


def eagerly(module: Any, case: Case, tensors: Sequence[Any]) -> Call:
    """The program run op by op, with leaves made once."""
    leaves = [each.requires_grad_(at in case.wrt) for at, each in enumerate(tensors)]
    wanted = [leaves[at] for at in case.wrt]

    def call() -> Results:
        value = case.program(module, leaves)
        return value, module.autograd.grad(value, wanted)

    return call


def check_equal(name: str, calls: dict[str, Call]) -> None:
    """Refuses to time contenders that do not compute the same."""
    value, grads = calls["numpy"]()
    for contender, call in calls.items():
        for _ in range(2):  # the second call shows state that the first one left behind
            found, gradients = call()
            pairs = [(found, value), *zip(gradients, grads, strict=True)]
            for at, (one, other) in enumerate(pairs):
                given = np.asarray(one.detach().numpy() if hasattr(one, "detach") else one)
                scale = float(np.abs(other).max())
                error = float(np.abs(given.astype(np.float64) - other).max()) / scale
                if given.shape != np.shape(other) or not error < TOLERANCE:
                    raise SystemExit(f"{name}: result {at} of {contender} is off by {error:.1e} of the largest value")


def verdict(name: str, who: str, samples: dict[str, Sample]) -> str:
    """The targets of a plan and whether this run met them."""
    if who != "plan":
        return ""
    parts = []
    if name == TARGET_CASE:
        met = samples[who].ratio_to(samples["numpy"]) <= TARGET
        parts.append(f"{'met' if met else 'MISSED'}: ≤ {TARGET:g} × NumPy")
    if "torch" in samples:
        parts.append(f"{'met' if samples[who].ratio_to(samples['torch']) < 1 else 'MISSED'}: < torch")
    return ", ".join(parts)


def print_case(name: str, samples: dict[str, Sample]) -> None:
    """The rows of one case."""
    for who, sample in samples.items():
        torch = samples.get("torch")
        cells = (
            *(name, who, f"{sample.best * 1e6:.1f} µs", f"{sample.median * 1e6:.1f} µs"),
            *(f"{sample.ratio_to(samples['numpy']):.2f}", f"{sample.ratio_to(torch):.3f}" if torch else ""),
        )
        print(ROW.format(*cells, verdict(name, who, samples)).rstrip(), flush=True)


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.functions", description=__doc__.split("\n")[0])
    parser.add_argument("--cases", default=",".join(CASES), help=f"of {', '.join(CASES)} (default: all)")
    parser.add_argument("--rounds", type=int, default=20, help="blocks per contender (default: 20)")
    options = parser.parse_args(argv)
    options.cases = chosen(parser, options.cases, CASES)
    return options


def main(argv: Sequence[str] | None = None) -> int:
    """Runs what the command line asks for."""
    options = parse(argv)
    torch = optional_torch()
    version = "not installed" if torch is None else torch.__version__
    print(f"Python {platform.python_version()}, NumPy {np.__version__}, PyTorch {version}; {options.rounds} rounds")
    print(ROW.format(*HEADINGS))
    with threadpool_limits(limits=1):
        for name in options.cases:
            calls = contenders(CASES[name], torch)
            check_equal(name, calls)
            print_case(name, measure(calls, options.rounds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
