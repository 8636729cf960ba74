"""Compiling: from a function and some arguments to the plan for all arguments of these shapes and dtypes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from engine.compiled.gradients import Backward
from engine.compiled.plan import Plan
from engine.compiled.program import Program
from engine.compiled.recorder import Recorder, variable_of
from engine.compiled.values import Symbol, Untraceable, Value, Variable
from engine.tensor import Tensor

Function = Callable[[list[Any]], Sequence[Tensor]]


def compile_function(
    function: Function,
    arguments: Sequence[Any],
    wrt: Sequence[int] = (),
    cotangents: Sequence[Any] | None = None,
) -> Plan:
    """The plan of a function of a list of tensors (and other values, which stay as they are) to a list of tensors.

    Tensors among the arguments are what the plan is run with, in this order. With `wrt`, the places of arguments that
    require grad, gradients for `cotangents` follow the outputs: one array for each output, which the plan is run with
    after the arguments, or None for the one of a scalar; None in the place of a gradient says that nothing flows.

    Raises Untraceable where the function has no plan, and what the function raises.
    """
    recorder = Recorder()
    given: list[Any] = []
    inputs: list[Value] = []
    for at, each in enumerate(arguments):
        made = recorder.input(each._array, at in wrt) if isinstance(each, Tensor) else each
        given.append(made)
        if isinstance(each, Tensor):
            _check_host(each._array)
            inputs.append(made._array.value)
    with recorder.recording():
        outputs = list(function(list(given)))
    variables = [variable_of(each) for each in outputs]
    values = [recorder.value(each) for each in outputs]
    if wrt:
        seeds, extra = _seeds(recorder.program, values, cotangents)
        inputs += extra
        roots = [
            (variable, seed)
            for variable, seed, output in zip(variables, seeds, outputs, strict=True)
            if variable is not None and seed is not None and output.requires_grad
        ]
        wanted: list[Variable] = [given[at]._array.variable for at in wrt]
        gradients = Backward(recorder, wanted).run(roots)
    else:
        gradients = []
    return Plan(recorder.program.calls, inputs, _dense(recorder.program, [*values, *gradients]))


def _check_host(array: Any) -> None:
    if type(array) is Symbol or not isinstance(array, np.ndarray):
        raise Untraceable("the function gets arrays of another device, or is compiled already")


def _seeds(
    program: Program, outputs: Sequence[Value], cotangents: Sequence[Any] | None
) -> tuple[list[Value | None], list[Value]]:
    """The gradient that backward starts from at each output, and those of them that are arguments."""
    seeds: list[Value | None] = []
    extra: list[Value] = []
    for output, given in zip(outputs, cotangents or [None] * len(outputs), strict=True):
        if given is not None:
            extra.append(Value(given))
            seeds.append(extra[-1])
        elif output.real.size == 1 and output.dtype.kind in "fV":
            seeds.append(program.uniform(np.ones((), output.dtype), output.shape, scattered=True))
        else:
            seeds.append(None)
    return seeds, extra


def _dense(program: Program, values: Sequence[Value | None]) -> list[Value | None]:
    dense = [None if each is None else program.dense(each) for each in values]
    return [each.maker.args[0] if each is not None and _is_element(each) else each for each in dense]


def _is_element(value: Value) -> bool:
    """Whether a value is a NumPy scalar made an array, which is left to whoever gets it."""
    return value.maker is not None and value.maker.fn is np.asarray
