"""The declaration of an op, and the registry of all of them.

    @op(elementwise(), operators=("__mul__", "__rmul__", "__imul__"), inplace=True)
    def mul(input: Array, other: Operand):
        '''The product.'''
        return input * other
    mul.vjp(input=lambda g, other: mul(g, conj(other)), other=lambda g, input: mul(g, conj(input)))

The body is the kernel: it gets raw arrays. A formula's first parameter is the incoming gradient; every further one is
a name: a parameter, `<parameter>_shape`, `<parameter>_strides`,
`<parameter>_numel`, an output. What a node saves is the union over the formulas of those inputs
that require grad. One formula serves plain backward (on raw arrays, see `engine.binding`) and `create_graph` (on
tensors, where the same names are the recording ops).
"""

from __future__ import annotations

import inspect
import re
import typing
from collections import namedtuple
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import TYPE_CHECKING, Any

from engine.arguments import bind, refuse
from engine.inplace import written
from engine.kinds import ACCEPT, PLAIN, REQUIRED, TENSOR_KINDS, Kind
from engine.old_orders import in_new_order
from engine.outs import takes_out, write
from engine.overloads import OVERLOADS, SAID, keywords_of
from engine.row_order import in_rows

if TYPE_CHECKING:
    from engine.infer import Estimate

Rule = Callable[["Op", list[Any]], "Estimate"]


class Param:
    """A parameter of an op: its name, kind, default (`REQUIRED` if none), and whether None is a value."""

    __slots__ = ("accept", "default", "keyword_only", "kind", "name", "optional", "type_name")

    def __init__(self, parameter: inspect.Parameter, annotation: Any) -> None:
        self.name = parameter.name
        self.default = parameter.default
        self.keyword_only = parameter.kind is inspect.Parameter.KEYWORD_ONLY
        self.kind, self.optional = _kind_of(annotation)
        self.optional = self.optional or self.default is None
        self.accept = _own_accept(annotation) or (_flag if self.name == "requires_grad" else ACCEPT[self.kind])
        self.type_name = "Tensor" if self.kind is Kind.OPERAND else self.kind.value.strip()

    def describe(self) -> str:
        """The parameter as torch's messages write it: `int dim = 0`."""
        default = "" if self.default is REQUIRED else f" = {self.default}"
        return f"{self.type_name} {self.name}{default}"


def _kind_of(annotation: Any) -> tuple[Kind, bool]:
    if annotation in PLAIN:
        return PLAIN[annotation], False
    for extra in getattr(annotation, "__metadata__", ()):
        if isinstance(extra, Kind):
            return extra, False
    members = [each for each in typing.get_args(annotation) if each is not type(None)]
    return _kind_of(members[0])[0], True


def _flag(value: Any) -> bool:
    """`requires_grad` of factories: None is as good as False."""
    return value is not None and bool(ACCEPT[Kind.BOOL](value))


def _own_accept(annotation: Any) -> Callable[[Any], Any] | None:
    """What an annotation itself makes of a value, where it is not as strict as its kind."""
    for each in (annotation, *typing.get_args(annotation)):
        for extra in getattr(each, "__metadata__", ()):
            if callable(extra):
                return extra  # type: ignore[no-any-return]  # metadata is untyped
    return None


