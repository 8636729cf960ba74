"""Settings: each declared once, set by a flag or an environment variable, and listed in docs/settings.md.

`--max-ttl-s 60` and `AUTOGRAD_MAX_TTL_S=60` say the same; a flag wins over the environment. The limits
(`app.limits`) are settings too. Nothing is read when this module is imported.
"""

from __future__ import annotations

import argparse
import dataclasses
import ipaddress
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar, get_type_hints

from app.auth import Keys, KeysError, parse_keys, read_keys
from app.limits import Limits

ENV_PREFIX = "AUTOGRAD_"
LOG_LEVELS = ("debug", "info", "warning", "error")
DAY = 86_400.0
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
WORDS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}

T = TypeVar("T")


class SettingsError(ValueError):
    """A setting with a value it cannot have; the text is a sentence for the person who set it."""


def setting(
    default: T,
    text: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: Sequence[str] = (),
    is_secret: bool = False,
) -> T:
    """A field with its line in the documentation and the values it may have. A secret has no flag and no repr."""
    metadata = {"help": text, "minimum": minimum, "maximum": maximum, "choices": tuple(choices), "is_secret": is_secret}
    field: T = dataclasses.field(default=default, metadata=metadata, repr=not is_secret)
    return field


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be chosen when the server starts."""

    host: str = setting("127.0.0.1", "address to listen on; one that others can reach needs keys, or `insecure`")
    port: int = setting(8000, "port to listen on; 0 picks a free one", minimum=0, maximum=65535)
    keys: Keys = setting(  # noqa: RUF009  # it makes a field
        Keys(), "keys that clients send, comma separated: `KEY` or `TENANT:KEY`; see security.md", is_secret=True
    )
    keys_file: str = setting("", "a file with keys, one a line, `#` before a comment; added to those in `keys`")
    operators: tuple[str, ...] = setting(
        (), "tenants that may read `/metrics`, comma separated; a server with one tenant needs none"
    )
    open_docs: bool = setting(
        False, "where keys are needed, let browsers load `/`, `/docs`, `/redoc` and `/openapi.json` without one"
    )
    insecure: bool = setting(False, "listen on any address with no key: whoever reaches the port may use it")
    allowed_hosts: tuple[str, ...] = setting(
        (), "more names that a request's `Host` header may have, comma separated; `*` allows any"
    )
    log_level: str = setting("info", "how much is logged; `info` has a line for each request", choices=LOG_LEVELS)
    threads: int = setting(
        0, "requests computed at once, and as many calls of functions; 0 stands for one a core, at least 4", minimum=0
    )
    blas_threads: int = setting(1, "threads of one matrix product; 0 leaves it to the library", minimum=0)
    request_timeout_s: float = setting(60.0, "seconds a request may take, waiting included", minimum=0.001, maximum=DAY)
    body_timeout_s: float = setting(
        60.0, "seconds in which a request's headers must arrive, and then its body", minimum=0.001, maximum=DAY
    )
    drain_s: float = setting(90.0, "seconds given to requests in flight at the end", minimum=0, maximum=DAY)
    ttl_s: float = setting(3600.0, "seconds without a request after which a session is freed", minimum=0.001)
    limits: Limits = dataclasses.field(default_factory=Limits)

    def __post_init__(self) -> None:
        if not (self.keys or self.insecure or is_loopback(self.host)):
            raise SettingsError(
                f"others could reach the server on {self.host}, and it asks for no key: give it keys with --keys-file "
                "or AUTOGRAD_KEYS, or add --insecure to let in whoever comes, or listen on 127.0.0.1"
            )
        if unknown := set(self.operators) - self.keys.tenants:
            raise SettingsError(f"operators names {min(unknown)!r}, a tenant that has no key")
        if self.ttl_s > self.limits.max_ttl_s:
            raise SettingsError(f"ttl_s is {self.ttl_s:g}, more than max_ttl_s, which is {self.limits.max_ttl_s}")

    @property
    def hosts(self) -> frozenset[str]:
        """The names that a request's `Host` header may have; empty where any will do."""
        if "*" in self.allowed_hosts:
            return frozenset()
        return frozenset(name.lower() for name in (*LOOPBACK_NAMES, bracketed(self.host), *self.allowed_hosts))

    def oversees(self, tenant: str) -> bool:
        """Whether a tenant may see what tells of all of them."""
        return tenant in self.operators or len(self.keys.tenants) <= 1

    @property
    def worker_threads(self) -> int:
        """How many requests are computed at once."""
        return self.threads or max(4, os.cpu_count() or 1)


