"""What stands behind `torch.optim.`, and behind an optimizer's dot."""

from __future__ import annotations

import inspect
from typing import Any

from app.exec.budget import Run
from app.exec.namespaces import space
from app.exec.sequences import iterate, listed, walk
from app.exec.signatures import Any_, Bool, MaybeFunc, Read, bare, guarded, method
from app.exec.values import PLAIN, Builtin, type_name, wrong_type
from engine import optim
from engine.modes import state
from engine.optim import Optimizer
from engine.tensor import Tensor

TYPES: tuple[type[Optimizer], ...] = (
    *(optim.SGD, optim.Adam, optim.AdamW, optim.RMSprop, optim.Adagrad, optim.LBFGS),
    *(optim.Adadelta, optim.Adamax, optim.NAdam, optim.RAdam, optim.Rprop, optim.ASGD),
)


def _maker(kind: type[Optimizer]) -> Builtin:
    """The constructor: parameters or groups first, then options by name or place."""
    signature = inspect.signature(kind)

    def call(run: Run, args: list[Any], kwargs: dict[str, Any]) -> Optimizer:
        first = [_params(run, args[0])] if args else []
        if "params" in kwargs:
            kwargs = {**kwargs, "params": _params(run, kwargs["params"])}
        for each in (*args[1:], *(value for key, value in kwargs.items() if key != "params")):
            _check_option(each)
        try:
            bound = signature.bind(*first, *args[1:], **kwargs)
        except TypeError as error:
            raise wrong_type(f"{kind.__name__}.__init__() {error}") from None
        return kind(*bound.args, **bound.kwargs)

    return Builtin(kind.__name__, guarded(kind.__name__, call))


def _params(run: Run, value: Any) -> Any:
    """What to optimize, as lists of the engine's; a group's options are checked."""
    if isinstance(value, Tensor):
        return value
    entries = listed(run, value)
    for each in entries:
        if isinstance(each, dict):
            walk(run, each)
            for key, option in each.items():
                if key != "params":
                    _check_option(option)
    return entries


def _check_option(value: Any) -> None:
    parts = value if isinstance(value, (tuple, list)) else (value,)
    if not all(type(each) in PLAIN or isinstance(each, Tensor) for each in parts):
        raise wrong_type(f"options of an optimizer are numbers, texts and bools, not {type_name(value)}")


def _step(run: Run, self: Any_, closure: MaybeFunc = None) -> Any:
    return self.step(closure)


def _zero_grad(run: Run, self: Any_, set_to_none: Bool = True) -> None:
    self.zero_grad(set_to_none)


def _add_param_group(run: Run, self: Any_, param_group: Any_) -> None:
    if type(param_group) is not dict:
        raise wrong_type(f"param_group must be a dict, but got {type_name(param_group)}")
    run.variables.changes(param_group)
    group = dict(param_group)
    for key, value in group.items():
        if key == "params":
            group[key] = value if isinstance(value, Tensor) else list(iterate(run, value))
        else:
            _check_option(value)
    self.add_param_group(group)


def _load(run: Run, self: Any_, state_dict: Any_) -> None:
    if type(state_dict) is not dict:
        raise wrong_type(f"state_dict must be a dict, but got {type_name(state_dict)}")
    walk(run, state_dict)
    self.load_state_dict(state_dict)


def _groups(run: Run, value: Any) -> Any:
    log = state.ctx.log
    if log is not None:
        log.optimizer(value)  # what is done to the groups is not seen
    return value.param_groups


OPTIMIZER: dict[str, Read] = {
    "add_param_group": method("add_param_group", _add_param_group),
    "defaults": lambda run, x: dict(x.defaults),
    "load_state_dict": method("load_state_dict", _load),
    "param_groups": _groups,
    "state_dict": method("state_dict", bare(lambda x: x.state_dict())),
    "step": method("step", _step),
    "zero_grad": method("zero_grad", _zero_grad),
}
OPTIM = space("torch.optim", {each.__name__: _maker(each) for each in TYPES})