class Op:
    """One declared op: one schema with its kernel, formulas and rules."""

    door: Callable[[Op, list[Any]], Any]  # `engine.apply.apply`, set there: ops are declared below it

    def __init__(self, kernel: Callable[..., Any], rule: Rule, options: dict[str, Any]) -> None:
        self.kernel = kernel
        self.rule = in_rows(rule) if options.get("rows") else rule
        if options.get("inplace_only"):
            self.rule = written(rule, options.get("checks_cast", True))
        self.run = _all_positional(kernel)  # called with every argument in the order of the parameters
        self.name: str = options.get("name") or kernel.__name__
        self.namespace: str = options.get("namespace", "")
        self.said = said(self.wire_name)
        self.doc = inspect.getdoc(kernel) or ""
        self.params = _params(kernel)
        if options.get("inplace_only") and self.params[0].kind is Kind.OPERAND:
            self.params[0].accept = ACCEPT[Kind.TENSOR]  # what is written into is no number
        self.index = {param.name: at for at, param in enumerate(self.params)}
        first = self.params[0] if self.params else None
        self.keywords = keywords_of(self.wire_name, self.index, first is not None and first.kind in TENSOR_KINDS)
        self.outputs: tuple[str, ...] = options.get("outputs", ("out",))
        self.returns_list: bool = options.get("returns_list", False)
        self.differentiable: tuple[str, ...] = options.get("differentiable", self.outputs)
        self.view: bool = options.get("view", False)
        self.multi_view: bool = options.get("multi_view", False)
        self.inplace: bool = options.get("inplace", False)
        self.inplace_only: bool = options.get("inplace_only", False)
        self.composite: bool = options.get("composite", False)
        self.shares = self.view or self.multi_view or self.inplace_only  # memory with its first operand
        self.lazy: str = options.get("lazy", "")  # of a view: "conj" or "neg", what its values are of its memory
        self.method: bool = options.get("method", not self.namespace)
        self.prop: bool = options.get("prop", False)
        self.function: bool = options.get("function", True)
        self.operators: tuple[str, ...] = options.get("operators", ())
        fast = options.get("fast")
        self.fast: Callable[..., Any] | None = kernel if fast is True else fast
        self.node_name: str = options.get("node") or node_name(self.name)
        self.formulas: dict[str, Callable[..., Any]] = {}
        self.quick: dict[str, Callable[..., Any]] = {}
        self.joint: Callable[..., Any] | None = None
        self.diff_at: tuple[int, ...] = ()
        self.operands = sum(param.kind in (Kind.TENSOR, Kind.OPERAND) for param in self.params)
        self.positional = sum(not param.keyword_only for param in self.params)
        cast: tuple[str, ...] | None = options.get("cast")
        self.defaults = tuple(param.default for param in self.params)
        self.required = tuple(at for at, default in enumerate(self.defaults) if default is REQUIRED)
        sizes = [at for at, param in enumerate(self.params) if param.kind is Kind.SIZE]
        self.size_at = sizes[0] if sizes else None
        self.tensor_at = tuple(at for at, param in enumerate(self.params) if param.kind in TENSOR_KINDS)
        self.cast_at = tuple(at for at in self.tensor_at if cast is None or self.params[at].name in cast)
        self.cast_names = frozenset(self.params[at].name for at in self.cast_at)
        self.any_device: bool = options.get("any_device", False)
        self.writes: bool = options.get("writes", False)
        self.apart: bool = options.get("apart", False)
        self.weak: bool = options.get("weak", getattr(rule, "weak", False))
        self.leaf: bool = options.get("leaf", False)
        self.rows: bool = options.get("rows", False)
        self.real_grad: str = options.get("real_grad", "")
        self.device_at: int = self.index.get("device", -1)
        self.short: Callable[..., Any] | None = None  # `engine.fast`'s way for plain operands
        self.small: Callable[..., Any] | None = None  # `engine.fast_factories`' way for bound arguments
        self.plans: dict[Any, Any] = {}
        self.bound: dict[str, Callable[..., Any]] = {}
        self.multiple = len(self.outputs) > 1 or self.returns_list
        self.hidden: bool = options.get("hidden", False)
        self.example: dict[str, Any] | None = options.get("example")
        self.shows_geometry: bool = options.get("shows_geometry", False)
        self.base: Op | None = None  # of an in-place form: the op itself
        self.number_at = max((at for at, param in enumerate(self.params) if param.kind is Kind.OPERAND), default=0)
        self.twin: Op | None = None  # the in-place form
        self.number_form: Op | None = None  # the form for a Python number as last operand, where its node differs
        self.pack = _result_type(self) if self.multiple and not self.returns_list else tuple

    @property
    def wire_name(self) -> str:
        """The name over HTTP: `mul`, `linalg.eigh`."""
        return f"{self.namespace}.{self.name}" if self.namespace else self.name

    def vjp(self, **formulas: Callable[..., Any]) -> None:
        """Declare the gradient of each named input as a function of the incoming gradient and saved names.

        Raises NameError at import if a formula asks for a name the op does not have.
        """
        for name, formula in formulas.items():
            self._check_names(name, formula)
        self.formulas.update(formulas)
        self.diff_at = tuple(at for at, param in enumerate(self.params) if param.name in self.formulas)
        if self.twin is not None:
            self.twin.formulas, self.twin.diff_at = self.formulas, self.diff_at
        for each in (self, self.twin):
            if each is not None and each.number_form is not None:
                each.number_form.formulas = {"input": self.formulas["input"]}
                each.number_form.diff_at = (0,)

    def fused(self, **formulas: Callable[..., Any]) -> None:
        """Declare quicker forms of formulas for bare arrays, asking for the same names; the plain ones stay the rule.

        Each has its figure in docs/performance.md; tests compare both.
        """
        for name, formula in formulas.items():
            if formula_names(formula) != formula_names(self.formulas[name]):
                raise NameError(f"{self.wire_name}.fused({name}=...): the plain formula asks for other names")
        self.quick.update(formulas)

    def vjp_joint(self, formula: Callable[..., Any], *inputs: str) -> None:
        """Declare one formula that returns the gradients of several inputs at once, as a tuple.

        Its second parameter is `needs`, one bool for each input.
        """
        self.vjp(**dict.fromkeys(inputs, formula))
        self.joint = formula

    def _check_names(self, name: str, formula: Callable[..., Any]) -> None:
        known = {"needs", *self.outputs, *self.index}
        known |= {f"{param}_{what}" for param in self.index for what in ("shape", "strides", "numel", "device")}
        wanted = formula_names(formula)
        if name not in self.index or not known.issuperset(wanted):
            raise NameError(f"{self.wire_name}.vjp({name}=...): no such name among {sorted(known)}: {wanted}")

    def bind(self, args: Sequence[Any], kwargs: dict[str, Any]) -> list[Any]:
        """The arguments in the order of the parameters, each in its kind's form.

        Raises TypeError with torch's text if they do not fit.
        """
        values: list[Any] = bind(self, args, kwargs)
        return values

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the op; raises what its binding and its rule raise."""
        if self.short is not None and len(args) == self.operands and not kwargs:
            return self.short(*args)
        return Op.door(self, bind(self, args, kwargs))

    def __repr__(self) -> str:
        return f"<op {self.signature()}>"

    def signature(self, skip: int = 0) -> str:
        """The schema as torch's messages write it, without the first `skip` parameters."""
        parts: list[str] = []
        for param in self.params[skip:]:
            if param.keyword_only and "*" not in parts:
                parts.append("*")
            parts.append(param.describe())
        return f"({', '.join(parts)})"


