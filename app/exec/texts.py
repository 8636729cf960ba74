"""How values print: `repr`, `str`, formats. Texts are measured before they are made."""

from __future__ import annotations

import math
import re
import string
from collections.abc import Iterator
from typing import Any

from app.exec.budget import Run
from app.exec.values import (
    MAX_NESTING,
    NUMBERS,
    Builtin,
    ClassValue,
    Kind,
    Mode,
    Namespace,
    Stream,
    coded,
    type_name,
    wrong_type,
)
from engine import errors
from engine.autograd.context import FunctionCtx
from engine.devices import Device
from engine.dtypes import DType
from engine.formats import layout, memory_format
from engine.generator import Generator
from engine.graph import Node
from engine.limits import finfo, iinfo
from engine.op import registry
from engine.optim import Optimizer
from engine.tensor import Size, Tensor

DESCRIPTIONS = (memory_format, layout, finfo, iinfo)
MAX_WIDTH = 1000  # of a format such as `{x:10.4f}`
THRESHOLD, EDGE, CELL = 1000, 3, 14  # how torch prints large tensors
SPEC = re.compile(r"(?:.?[<>=^])?[-+ ]?z?#?0?(\d*)[_,]?(?:\.(\d+))?[a-zA-Z%]?\Z", re.DOTALL)
PERCENT = re.compile(r"%(?:%|[-+ #0]*+(\d*+)(?:\.(\d*+))?+([a-zA-Z]))")


def shown(run: Run, value: Any, depth: int = 0) -> str:
    """`repr(value)`.

    Raises Exhausted where the text would be too long.
    """
    if (
        value is None
        or value is Ellipsis
        or type(value) in NUMBERS
        or isinstance(value, (range, Size, DType, Device, *DESCRIPTIONS))
    ):
        return _counted(run, repr(value))
    if isinstance(value, str):
        run.grow(len(value))
        return _counted(run, repr(value))
    if isinstance(value, Tensor):
        return tensor_text(run, value)
    if isinstance(value, (list, tuple, dict)):
        return _container(run, value, depth)
    if isinstance(value, slice):
        parts = ", ".join(shown(run, each, depth + 1) for each in (value.start, value.stop, value.step))
        return f"slice({parts})"
    return _counted(run, _object(run, value))


def _counted(run: Run, text: str) -> str:
    run.grow(len(text))
    return text


def tensor_text(run: Run, tensor: Tensor) -> str:
    """A tensor as torch prints it."""
    size = tensor.numel()
    if size > THRESHOLD:
        size = math.prod(min(each, 2 * EDGE + 1) for each in tensor.shape)
    run.grow(CELL * size)  # before it is made
    run.spend(size)
    return repr(tensor)


def _container(run: Run, value: Any, depth: int) -> str:
    if depth > MAX_NESTING:
        raise errors.bad_value(f"lists are nested too deeply, over {MAX_NESTING} levels")
    run.spend(len(value) + 1)
    if isinstance(value, dict):
        items = [f"{shown(run, key, depth + 1)}: {shown(run, each, depth + 1)}" for key, each in value.items()]
        return _counted(run, f"{{{', '.join(items)}}}")
    parts = [shown(run, each, depth + 1) for each in value]
    if isinstance(value, list):
        return _counted(run, f"[{', '.join(parts)}]")
    fields = getattr(value, "_fields", None)
    if fields is not None:
        return _named_tuple(run, value, fields, parts)
    return _counted(run, f"({parts[0]},)" if len(parts) == 1 else f"({', '.join(parts)})")


_RETURN_TYPES = frozenset(
    op.wire_name.replace(".", "_") for each in registry.values() for op in each.ops if op.multiple
)


def _named_tuple(run: Run, value: Any, fields: tuple[str, ...], parts: list[str]) -> str:
    name = type(value).__name__
    if name not in _RETURN_TYPES:
        return _counted(run, f"{name}({', '.join(f'{f}={p}' for f, p in zip(fields, parts, strict=True))})")
    inner = ",\n".join(f"{field}={part}" for field, part in zip(fields, parts, strict=True))
    return _counted(run, f"torch.return_types.{name}(\n{inner})")


def _object(run: Run, value: Any) -> str:
    if isinstance(value, Node):
        home = "torch.autograd.function." if isinstance(value, FunctionCtx) else ""
        return f"<{home}{type(value).__name__} object at 0x{run.variables.number_of(value):08x}>"
    if isinstance(value, Kind):
        return f"<class '{value.shown}'>"
    if isinstance(value, ClassValue):
        return f"<class '__main__.{value.name}'>"
    if isinstance(value, Namespace):
        return f"<module '{value.name}'>"
    if isinstance(value, Builtin):
        return f"<built-in function {value.__name__}>"
    if isinstance(value, Exception):
        return f"{type(value).__name__}({str(value)!r})"
    if isinstance(value, Optimizer):
        return _optimizer(run, value)
    if isinstance(value, (Mode, Stream)):
        return f"<{value.name}>"
    if isinstance(value, Generator):
        return "<torch.Generator>"
    name = getattr(value, "__name__", None)
    return f"<function {name}>" if name is not None else f"<{type_name(value)}>"


