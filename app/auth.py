"""Access: who may call. Keys, the tenants they stand for, and the pages that a browser may send requests from.

A key is compared by its SHA-256: the keys themselves are not kept, and are long enough that no guess finds one.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from starlette.types import Scope

from app.problems import Problem

DEFAULT_TENANT = "default"
OPEN_PATHS = frozenset({"/healthz", "/readyz"})  # for probes, which have no key
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
MIN_KEY = 16
KEY = re.compile(rf"[A-Za-z0-9._~+/-]{{{MIN_KEY},512}}={{0,2}}\Z")  # the characters of a bearer token, RFC 6750
TENANT = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
BEARER = re.compile(r"bearer +([^ ]+) *\Z", re.IGNORECASE)
MAKE_ONE = "python -c 'import secrets; print(secrets.token_urlsafe(32))' makes one"
DEFAULT_PORTS = {"http": ":80", "https": ":443"}
CHALLENGE = 'Bearer realm="autograd"'


class KeysError(ValueError):
    """Keys that cannot be used; the text is a sentence that names their place and never the key."""


class Key(NamedTuple):
    """What is kept of a key."""

    digest: bytes
    tenant: str


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys that a server takes; with none, it asks for none."""

    known: tuple[Key, ...] = ()

    def __post_init__(self) -> None:
        if len({key.digest for key in self.known}) < len(self.known):
            raise KeysError("the same key is given twice")

    def __bool__(self) -> bool:
        return bool(self.known)

    def __add__(self, other: Keys) -> Keys:
        return Keys(self.known + other.known)

    @property
    def tenants(self) -> frozenset[str]:
        """The tenants that have a key."""
        return frozenset(key.tenant for key in self.known)

    def tenant_of(self, presented: str) -> str | None:
        """Whose key this is. The time it takes tells neither how much of a key fits nor which one does."""
        digest = _digest(presented)
        found = None
        for key in self.known:
            if hmac.compare_digest(key.digest, digest):
                found = key.tenant
        return found


def parse_keys(entries: Iterable[str], source: str) -> Keys:
    """The keys of `tenant:key` or `key` entries, empty ones left out; raises KeysError."""
    known = []
    for number, entry in enumerate(entries, 1):
        if not entry.strip():
            continue
        named, colon, key = entry.strip().rpartition(":")
        if not KEY.match(key):
            raise KeysError(f"entry {number} of {source} is no key of {MIN_KEY} or more letters and digits: {MAKE_ONE}")
        if colon and not TENANT.match(named):
            raise KeysError(f"entry {number} of {source} has a tenant that is not 1 to 64 letters, digits, _ or -")
        digest = _digest(key)
        known.append(Key(digest, named or f"key-{digest.hex()[:12]}"))
    if not known:
        raise KeysError(f"{source} has no key: give one or leave it out; {MAKE_ONE}")
    return Keys(tuple(known))


def read_keys(path: str) -> Keys:
    """The keys in a file, one a line; what follows a `#` is a comment. Raises KeysError."""
    try:
        with open(path, encoding="utf-8") as file:
            lines = [line.partition("#")[0] for line in file]
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a text"
        raise KeysError(f"the keys file {path} cannot be read: {reason}") from None
    return parse_keys(lines, path)


def is_readable_by_others(path: str) -> bool:
    """Whether a file's permissions let any user of this machine read it."""
    return os.name == "posix" and bool(os.stat(path).st_mode & stat.S_IROTH)


def admit(keys: Keys, scope: Scope, open_paths: frozenset[str] = OPEN_PATHS) -> None:
    """Let a request in and note its tenant in the scope; raises `unauthorized`, or `forbidden` for a foreign origin.

    No key is asked for on `open_paths`.
    """
    if scope["method"] not in SAFE_METHODS:
        check_origin(scope)
    if not keys:
        scope["tenant"] = DEFAULT_TENANT
    elif scope["path"] not in open_paths:
        scope["tenant"] = authenticate(keys, header(scope, b"authorization"))


def authenticate(keys: Keys, values: list[str]) -> str:
    """The tenant that the `Authorization` header stands for; raises `unauthorized`."""
    if not values:
        raise _unauthorized("this server needs a key: send the header Authorization: Bearer KEY", CHALLENGE)
    found = BEARER.match(values[0]) if len(values) == 1 else None
    if found is None:
        raise _unauthorized("the Authorization header must be: Bearer KEY", CHALLENGE)
    tenant = keys.tenant_of(found[1])
    if tenant is None:
        raise _unauthorized("this server does not know the key", f'{CHALLENGE}, error="invalid_token"')
    return tenant


def check_origin(scope: Scope) -> None:
    """Whether the page that a browser sends this from, if any, is this server's own; raises `forbidden`.

    A page may make a browser send a plain POST anywhere. Programs send no `Origin`.
    """
    origins = header(scope, b"origin")
    if not origins:
        return
    hosts = header(scope, b"host")
    if len(origins) > 1 or len(hosts) != 1 or not is_same_origin(origins[0], hosts[0]):
        raise Problem("forbidden", "this request was sent by a web page of another origin, which may not change things")


def is_same_origin(origin: str, host: str) -> bool:
    """Whether an `Origin` names the server at `host`. Both schemes will do: TLS may end at a proxy."""
    scheme, _, authority = origin.lower().partition("://")
    port = DEFAULT_PORTS.get(scheme)
    if port is None or not authority:
        return False
    return authority.removesuffix(port) == host.lower().removesuffix(port)


def header(scope: Scope, name: bytes) -> list[str]:
    """All values of a request's header."""
    return [value.decode("latin-1") for found, value in scope["headers"] if found == name]


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("latin-1")).digest()


def _unauthorized(detail: str, challenge: str) -> Problem:
    return Problem("unauthorized", detail, headers={"WWW-Authenticate": challenge})
