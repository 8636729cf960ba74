"""The module: every call of `torch` is a request."""

from __future__ import annotations

import functools
import itertools
import math
from collections import namedtuple
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from engine.devices import Device

from .custom import function_class
from .hooks import Hooks
from .nodes import RemoteNode
from .programs import Derivatives, Trace, Transforms, gradcheck, gradgradcheck
from .speech import DTYPE_OF, NotSayable, Refused, literal, spoken, value_of
from .tensors import RemoteTensor

NAMESPACES = ("linalg", "nn", "nn.functional", "special", "fft")
STEPS = {
    "getitem", "setitem_", "requires_grad_", "retain_grad", "detach_", "set_grad", "set_grad_enabled", "manual_seed",
}  # fmt: skip
FORMS = {"promote_types": DTYPE_OF.get, "result_type": DTYPE_OF.get, "device": Device}  # values as torch has them


class Namespace:
    """`torch.linalg` and its like."""

    def __init__(self, torch: Torch, path: str) -> None:
        self._torch, self._path = torch, path

    def __getattr__(self, name: str) -> Any:
        return self._torch.found(f"{self._path}.{name}")


class Mode:
    """A grad mode as a block or a decorator; `set_grad_enabled` holds from its call on."""

    def __init__(self, torch: Torch, mode: bool, at_once: bool = False) -> None:
        self._torch, self._mode, self._at_once = torch, mode, at_once
        self._before = torch.recording
        if at_once:
            torch.switch(mode)

    def __enter__(self) -> None:
        if not self._at_once:
            self._before = self._torch.recording
            self._torch.switch(self._mode)

    def __exit__(self, *error: object) -> None:
        self._torch.switch(self._before)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def within(*args: Any, **kwargs: Any) -> Any:
            with Mode(self._torch, self._mode):
                return function(*args, **kwargs)

        return within