def _result_type(op: Op) -> Callable[[list[Any]], Any]:
    """The named tuple of an op with several outputs, printed as torch prints `torch.return_types.max`."""
    base: Any = namedtuple(op.name, op.outputs)  # type: ignore[misc]  # the names come from the declaration

    class Result(base):
        __slots__ = ()

        def __repr__(self) -> str:
            values: tuple[Any, ...] = tuple(self)
            fields = ",\n".join(f"{name}={value!r}" for name, value in zip(op.outputs, values, strict=True))
            return f"torch.return_types.{op.wire_name.replace('.', '_')}(\n{fields})"

    Result.__name__ = Result.__qualname__ = op.wire_name.replace(".", "_")
    return Result._make


def _all_positional(kernel: Any) -> Callable[..., Any]:
    """The kernel with its keyword-only parameters made positional: quicker to call with all of them."""
    code = kernel.__code__
    if not code.co_kwonlyargcount:
        return kernel  # type: ignore[no-any-return]
    flat = code.replace(co_argcount=code.co_argcount + code.co_kwonlyargcount, co_kwonlyargcount=0)
    return FunctionType(flat, kernel.__globals__, kernel.__name__, None, kernel.__closure__)


def said(name: str) -> str:
    """A function's name in the messages of torch's parser: `linalg_solve` for `linalg.solve`, `relu` for any other."""
    if name in SAID:
        return SAID[name]
    namespace, _, name = name.rpartition(".")
    return f"{namespace}_{name}" if namespace in ("linalg", "fft", "special") else name


def node_name(name: str) -> str:
    """The name torch's code generator gives to an op's node: `log_softmax` is `LogSoftmaxBackward0`."""
    words = re.sub(r"_$", "", name).split("_")
    return "".join(word[:1].upper() + word[1:] for word in words) + "Backward0"


def formula_names(formula: Callable[..., Any]) -> tuple[str, ...]:
    """The names a formula asks for after its incoming gradient."""
    code = formula.__code__
    return code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]


def _params(kernel: Callable[..., Any]) -> tuple[Param, ...]:
    scope = inspect.unwrap(kernel).__globals__
    return tuple(Param(each, _hint(each.annotation, scope)) for each in inspect.signature(kernel).parameters.values())


def _hint(annotation: Any, scope: dict[str, Any]) -> Any:
    """What an annotation stands for in a module: a text is evaluated once (`typing.get_type_hints` would each time)."""
    if not isinstance(annotation, str):
        return annotation
    key = (annotation, id(scope))
    if key not in _hints:
        _hints[key] = eval(annotation, scope)
    return _hints[key]


_hints: dict[tuple[str, int], Any] = {}