class Setting(NamedTuple):
    """One setting as a person meets it."""

    name: str
    type: Any
    default: Any
    help: str
    minimum: float | None
    maximum: float | None
    choices: tuple[str, ...]
    is_secret: bool
    is_limit: bool

    @property
    def flag(self) -> str:
        """The command line's name; a secret has none, since everybody on a machine can read command lines."""
        return "" if self.is_secret else "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """The environment's name."""
        return ENV_PREFIX + self.name.upper()


def declared() -> Iterator[Setting]:
    """Every setting in the order of the documentation, the limits last."""
    for owner in (Settings, Limits):
        types = get_type_hints(owner)
        for field in dataclasses.fields(owner):
            about = field.metadata
            if about:
                bounds = about["minimum"], about.get("maximum"), about.get("choices", ()), about.get("is_secret", False)
                yield Setting(field.name, types[field.name], field.default, about["help"], *bounds, owner is Limits)


def bracketed(host: str) -> str:
    """The host as it stands in a URL: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def parse(about: Setting, text: str, source: str) -> Any:
    """The value that a text stands for. `source` is the flag or variable it came from."""
    if about.type is bool:
        return _checked(about, WORDS.get(text.lower()), text, source, "true or false")
    if about.type in (int, float):
        kind: Callable[[str], float] = about.type
        try:
            value: float | None = kind(text)
        except ValueError:
            value = None
        return _checked(about, value, text, source, "a whole number" if kind is int else "a number")
    if about.type == tuple[str, ...]:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if about.type is Keys:
        return parse_keys(text.split(","), source)
    return _checked(about, text, text, source, "a text")


def _checked(about: Setting, value: Any, text: str, source: str, expected: str) -> Any:
    if value is None or value != value:
        raise SettingsError(f"{source} is {text!r}, which is not {expected}")
    if about.minimum is not None and value < about.minimum:
        raise SettingsError(f"{source} is {text}, less than {about.minimum:g}")
    if about.maximum is not None and value > about.maximum:
        raise SettingsError(f"{source} is {text}, more than {about.maximum:g}")
    if about.choices and value not in about.choices:
        raise SettingsError(f"{source} is {text!r}, which is none of {', '.join(about.choices)}")
    return value


def parser() -> argparse.ArgumentParser:
    """The command line of `python -m app`."""
    made = argparse.ArgumentParser(
        prog="python -m app",
        description="Autograd Server: PyTorch-style automatic differentiation over HTTP.",
        epilog=f"Each option is also an environment variable: --max-ttl-s is {ENV_PREFIX}MAX_TTL_S. A flag wins.",
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    for about in declared():
        text = f"{about.help} (default: {shown(about)})".replace("%", "%%")
        if about.is_secret:
            continue
        if about.type is bool:
            made.add_argument(about.flag, dest=about.name, action="store_const", const="true", help=text)
        else:
            made.add_argument(about.flag, dest=about.name, metavar="VALUE", help=text)
    return made


def shown(about: Setting) -> str:
    """The default as it would be written."""
    if about.type is bool:
        return str(about.default).lower()
    if about.type == tuple[str, ...]:
        return ",".join(about.default) or "none"
    if about.default in ("", Keys()):
        return "none"
    return f"{about.default:.0f}" if isinstance(about.default, float) else str(about.default)


def load(arguments: Sequence[str], environment: Mapping[str, str]) -> Settings:
    """The settings that flags and environment give; raises SettingsError."""
    flags = vars(parser().parse_args(arguments))
    try:
        return Settings(**_chosen(flags, environment))
    except KeysError as error:
        raise SettingsError(str(error)) from None


def _chosen(flags: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, Any]:
    """The fields of Settings that flags and environment set, with the keys of the keys file."""
    chosen: dict[bool, dict[str, Any]] = {False: {}, True: {}}
    for about in declared():
        if about.name in flags:
            chosen[about.is_limit][about.name] = parse(about, flags[about.name], about.flag)
        elif about.variable in environment:
            chosen[about.is_limit][about.name] = parse(about, environment[about.variable], about.variable)
    given = chosen[False] | {"limits": Limits(**chosen[True])}
    if (path := given.get("keys_file")) is not None:  # an empty one too: it may be a variable that was forgotten
        given["keys"] = given.get("keys", Keys()) + read_keys(path)
    return given


def markdown_table() -> str:
    """The table of docs/settings.md."""
    rows = ["| flag | environment | default | meaning |", "|---|---|---|---|"]
    for each in declared():
        flag = f"`{each.flag}`" if each.flag else "none"
        rows.append(f"| {flag} | `{each.variable}` | `{shown(each)}` | {each.help} |")
    return "\n".join(rows)