class Torch:
    """The module: a session, and the ops the server lists."""

    __name__ = "torch"

    def __init__(self, session: Any, catalogue: set[str], source: str) -> None:
        self.session = session
        self.catalogue = catalogue
        self.autograd = Autograd(self)
        self.func = Transforms(self)
        self.hooks = Hooks(self, source)
        self.noted: Trace | None = None  # what notes the steps of a function of the snippet's own
        self.functions: set[str] = set()  # saved for the snippet
        self.default_dtype = "float32"
        self.nodes: dict[int, RemoteNode] = {}
        self.edges: dict[int, list[tuple[int, int]]] = {}
        self._known: dict[str, RemoteTensor] = {}
        self.recording = True
        self._names = (f"v{at}" for at in itertools.count())
        self.inf, self.nan, self.pi = math.inf, math.nan, math.pi

    def close(self) -> None:
        """Delete what does not belong to the session."""
        for name in self.functions:
            self.session.client.delete(f"/v1/functions/{name}")

    # -- names

    def named(self, name: str) -> RemoteTensor:
        return self._known.setdefault(name, RemoteTensor(self, name))

    def fresh(self) -> str:
        return next(self._names)

    def used(self, tensor: RemoteTensor) -> None:
        """A tensor stands in a request."""
        if self.noted is not None:
            self.noted.use(tensor)

    def keep_grad(self, name: str) -> None:
        """A gradient that is about to be replaced, and that the snippet may hold, gets a name of its own."""
        held = self._known.pop(f"{name}.grad", None)
        if held is not None and held._torch.session.get(name)["grad"] is not None:
            own = self.fresh()
            self.post("ops/to", {"input": f"{name}.grad", "dtype": held.dtype.name, "out": own})
            held.__dict__["_name"] = own
            self._known[own] = held

    def node_of(self, name: str) -> RemoteNode:
        """The node of a tensor, with all that is behind it."""
        graph = self.session.call("GET", f"graph?tensor={name}")
        if name not in graph["roots"]:
            raise NotSayable("the node of a view that is invalid")
        for each in graph["nodes"]:
            self.nodes.setdefault(each["id"], type(each["name"], (RemoteNode,), {})(self, each))
            self.edges[each["id"]] = []
        for edge in graph["edges"]:
            self.edges[edge["from"]].append((edge["to"], edge["input_nr"]))
        return self.nodes[graph["roots"][name]].seen_at(f"{name}.grad_fn")

    # -- requests

    def ask(self, method: str, path: str, body: dict[str, Any]) -> Any:
        """A request about anything; raises Refused with the problem's detail."""
        response = self.session.client.request(method, path, json=body)
        if not response.is_success:
            raise Refused(response.json()["detail"])
        return response.json()

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """A request to the session."""
        return self.ask("POST", f"{self.session.path}/{path}", body)

    def call(self, op: str, *args: Any, **kwargs: Any) -> Any:
        """One step."""
        if op not in self.catalogue and op not in STEPS:
            raise NotSayable(op)
        if isinstance(kwargs.get("out"), (RemoteTensor, list, tuple)):
            raise NotSayable("out=, which is a name on the wire")
        body = {name: spoken(value) for name, value in kwargs.items() if (name, value) != ("out", None)}
        if args:
            body["args"] = [spoken(each) for each in args]
        return self.step(op, body)

    def step(self, op: str, body: dict[str, Any]) -> Any:
        """One step from its JSON."""
        answer = self.post(f"ops/{op}", body)
        if self.noted is not None:
            self.noted.note(op, body, answer["results"] if "results" in answer else [answer["result"]])
        if "results" in answer:
            return self._several(op, answer["results"])
        if answer["result"] is not None:
            return self.named(answer["result"]["name"])
        return FORMS.get(op, value_of)(answer.get("value"))

    def _several(self, op: str, results: list[dict[str, Any]]) -> Any:
        tensors = [None if each is None else self.named(each["name"]) for each in results]
        names = self._outputs(op, len(tensors))
        return named_tuple(op, names, tensors) if names else tuple(tensors)

    def _outputs(self, op: str, count: int) -> list[str]:
        """The names of so many results, where the op gives them names."""
        if op.startswith("functions."):
            return []
        for each in self.session.client.get(f"/v1/ops/{op}").json()["signatures"]:
            if len(each["outputs"]) == count and each["outputs"] != ["out"] and not each["returns_list"]:
                return each["outputs"]
        return []

    def backward(
        self, tensors: Any, gradient: Any = None, retain_graph: Any = None, create_graph: Any = None, inputs: Any = None
    ) -> None:
        if self.noted is not None:
            raise NotSayable("backward within a function")
        body = {"tensors": spoken(tensors)}
        given = {"grad_tensors": gradient, "retain_graph": retain_graph, "create_graph": create_graph, "inputs": inputs}
        self.post("backward", body | {name: spoken(value) for name, value in given.items() if value is not None})
        self.hooks.refresh()

    def tensor(self, data: Any, dtype: Any = None, requires_grad: bool = False) -> Any:
        said, kind = literal(data)
        if kind == "complex64" and self.default_dtype == "float64":
            kind = "complex128"
        return self.made(said, kind if dtype is None else spoken(dtype), requires_grad)

    def made(self, data: Any, dtype: str | None = None, requires_grad: bool = False) -> RemoteTensor:
        """A new tensor of JSON data."""
        body = {"data": data, "requires_grad": requires_grad} | ({} if dtype is None else {"dtype": dtype})
        answer = self.post("tensors", {"name": self.fresh(), **body})
        if self.noted is not None:
            self.noted.note("tensor", body, [answer])
        return self.named(answer["name"])

    # -- functions of the snippet's own

    @contextmanager
    def noting(self, trace: Trace | None) -> Iterator[None]:
        """Steps made in the block are noted in a trace, or not at all."""
        before = self.noted, self.recording
        self.noted, self.recording = trace, self.recording if trace is None else trace.mode
        try:
            yield
        finally:
            self.noted, self.recording = before

    def save(self, name: str, document: dict[str, Any]) -> None:
        """Save a function until the snippet has ended."""
        self.ask("PUT", f"/v1/functions/{name}", document)
        self.functions.add(name)

    # -- modes

    def is_grad_enabled(self) -> bool:
        return self.recording if self.noted else self.session.call("GET")["grad_enabled"]

    def switch(self, mode: bool) -> None:
        if self.noted is None:
            self.call("set_grad_enabled", mode)
        self.recording = mode

    def set_grad_enabled(self, mode: bool) -> Mode:
        if type(mode) is not bool:
            raise NotSayable("a mode of this kind")
        return Mode(self, mode, at_once=True)

    def no_grad(self, *function: Callable[..., Any]) -> Any:
        return Mode(self, False)(*function) if function else Mode(self, False)

    def enable_grad(self, *function: Callable[..., Any]) -> Any:
        return Mode(self, True)(*function) if function else Mode(self, True)

    def set_default_dtype(self, dtype: Any) -> None:
        answer = self.ask("PATCH", self.session.path, {"dtype": spoken(dtype)})
        self.default_dtype = answer["dtype"]

    def get_default_dtype(self) -> Any:
        return DTYPE_OF[self.session.call("GET")["dtype"]]

    def manual_seed(self, seed: int) -> None:
        self.call("manual_seed", seed)

    def found(self, path: str) -> Any:
        if path in NAMESPACES:
            return Namespace(self, path)
        if path not in self.catalogue:
            raise NotSayable(f"torch.{path}")

        def function(*args: Any, **kwargs: Any) -> Any:
            return self.call(path, *args, **kwargs)

        function.__name__ = path.rpartition(".")[2]
        return function

    def __getattr__(self, name: str) -> Any:
        return DTYPE_OF[name] if name in DTYPE_OF else self.found(name)


