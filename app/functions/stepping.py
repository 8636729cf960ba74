"""Programs of steps: the steps of a function, run by the same machinery as those of a session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.problems import problem_of
from app.session.frames import Frame
from app.session.names import SHOWN
from app.session.steps import Step, run_step
from engine.tensor import Tensor


@dataclass(frozen=True, slots=True)
class Steps:
    """A program of steps: the names of its inputs, the steps, the names of its outputs."""

    function: str
    inputs: tuple[str, ...]
    steps: tuple[Step, ...]
    outputs: tuple[str, ...]

    @property
    def may_compile(self) -> bool:
        """Always: steps catch nothing."""
        return True

    def run(self, args: Sequence[Tensor], frame: Frame) -> list[Tensor]:
        """The outputs. Raises what a step raises, with its place in the function."""
        for name, tensor in zip(self.inputs, args, strict=True):
            frame.names.bind(name, tensor)
        run_steps(self.steps, frame, self.function)
        return [frame.names.named(name) for name in self.outputs]


def run_steps(steps: Sequence[Step], frame: Frame, function: str) -> None:
    """Run steps in order.

    Raises Problem; its member `function` tells which function and which of its steps it was, the innermost one.
    """
    for index, step in enumerate(steps):
        try:
            run_step(frame, step)
        except RecursionError:
            raise  # of code around: it says so in its own words
        except Exception as error:  # noqa: BLE001  # raised again, with its place
            problem = problem_of(error)
            problem.extra.setdefault("function", {"name": function, "step": index, "op": step.op[:SHOWN]})
            raise problem from problem.__cause__
