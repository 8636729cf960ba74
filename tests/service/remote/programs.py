"""Functions of a snippet's own: their steps are noted while they run once, and saved; derivatives are asked for.

The steps run in the session too, on copies of the arguments, so that a function may look at shapes and values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .speech import NotSayable, spoken
from .tensors import RemoteTensor

if TYPE_CHECKING:
    from .module import Torch

OPTIONS = ("eps", "atol", "rtol")


class Trace:
    """Steps as they are made; `mode` is the grad mode in which they begin. A tensor from outside is a constant."""

    def __init__(self, torch: Torch, known: Sequence[str] = (), mode: bool = True) -> None:
        self.mode = mode
        self.steps: list[dict[str, Any]] = []
        self.wanted: list[str] = []  # of the known names, those that were used
        self._torch, self._known = torch, set(known)
        self.names: set[str] = set()  # known inside

    def input(self, like: RemoteTensor, requires_grad: bool) -> RemoteTensor:
        """A copy of an argument, to run the function on."""
        told = like.told()
        copy = self._torch.made(told["data"], told["dtype"], requires_grad and is_floating(told["dtype"]))
        self.names.add(copy._name)
        return copy

    def use(self, tensor: RemoteTensor) -> None:
        """A tensor stands in a step or is a result."""
        name = tensor._name
        if name in self.names:
            return
        if name in self._known:
            self.wanted.append(name)
        elif tensor.requires_grad or "." in name:
            raise NotSayable("a function of a tensor that is not its argument")
        else:
            told = tensor.told()
            self.steps.append({"op": "tensor", "data": told["data"], "dtype": told["dtype"], "out": name})
        self.names.add(name)

    def note(self, op: str, body: dict[str, Any], results: Sequence[dict[str, Any] | None]) -> None:
        """A step that was made; one without a tensor as its result is not part of the function."""
        names = [None if each is None else each["name"] for each in results]
        if not any(names):
            return
        step = {"op": op, **body}
        if not self.names.issuperset(names):
            step["out"] = names if len(names) > 1 or "out" in body else names[0]
        if self._torch.recording < self.mode:
            step["no_grad"] = True
        self.steps.append(step)
        self.names.update(name for name in names if name is not None)


def is_floating(dtype: str) -> bool:
    return "float" in dtype or "complex" in dtype


class Program:
    """A saved function, and the arguments it was made with."""

    def __init__(self, torch: Torch, function: Callable[..., Any], args: Sequence[Any]) -> None:
        if torch.noted is not None:
            raise NotSayable("derivatives of a function within a function")
        self._torch, self.args = torch, [each for each in args if isinstance(each, RemoteTensor)]
        trace = Trace(torch)
        inputs = [trace.input(each, True) for each in self.args]
        given = iter(inputs)
        with torch.noting(trace):
            result = function(*(next(given) if isinstance(each, RemoteTensor) else each for each in args))
            self.several = isinstance(result, tuple)
            outputs = list(result) if self.several else [result]
            if not outputs or not all(isinstance(each, RemoteTensor) for each in outputs):
                raise NotSayable("results of this kind")
            names = spoken(outputs)
        self._name = f"f{len(torch.functions)}"
        document = {"inputs": [{"name": each._name} for each in inputs], "steps": trace.steps, "outputs": names}
        torch.save(self._name, document)

    def ask(self, what: str, **fields: Any) -> Any:
        """The answer about the function at its arguments."""
        args = [literal_of(each) for each in self.args]
        return self._torch.ask("POST", f"/v1/functions/{self._name}/{what}", {"args": args, **fields})

    def tensors(self, told: Sequence[dict[str, Any]]) -> tuple[RemoteTensor, ...]:
        """Tensor objects of an answer as tensors of the session."""
        return tuple(self._torch.made(each["data"], each["dtype"]) for each in told)

    def outputs(self, answer: dict[str, Any], field: str = "outputs") -> Any:
        """The outputs in an answer, or what there is for each of them, as the function returns them."""
        made = self.tensors(answer[field])
        return made if self.several else made[0]

    def vectors(self, given: Any, count: int) -> list[Any]:
        """Tangents or cotangents, one for each of so many."""
        values = list(given) if isinstance(given, (tuple, list)) else [given] * (count == 1 or given is not None)
        return [None if each is None else literal_of(each) for each in values]


def literal_of(tensor: Any) -> Any:
    """The values of a tensor, to stand in a request."""
    if not isinstance(tensor, RemoteTensor):
        raise NotSayable(f"an argument of type {type(tensor).__name__}")
    told = tensor.told()
    return {"data": told["data"], "dtype": told["dtype"], "shape": told["shape"]}


def lone(args: Any) -> tuple[Any, ...]:
    """Arguments as a tuple."""
    return args if isinstance(args, tuple) else (args,)


def plain(options: dict[str, Any]) -> None:
    """Refuse options that differ from their defaults."""
    if any(options.values()):
        raise NotSayable(f"options {', '.join(options)}")


class Derivatives:
    """`torch.autograd.functional`."""

    def __init__(self, torch: Torch) -> None:
        self._torch = torch

    def jacobian(self, func: Any, inputs: Any, **options: Any) -> Any:
        plain(options)
        program = Program(self._torch, func, lone(inputs))
        found = program.ask("jacobian")["jacobians"]
        rows = [program.tensors(each) for each in (found if program.several else [found])]
        made = tuple(each if isinstance(inputs, tuple) else each[0] for each in rows)
        return made if program.several else made[0]

    def hessian(self, func: Any, inputs: Any, **options: Any) -> Any:
        plain(options)
        program = Program(self._torch, func, lone(inputs))
        rows = tuple(program.tensors(each) for each in program.ask("hessian")["hessians"])
        return rows if isinstance(inputs, tuple) else rows[0][0]

    def vjp(self, func: Any, inputs: Any, v: Any = None, **options: Any) -> Any:
        plain(options)
        program = Program(self._torch, func, lone(inputs))
        answer = program.ask("vjp", **({} if v is None else {"cotangents": program.vectors(v, 1)}))
        return program.outputs(answer), _as(inputs, program.tensors(answer["grads"]))

    def jvp(self, func: Any, inputs: Any, v: Any = None, **options: Any) -> Any:
        plain(options)
        program = Program(self._torch, func, lone(inputs))
        answer = program.ask("jvp", tangents=program.vectors(v, 1))
        return program.outputs(answer), program.outputs(answer, "tangents")

    def hvp(self, func: Any, inputs: Any, v: Any = None, **options: Any) -> Any:
        plain(options)
        program = Program(self._torch, func, lone(inputs))
        answer = program.ask("hvp", vectors=program.vectors(v, 1))
        return program.outputs(program.ask("call")), _as(inputs, program.tensors(answer["hvp"]))

    vhp = hvp  # a Hessian is symmetric

    def __getattr__(self, name: str) -> Any:
        raise NotSayable(f"torch.autograd.functional.{name}")


def _as(inputs: Any, made: tuple[Any, ...]) -> Any:
    return made if isinstance(inputs, tuple) else made[0]


class Transforms:
    """`torch.func`. Within a function that is being noted, `grad` and `vjp` are steps of that function."""

    def __init__(self, torch: Torch) -> None:
        self._torch = torch

    def grad(self, func: Any, argnums: Any = 0, **options: Any) -> Any:
        both = self.grad_and_value(func, argnums, **options)
        return lambda *args: both(*args)[0]

    def grad_and_value(self, func: Any, argnums: Any = 0, **options: Any) -> Any:
        plain(options)

        def transformed(*args: Any) -> Any:
            chosen = [args[at] for at in lone(argnums)]
            if self._torch.noted is not None:
                value = func(*args)
                made = self._torch.autograd.grad(value, chosen, create_graph=True)
                return _as(argnums, made), value
            program = Program(self._torch, func, args)
            answer = program.ask("value_and_grad", wrt=list(lone(argnums)))
            return _as(argnums, program.tensors(answer["grads"])), program.tensors([answer["value"]])[0]

        return transformed

    def vjp(self, func: Any, *primals: Any, **options: Any) -> Any:
        plain(options)
        if self._torch.noted is not None:
            out = func(*primals)
            return out, lambda v: self._torch.autograd.grad(out, primals, v, create_graph=True)
        program = Program(self._torch, func, primals)

        def pull(*vectors: Any) -> Any:
            given = vectors[0] if len(vectors) == 1 else vectors
            return program.tensors(program.ask("vjp", cotangents=program.vectors(given, 1))["grads"])

        return program.outputs(program.ask("call")), pull

    def jvp(self, func: Any, primals: Any, tangents: Any, **options: Any) -> Any:
        plain(options)
        program = Program(self._torch, func, primals)
        answer = program.ask("jvp", tangents=program.vectors(tangents, 1))
        return program.outputs(answer), program.outputs(answer, "tangents")

    def linearize(self, func: Any, *primals: Any) -> Any:
        program = Program(self._torch, func, primals)

        def push(*tangents: Any) -> Any:
            return program.outputs(program.ask("jvp", tangents=program.vectors(tangents, 1)), "tangents")

        return program.outputs(program.ask("call")), push

    def jacrev(self, func: Any, argnums: Any = 0, **options: Any) -> Any:
        plain(options)

        def transformed(*args: Any) -> Any:
            program = Program(self._torch, func, args)
            found = program.ask("jacobian", wrt=list(lone(argnums)))["jacobians"]
            made = tuple(_as(argnums, program.tensors(each)) for each in (found if program.several else [found]))
            return made if program.several else made[0]

        return transformed

    jacfwd = jacrev

    def hessian(self, func: Any, argnums: Any = 0) -> Any:
        def transformed(*args: Any) -> Any:
            program = Program(self._torch, func, args)
            rows = program.ask("hessian", wrt=list(lone(argnums)))["hessians"]
            return _as(argnums, tuple(_as(argnums, program.tensors(each)) for each in rows))

        return transformed

    def __getattr__(self, name: str) -> Any:
        raise NotSayable(f"torch.func.{name}")


def gradcheck(torch: Torch, func: Any, inputs: Any, raise_exception: bool = True, **options: Any) -> bool:
    """`torch.autograd.gradcheck`; what a mismatch looks like is not on the wire."""
    plain({name: value for name, value in options.items() if name not in OPTIONS})
    args = tuple(inputs) if isinstance(inputs, list) else lone(inputs)
    program = Program(torch, func, args)
    wanted = [at for at, each in enumerate(program.args) if each.requires_grad]
    ok = program.ask("gradcheck", wrt=wanted, **options)["ok"]
    if not ok and raise_exception:
        raise NotSayable("the text of a mismatch")
    return bool(ok)


def gradgradcheck(torch: Torch, func: Any, inputs: Any, grad_outputs: Any = None, **options: Any) -> bool:
    """`torch.autograd.gradgradcheck`: a check of the gradients as a function of inputs and cotangents."""
    args = lone(inputs)
    cotangents = grad_outputs
    if grad_outputs is None:
        cotangents = tuple(torch.call("randn_like", each) for each in lone(func(*args)))
    wanted = [at for at, each in enumerate(args) if each.requires_grad]

    def gradients(*both: Any) -> Any:
        primals = [each.clone() for each in both[: len(args)]]
        chosen = [primals[at].requires_grad_() for at in wanted]
        return torch.autograd.grad(lone(func(*primals)), chosen, both[len(args) :], create_graph=True)

    checked = [each.detach().requires_grad_() for each in lone(cotangents)] if wanted else []
    return gradcheck(torch, gradients, (*args, *checked), **options)
