"""What code can hold beside tensors, numbers, texts, lists and the engine's own values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from app.exec.budget import Run
from engine import errors
from engine.autograd import Function
from engine.devices import Device
from engine.dtypes import DType
from engine.generator import Generator
from engine.tensor import Size

Call = Callable[[Run, list[Any], dict[str, Any]], Any]
NUMBERS = frozenset({bool, int, float, complex})
PLAIN = NUMBERS | {str, type(None)}
KEYS = PLAIN - {complex}  # of dicts: any number of complex numbers can be made whose hashes are equal
MISSING: Any = object()
UNCATCHABLE = ("too_large", "deadline")
MAX_STREAMS = 20  # of zip in zip
MAX_NESTING = 60  # of lists in lists


class Builtin:
    """A function of the language, or a method with its receiver: `call(run, args, kwargs)`.

    `holds` is what it keeps alive, its receiver for one, which nobody could see in `call`.
    """

    __slots__ = ("__name__", "_holds", "call")

    def __init__(self, name: str, call: Call, holds: tuple[Any, ...] = ()) -> None:
        self.__name__ = name
        self.call = call
        self._holds = holds

    def held(self) -> tuple[Any, ...]:
        """What the function keeps alive, for the session's account of memory."""
        return self._holds


class Namespace:
    """`torch`, `torch.nn.functional`, `math`: a table of names."""

    __slots__ = ("find", "name")

    def __init__(self, name: str, find: Callable[[str], Any]) -> None:
        self.name = name
        self.find = find  # a name to its value, or MISSING


class Kind:
    """A type as a value: `float`, `torch.Tensor`, `RuntimeError`, or what `type(x)` gives."""

    __slots__ = ("__name__", "construct", "shown", "types")

    def __init__(self, name: str, types: tuple[type, ...] = (), construct: Call | None = None, shown: str = "") -> None:
        self.__name__ = name
        self.types = types
        self.construct = construct
        self.shown = shown or name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Kind) and (self.__name__, self.types) == (other.__name__, other.types)

    def __hash__(self) -> int:
        return hash(self.__name__)


class Mode:
    """A context manager of the engine, such as `torch.no_grad()`: for `with`, and as a decorator."""

    __slots__ = ("_holds", "decorates", "manager", "name")

    def __init__(self, name: str, manager: Any, decorates: bool = False, holds: tuple[Any, ...] = ()) -> None:
        self.name = name
        self.manager = manager
        self.decorates = decorates  # whether it can be entered again and again
        self._holds = holds

    def held(self) -> tuple[Any, ...]:
        """The functions of code that the mode keeps alive."""
        return self._holds


class Stream:
    """What `zip`, `enumerate` and the like give: values one by one, once."""

    __slots__ = ("_sources", "depth", "items", "name")

    def __init__(self, name: str, items: Iterator[Any], sources: Iterable[Any] = ()) -> None:
        self.name = name
        self.items = items
        self._sources = list(sources)
        self.depth: int = 1 + max((each.depth for each in sources if isinstance(each, Stream)), default=0)
        if self.depth > MAX_STREAMS:  # asking for an entry goes down all of them, in C
            raise errors.bad_value(f"{name} is nested too deeply, over {MAX_STREAMS} levels")

    def held(self) -> list[Any]:
        """What the values are made of."""
        return self._sources


class ClassValue:
    """A class derived from `torch.autograd.Function`."""

    __slots__ = ("__weakref__", "engine_class", "members", "name")

    def __init__(self, name: str, engine_class: type[Function], members: dict[str, Any]) -> None:
        self.name = name
        self.engine_class = engine_class
        self.members = members

    def held(self) -> list[Any]:
        """What the class keeps alive."""
        return [self.members]


def type_name(value: Any) -> str:
    """The name of a value's type, as Python's messages have it."""
    if isinstance(value, (Kind, ClassValue)):
        return "type"
    if isinstance(value, Namespace):
        return "module"
    if isinstance(value, Mode):
        return value.name
    if isinstance(value, Stream):
        return value.name
    return _NAMES.get(type(value)) or _OWN_NAMES.get(type(value).__name__, type(value).__name__)


_NAMES: dict[type, str] = {
    Builtin: "builtin_function_or_method",
    Device: "torch.device",
    DType: "torch.dtype",
    Generator: "torch.Generator",
    Size: "torch.Size",
    type(Ellipsis): "ellipsis",
}
_OWN_NAMES = {"FunctionValue": "function", "Callback": "function"}  # of classes declared above this module


def wrong_type(text: str) -> Exception:
    """A TypeError of code."""
    return errors.bad_type(text)


def coded(error: Exception) -> Exception:
    """An exception of Python's as a refusal: of numbers, texts and lists, whose texts are fit to be shown."""
    if hasattr(error, "code"):
        return error
    error.code = "bad_argument"  # type: ignore[attr-defined]  # builtin exceptions take attributes
    return error


def checked_int(value: int) -> int:
    """The integer.

    Raises OverflowError if it does not fit 64 bits.
    """
    if -(2**63) <= value < 2**63:
        return value
    raise errors.coded(OverflowError, "bad_argument", "integers have 64 bits; use a float")


def attribute_error(value: Any, name: str, advice: str = "") -> Exception:
    """There is no such name behind the dot."""
    text = f"'{type_name(value)}' object has no attribute '{name[:64]}'{advice}"
    return errors.coded(AttributeError, "bad_code", text)