def _optimizer(run: Run, value: Optimizer) -> str:
    lines = [f"{type(value).__name__} ("]
    for at, group in enumerate(value.param_groups):
        lines.append(("\n" if at else "") + f"Parameter Group {at}")
        lines += [f"    {key}: {text_of(run, group[key])}" for key in sorted(group, key=str) if key != "params"]
    return "\n".join([*lines, ")"])


def text_of(run: Run, value: Any) -> str:
    """`str(value)`."""
    if isinstance(value, str):
        return value
    if isinstance(value, Device):
        return str(value)
    if isinstance(value, Exception):
        return _counted(run, str(value))
    return shown(run, value)


def formatted(run: Run, value: Any, spec: str) -> str:
    """`format(value, spec)`: of numbers, texts and tensors of one element.

    Raises ValueError for a spec that is none, or too wide; TypeError for values without one.
    """
    if not spec:
        if isinstance(value, Tensor) and value.dim() == 0:
            return _counted(run, repr(value.item()))
        return text_of(run, value)
    match = SPEC.match(spec)
    if match is None or any(len(each or "") > 4 or int(each or 0) > MAX_WIDTH for each in match.groups()):
        raise errors.bad_value(f"Invalid format specifier '{spec[:64]}': numbers in it are at most {MAX_WIDTH}")
    if isinstance(value, Tensor):
        if value.dim():
            raise wrong_type("unsupported format string passed to Tensor.__format__")
        value = value.item()
    if type(value) not in NUMBERS and not isinstance(value, str):
        raise wrong_type(f"unsupported format string passed to {type_name(value)}.__format__")
    try:
        return _counted(run, format(value, spec))
    except (ValueError, TypeError, OverflowError) as error:
        raise coded(error) from None


def percent(run: Run, template: str, values: Any) -> str:
    """`template % values`.

    Raises TypeError or ValueError as Python does.
    """
    run.grow(len(template))
    given = list(values) if isinstance(values, tuple) else [values]
    left = iter(given)
    parts: list[str] = []
    position = used = 0
    for match in PERCENT.finditer(template):
        run.spend(1)
        parts.append(_plain_part(template[position : match.start()]))
        position = match.end()
        if match[0] == "%%":
            parts.append("%")
            continue
        value = next(left, left)
        if value is left:
            raise wrong_type("not enough arguments for format string")
        used += 1
        parts.append(_percent_one(run, match, value))
    parts.append(_plain_part(template[position:]))
    if used < len(given) and (isinstance(values, tuple) or used or type(values) is not dict):
        raise wrong_type("not all arguments converted during string formatting")
    return "".join(parts)


def _plain_part(text: str) -> str:
    if "%" in text:
        raise errors.bad_value("unsupported format character; there are %d %i %f %e %g %x %o %c %s %r and %%")
    return text


def _percent_one(run: Run, match: re.Match[str], value: Any) -> str:
    if any(len(each or "") > 4 or int(each or 0) > MAX_WIDTH for each in (match[1], match[2])):
        raise errors.bad_value(f"numbers in a format are at most {MAX_WIDTH}")
    if match[3] in "sra":
        value = text_of(run, value) if match[3] == "s" else shown(run, value)
    elif isinstance(value, Tensor):
        value = value.item()
    if type(value) not in NUMBERS and not isinstance(value, str):
        raise wrong_type(f"%{match[3]} format: a real number is required, not {type_name(value)}")
    directive = match[0][:-1] + "s" if match[3] in "ra" else match[0]
    try:
        return _counted(run, directive % (value,))
    except (ValueError, TypeError, OverflowError) as error:
        raise coded(error) from None


def fill(run: Run, template: str, args: list[Any], kwargs: dict[str, Any]) -> str:
    """`template.format(*args, **kwargs)`, with plain names and numbers as fields.

    Raises ValueError for anything else in braces, IndexError and KeyError where no argument is there.
    """
    run.grow(len(template))
    parts: list[str] = []
    at = 0
    for literal, field, spec, conversion in _pieces(template):
        run.spend(1)
        parts.append(literal)
        if field is None:
            continue
        if field == "":
            field, at = str(at), at + 1
        elif field.isdigit() and at:
            raise errors.bad_value("cannot switch from automatic field numbering to manual field specification")
        if not re.fullmatch(r"\d{1,4}|[A-Za-z_]\w{0,127}", field, re.ASCII) or "{" in (spec or ""):
            raise errors.bad_value("fields of format() are names or numbers here, without attributes or items")
        value = _field(field, args, kwargs)
        if conversion:
            value = shown(run, value) if conversion in "ra" else text_of(run, value)
        parts.append(formatted(run, value, spec or ""))
    return "".join(parts)


def _pieces(template: str) -> Iterator[tuple[str, str | None, str | None, str | None]]:
    """The parts of a format one by one, as Python has them: text, field, spec, conversion."""
    try:
        yield from string.Formatter().parse(template)
    except ValueError as error:
        raise coded(error) from None


def _field(field: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
    if field.isdigit():
        if int(field) >= len(args):
            text = f"Replacement index {field} out of range for positional args tuple"
            raise errors.coded(IndexError, "bad_argument", text)
        return args[int(field)]
    if field not in kwargs:
        raise errors.coded(KeyError, "bad_argument", repr(field))
    return kwargs[field]
