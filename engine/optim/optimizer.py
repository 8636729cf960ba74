"""The base of all optimizers: parameter groups with their options, and a state for each parameter."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from copy import copy
from typing import Any

from engine import errors, modes
from engine.modes import warn_once
from engine.tensor import Tensor

Group = dict[str, Any]
Closure = Callable[[], Any]

DUPLICATES = (
    "optimizer contains a parameter group with duplicate parameters; in future, this will cause an error; see "
    "github.com/pytorch/pytorch/issues/40967 for more information"
)


class Optimizer:
    """`torch.optim.Optimizer`: holds what a subclass's `step` updates.

    `params` is an iterable of tensors, of (name, tensor) pairs or of groups, dicts with `params` and options of their
    own; `defaults` has every option. Raises ValueError or TypeError with torch's texts.
    """

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        self.check(defaults)
        self.defaults = defaults
        if isinstance(params, Tensor):
            raise errors.bad_type(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                + _type_name(params)
            )
        self.state: defaultdict[Any, Any] = defaultdict(dict)
        self.param_groups: list[Group] = []
        try:
            given = list(params)
        except TypeError as error:
            raise errors.bad_type(str(error)) from None
        if not given:
            raise errors.bad_value("optimizer got an empty parameter list")
        for group in given if isinstance(given[0], dict) else [{"params": given}]:
            self.add_param_group(group)

    @staticmethod
    def check(options: dict[str, Any]) -> None:
        """Whether the options of a group, all of them, are allowed. Raises ValueError or TypeError."""

    def __repr__(self) -> str:
        groups = []
        for at, group in enumerate(self.param_groups):
            options = "".join(f"    {name}: {group[name]}\n" for name in sorted(group) if name != "params")
            groups.append(f"\nParameter Group {at}\n{options}")
        return f"{type(self).__name__} ({''.join(groups)})"

    # -- parameters and options ---------------------------------------------------------------------------------

    def add_param_group(self, param_group: Any) -> None:
        """Add a group: a dict of `params` and the options that differ from the defaults; it is filled in.

        Raises TypeError or ValueError for what cannot be optimized, is there already or has names only in part.
        """
        if not isinstance(param_group, dict):
            kind = "<class 'torch.Tensor'>" if isinstance(param_group, Tensor) else type(param_group)
            raise errors.bad_type(f"param_group must be a dict, but got {kind}")
        if "params" not in param_group:
            raise errors.coded(KeyError, "bad_argument", "params")
        given = param_group["params"]
        if isinstance(given, set):
            raise errors.bad_type(
                "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets "
                "will change between runs. Please use a list instead."
            )
        entries = [given] if isinstance(given, Tensor) else list(given)
        names = [entry[0] for entry in entries if isinstance(entry, tuple)]
        params = [entry[1] if isinstance(entry, tuple) else entry for entry in entries]
        if names and len(names) != len(params):
            raise errors.bad_value("all optimizer params should be with/without names. Some param names are missing")
        for param in params:
            _check_param(param)
        if len(params) != len(set(params)):
            warn_once(DUPLICATES, level=4)
        self._check_beside(params, bool(names) or "param_names" in param_group)
        self._log()
        param_group["params"] = params
        if names:
            param_group["param_names"] = names
        for name, default in self.defaults.items():
            param_group.setdefault(name, default)
        self.param_groups.append(param_group)

    def _check_beside(self, params: list[Tensor], named: bool) -> None:
        known: set[Tensor] = set()
        for group in self.param_groups:
            known.update(group["params"])
            if named != ("param_names" in group):
                raise errors.bad_value(
                    "all optimizer param groups should be with/without names. cannot add param group "
                    f"{'with' if named else 'without'} names to the optimizer"
                )
        if not known.isdisjoint(params):
            raise errors.bad_value("some parameters appear in more than one parameter group")

    def set_options(self, options: dict[str, Any], group: int | None = None) -> None:
        """Change options of one group, or of all groups and the defaults.

        Raises what the constructor raises, and nothing has changed then.
        """
        chosen = self.param_groups if group is None else [self.param_groups[group]]
        for each in chosen:
            self.check({**each, **options})
        self._log()
        for each in chosen:
            each.update(options)
        if group is None:
            self.defaults.update(options)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clear the gradients of all parameters, or fill them with zeros."""
        for group in self.param_groups:
            for param in group["params"]:
                if param.grad is None:
                    continue
                if set_to_none:
                    param.grad = None
                    continue
                if param.grad.grad_fn is not None:
                    param.grad.detach_()
                else:
                    param.grad.requires_grad_(False)
                param.grad.zero_()

    def step(self, closure: Closure | None = None) -> Any:
        """Update the parameters; `closure` computes the loss anew and returns it."""
        raise NotImplementedError

    # -- state --------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """The state by the parameters' numbers, and the groups with numbers for parameters; tensors are not copied."""
        numbers: dict[int, int] = {}
        for group in self.param_groups:
            for param in group["params"]:
                numbers.setdefault(id(param), len(numbers))
        groups = [
            {
                **{name: value for name, value in group.items() if name != "params"},
                "params": [numbers[id(param)] for param in group["params"]],
            }
            for group in self.param_groups
        ]
        state = {numbers[id(key)] if isinstance(key, Tensor) else key: value for key, value in self.state.items()}
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` gave, cast to the parameters' dtypes and devices; `step` stays as it is.

        Raises ValueError where the groups do not fit.
        """
        saved = [{**group, "params": list(group["params"])} for group in state_dict["param_groups"]]
        groups = self.param_groups
        if len(groups) != len(saved):
            raise errors.bad_value("loaded state dict has a different number of parameter groups")
        if any(len(old["params"]) != len(new["params"]) for old, new in zip(groups, saved, strict=True)):
            raise errors.bad_value(
                "loaded state dict contains a parameter group that doesn't match the size of optimizer's group"
            )
        params = {
            number: param
            for old, new in zip(groups, saved, strict=True)
            for number, param in zip(new["params"], old["params"], strict=True)
        }
        state = {
            params.get(key, key): _fitted(value, params[key]) if key in params else value
            for key, value in state_dict["state"].items()
        }
        self._log()
        self.state = defaultdict(dict, state)
        self.param_groups = [_updated(old, new) for old, new in zip(groups, saved, strict=True)]

    def tensors(self) -> Iterator[Tensor]:
        """Everything it holds: parameters and state."""
        for each in self._containers():
            yield from (
                value for value in (each.values() if isinstance(each, dict) else each) if isinstance(value, Tensor)
            )

    def _containers(self) -> Iterator[list[Any] | dict[Any, Any]]:
        """The lists and dicts that options and state are made of; code may have put anything into them."""
        yield self.param_groups
        yield self.state
        for owner in (*self.param_groups, *self.state.values()):
            if isinstance(owner, dict):
                yield owner
                yield from (value for value in owner.values() if type(value) is list)

    def validate(self) -> None:
        """Whether groups and state have the form that a step needs: code may have changed them by hand.

        Raises TypeError, ValueError or KeyError.
        """
        for group in self.param_groups:
            if not isinstance(group, dict) or type(group.get("params")) is not list:
                raise errors.bad_type("a parameter group must be a dict with a list of params")
            for param in group["params"]:
                _check_param(param)
            if missing := self.defaults.keys() - group.keys():
                raise errors.coded(KeyError, "bad_argument", f"a parameter group has no {min(missing)}")
            self.check(group)
            for param in group["params"]:
                self.validate_state(self.state.get(param, {}), group)

    def validate_state(self, state: Any, group: Group) -> None:
        """Whether the state of a parameter has the form that a step needs. Raises TypeError."""

    # -- for an undo log ----------------------------------------------------------------------------------------

    def _log(self) -> None:
        log = modes.state.ctx.log
        if log is not None:
            log.optimizer(self)

    def snapshot(self) -> tuple[Any, ...]:
        """What `restore` needs; values written in place are the undo log's own."""
        kept = [(each, copy(each)) for each in (self.defaults, *self._containers())]
        return self.param_groups, self.state, self.defaults, kept

    def restore(self, fields: tuple[Any, ...]) -> None:
        """Put back what `snapshot` gave, into the same lists and dicts."""
        self.param_groups, self.state, self.defaults, kept = fields
        for container, before in kept:
            container.clear()
            if isinstance(container, dict):
                container.update(before)
            else:
                container.extend(before)


def _check_param(param: Any) -> None:
    if not isinstance(param, Tensor):
        raise errors.bad_type(f"optimizer can only optimize Tensors, but one of the params is {_type_name(param)}")
    if not (param.is_leaf or param.retains_grad):
        raise errors.bad_value("can't optimize a non-leaf Tensor")


def _type_name(value: Any) -> str:
    """As `torch.typename` writes it."""
    if isinstance(value, Tensor):
        return value.dtype.tensor_type
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _fitted(value: Any, param: Tensor, name: str | None = None) -> Any:
    """State for a parameter: tensors in its dtype, where it is a floating one, on its device."""
    if isinstance(value, Tensor):
        if name == "step":
            return value
        return value.to(param.device, param.dtype) if param.is_floating_point() else value.to(param.device)
    if isinstance(value, dict):
        return {key: _fitted(each, param, key) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_fitted(each, param) for each in value)
    return value


def _updated(old: Group, new: Group) -> Group:
    names = {"param_names": old["param_names"]} if "param_names" in old else {}
    return {**names, **new, "params": old["params"]}