class Function:
    """What a name stands for: one or more ops that are its overloads, tried in order."""

    __slots__ = ("name", "ops")

    def __init__(self, name: str) -> None:
        self.name = name
        self.ops: list[Op] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the first overload that takes the arguments; raises TypeError if none does."""
        return self.call(args, kwargs)

    def call(self, args: Sequence[Any], kwargs: dict[str, Any], method: int = 0) -> Any:
        """The same, for a call as a function or (`method=1`) as a method."""
        op = self.ops[0]
        if op.short is not None and len(self.ops) == 1 and len(args) == op.operands and not kwargs:
            return op.short(*args)
        return self.bound(args, kwargs, method)

    def bound(self, args: Sequence[Any], kwargs: dict[str, Any], method: int = 0) -> Any:
        """The same, by the way that takes any arguments."""
        ops = self.ops
        if "out" in kwargs and not method and takes_out(self.name) and "out" not in ops[0].keywords:
            rest = {name: value for name, value in kwargs.items() if name != "out"}
            if kwargs["out"] is None:
                return self.bound(args, rest)
            return write(lambda: self.bound(args, rest), self, args, rest, kwargs["out"])
        if len(ops) == 1 and self.name not in OVERLOADS:
            return Op.door(ops[0], bind(ops[0], args, kwargs, method))
        for each in ops:
            values = bind(each, args, kwargs, method, True)
            if values is not None:
                return Op.door(each, values)
        again = in_new_order(self.name, ops[0], args, kwargs, method)
        if again is not None:
            return self.bound(*again, method)
        raise refuse(self.name, ops, args, kwargs, method)


class Alias(Function):
    """Another name for a function, which messages give as the one that was called."""

    __slots__ = ("said",)

    def __init__(self, name: str, target: Function) -> None:
        super().__init__(name)
        self.ops = target.ops
        self.said = said(name)

    def bound(self, args: Sequence[Any], kwargs: dict[str, Any], method: int = 0) -> Any:
        """The same by another name."""
        try:
            return super().bound(args, kwargs, method)
        except TypeError as error:
            theirs = f"{self.ops[0].said}()"
            if str(error).startswith((theirs, f"TensorBase.{theirs}")):
                error.args = (str(error).replace(theirs, f"{self.said}()", 1),)
            if str(error).startswith(f"descriptor '{self.ops[0].name}'"):
                error.args = (str(error).replace(self.ops[0].name, self.said, 1),)
            raise


def is_number(value: Any) -> bool:
    """True for a Python number standing where a tensor may stand."""
    return isinstance(value, (bool, int, float, complex))


registry: dict[str, Function] = {}


def op(rule: Rule, **options: Any) -> Callable[[Callable[..., Any]], Op]:
    """Declare the decorated kernel as an op, an overload of its name if the name is known already.

    Options, by what they are about:
    names: `name` (else the kernel's), `namespace` (`linalg`), `node` (the node's name where it is not the op's),
    `number_node` (the node's name, with one edge, where the last operand is a Python number);
    outputs: `outputs` (names; several make a tuple), `returns_list`, `differentiable` (outputs that have gradients),
    `view`, `multi_view` (one of several views), `leaf` (a factory with `device` and `requires_grad`);
    faces: `method`, `prop` (a property), `function`, `operators` (Python's special methods), `hidden` (known to
    formulas alone), `example`;
    in-place: `inplace` (there is a `name_`), `inplace_only`, `writes` (the kernel writes into its first operand
    itself), `apart` (no operand may share memory with it, be it all of it), `any_device` (other operands are moved to
    the first one's device), `checks_cast` (the result's dtype must fit);
    layout: `rows` (the result is row-major whatever the operands' layout, which NumPy would follow);
    running: `composite` (the body calls ops), `cast` (the parameters the rule's compute dtype holds for, else all
    tensors), `weak` (a Python number may stand for any tensor; rules of elementwise ops say so), `fast` (one dtype in
    and out for floats, so that `engine.fast` may take it: True, or a C function that does what the kernel does),
    `shows_geometry` (torch's node shows sizes and strides of what it saved), `real_grad` (torch's name of an op whose
    complex results it does not differentiate).
    """

    def declare(kernel: Callable[..., Any]) -> Op:
        made = _made(kernel, rule, options)
        _register(made)
        if made.inplace:
            other = {"inplace_only": True, "inplace": False, "name": f"{made.name}_", "node": made.node_name}
            made.twin = _made(kernel, rule, {**options, **other, "operators": _inplace_operators(made)})
            made.twin.base = made
            made.operators = tuple(name for name in made.operators if name not in made.twin.operators)
            _register(made.twin)
        return made

    return declare


def _made(kernel: Callable[..., Any], rule: Rule, options: dict[str, Any]) -> Op:
    made = Op(kernel, rule, options)
    if "number_node" in options:
        made.number_form = Op(kernel, rule, {**options, "node": options["number_node"]})
    return made


def _register(made: Op) -> None:
    if not made.hidden:
        function = registry.setdefault(made.wire_name, Function(made.wire_name))
        function.ops = [*function.ops, made]  # an alias with an overload more has a list of its own from then on


def _inplace_operators(made: Op) -> tuple[str, ...]:
    return tuple(name for name in made.operators if name.startswith("__i") and name != "__invert__")


def overload(name: str, made: Op) -> None:
    """Make an op another overload of a function, tried after its first: `max(a, b)` is `maximum`."""
    registry[name].ops.insert(1, made)


def alias(target: Op, *names: str) -> None:
    """Further names, as they stand on the wire, for the function `target` belongs to."""
    for name in names:
        function = registry[target.wire_name]
        registry[name] = Alias(name, function) if type(function) is Function else function