def named_tuple(op: str, names: list[str], tensors: list[Any]) -> Any:
    """Results under the names the catalogue gives them; their text is torch's."""
    kind = namedtuple(op.replace(".", "_"), names)
    title = f"torch.return_types.{kind.__name__}"

    def text(self: Any) -> str:
        return f"{title}(\n" + ",\n".join(f"{name}={each!r}" for name, each in zip(names, self, strict=True)) + ")"

    return type(kind.__name__, (kind,), {"__repr__": text})(*tensors)


class Autograd:
    """`torch.autograd`: what of it has steps."""

    def __init__(self, torch: Torch) -> None:
        self._torch = torch
        self.functional = Derivatives(torch)
        self.gradcheck = functools.partial(gradcheck, torch)
        self.gradgradcheck = functools.partial(gradgradcheck, torch)
        self.Function = function_class(torch)

    def backward(self, tensors: Any, grad_tensors: Any = None, retain_graph: Any = None, create_graph: Any = None,
                 inputs: Any = None) -> None:  # fmt: skip
        self._torch.backward(tensors, grad_tensors, retain_graph, create_graph, inputs)

    def grad(self, outputs: Any, inputs: Any, grad_outputs: Any = None, **options: Any) -> Any:
        wanted = inputs if isinstance(inputs, (list, tuple)) else [inputs]
        body = {
            "outputs": spoken(outputs),
            "inputs": spoken(list(wanted)),
            "out": [self._torch.fresh() for _ in wanted],
        }
        if grad_outputs is not None:
            body["grad_outputs"] = spoken(grad_outputs)
        body |= {name: spoken(value) for name, value in options.items()}
        answer = self._torch.post("grad", body)
        self._torch.hooks.refresh()
        if self._torch.noted is not None:
            self._torch.noted.note("autograd.grad", body, answer["grads"])
        return tuple(None if each is None else self._torch.named(each["name"]) for each in answer["grads"])

    def __getattr__(self, name: str) -> Any:
        raise NotSayable(f"torch.autograd.{name}")
