"""The method `exec`: it names the step and answers with its output and the tensors it bound."""

from __future__ import annotations

from app.calls import Call
from app.session.bodies import body_of
from app.session.executing import Execution, as_json
from app.session.objects import Writer
from app.session.replies import Reply, parsed
from app.session.state import State
from app.session.steps import Step, run_step


def execute(state: State, call: Call) -> Reply:
    """Run code: what it printed, the value of a last expression, and each tensor whose name it bound."""
    body = body_of(parsed(state, call), ("code",), ("code",))
    done: Execution = run_step(state, Step("exec", fields=body)).value
    writer = Writer(state.limits)
    result = as_json(done.value, done["text"], lambda each: writer.tensor(each, state.names.of(each)))
    bound = [(name, state.names.get(name)) for name in done.bound]
    tensors = {name: writer.tensor(each, name, False) for name, each in bound if each is not None}
    answer = {"stdout": done["stdout"], "result": result, "text": done["text"], "tensors": tensors}
    return 200, {**answer, "version": state.version}
