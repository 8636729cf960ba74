"""Custom gradients as data: a function with a `backward` is a `torch.autograd.Function`, made when it is saved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.functions.applying import frame_of
from app.functions.definition import Definition, Program
from app.functions.stepping import run_steps
from app.problems import Problem
from app.session.steps import Step
from engine.autograd import Function


@dataclass(frozen=True, slots=True)
class Backward:
    """The gradient of a function: steps from the gradients of its outputs, and what forward saved, to its inputs'."""

    inputs: tuple[str, ...]
    steps: tuple[Step, ...]
    outputs: tuple[str | None, ...]
    saved: tuple[str, ...]


def function_class(name: str, program: Program, backward: Backward, calls: Mapping[str, Definition]) -> type[Function]:
    """The autograd Function of a program and its gradient; its nodes are named `<name>Backward`.

    The graph holds the class, and so this version of the function, as long as backward may need it.
    """

    def forward(ctx: Any, *args: Any) -> Any:
        with frame_of(calls) as frame:
            outputs = program.run(args, frame)
            if len(outputs) != len(backward.inputs):
                text = f"{name}() has {len(outputs)} outputs, and its backward {len(backward.inputs)} inputs for them"
                raise Problem("bad_argument", text)
            ctx.save_for_backward(*[frame.names.named(each) for each in backward.saved])
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    def run_backward(ctx: Any, *gradients: Any) -> Any:
        with frame_of(calls) as frame:
            given = zip((*backward.inputs, *backward.saved), (*gradients, *ctx.saved_tensors), strict=True)
            for each, tensor in given:
                frame.names.bind(each, tensor)
            run_steps(backward.steps, frame, f"{name}.backward")
            return tuple(None if each is None else frame.names.named(each) for each in backward.outputs)

    return type(name, (Function,), {"forward": staticmethod(forward), "backward": staticmethod(run_backward)})
