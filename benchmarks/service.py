"""Compares the service with bare FastAPI and bare uvicorn endpoints that move the same bytes.

`fastapi` and `uvicorn` move them unread; `json` is FastAPI with a body that it parses and an answer that it writes.

    python -m benchmarks.service [--cases op,tutorial] [--connections 1,16] [--rounds 7] [--seconds 0.5]

Every contender is a server process of its own, as it is shipped; a round asks each in turn. The ratios of the rates are
what counts: absolute ones differ between machines and moments. Beside them stands how much each server computed for an
answer, and the ratio of that to bare FastAPI's, which other work on the machine hardly changes.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks._load import Clients, fetch, request_bytes

ROOT = Path(__file__).resolve().parents[1]
SEED = 2026
ELEMENTS = 10_000
SERVICE, JSON, FASTAPI, UVICORN = "service", "json", "fastapi", "uvicorn"
CONTENDERS = (SERVICE, JSON, FASTAPI, UVICORN)
HEADINGS = (
    *("case", "conn.", "contender", "per second", "× JSON", "× FastAPI", "range", "× uvicorn"),
    *("CPU us", "by CPU", "target"),
)
ROW = "{:<9} {:>5}  {:<9} {:>10} {:>7} {:>9} {:>13} {:>9} {:>7} {:>7}  {}"


@dataclass(frozen=True)
class Case:
    """One request: its path below the session, its body, what the session has before, and the rate to reach."""

    path: str
    body: dict[str, Any]
    target: float
    before: list[dict[str, Any]] = field(default_factory=list)


def pair(name: str) -> dict[str, Any]:
    """A step that makes two numbers."""
    return {"op": "tensor", "data": [1.5, -2.0], "requires_grad": True, "out": name}


def cases() -> dict[str, Case]:
    """The requests to compare."""
    tutorial = [
        {"op": "ones", "size": [2, 2], "requires_grad": True, "out": "x"},
        {"op": "add", "input": "x", "other": 2, "out": "y"},
        {"op": "mul", "args": ["y", "y"], "out": "y2"},
        {"op": "mul", "args": ["y2", 3], "out": "z"},
        {"op": "mean", "input": "z", "out": "out"},
        {"op": "backward", "tensors": "out"},
    ]
    data = np.random.default_rng(SEED).standard_normal(ELEMENTS, np.float32)
    large = [
        {"op": "tensor", "data": [float(str(each)) for each in data], "requires_grad": True, "out": "x"},
        {"op": "mul", "args": ["x", "x"], "out": "y"},
        {"op": "sum", "input": "y", "out": "s"},
        {"op": "backward", "tensors": "s"},
    ]
    return {
        "op": Case("ops/mul", {"input": "x", "other": "w", "out": "y"}, 0.7, [pair("x"), pair("w")]),
        "tutorial": Case("run", {"steps": tutorial, "return": ["out", "x.grad"]}, 0.7),
        "large": Case("run", {"steps": large, "return": ["x.grad"]}, 0.5),
    }


class Server(NamedTuple):
    """A server process and where it listens."""

    port: int
    process: int

    def cpu_seconds(self) -> float:
        """What the process has computed so far, in all of its threads."""
        fields = Path(f"/proc/{self.process}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def serving(*command: str, announces: str) -> Iterator[Server]:
    """A server process; its port is the first group of `announces` on its standard output."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AUTOGRAD_")}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *command], stdout=subprocess.PIPE, stderr=log, cwd=ROOT, env=environment, text=True
        )
        assert process.stdout is not None
        try:
            found = re.search(announces, process.stdout.readline())
            if found is None:
                raise SystemExit(f"{command[0]} did not start")
            yield Server(int(found[1]), process.pid)
        finally:
            process.terminate()
            process.wait()
            process.stdout.close()


def prepare(case: Case, session: str, port: int) -> str:
    """Make a session for a case; gives the path to post to."""
    path = f"/v1/sessions/{session}"
    fetch("POST", "/v1/sessions", port, json.dumps({"id": session}).encode())
    if case.before:
        fetch("POST", f"{path}/run", port, json.dumps({"steps": case.before}).encode())
    return f"{path}/{case.path}"


@dataclass
class Rates:
    """What each contender did, one entry a round: answers a second, and seconds of computing for each."""

    wall: dict[str, list[float]] = field(default_factory=lambda: {each: [] for each in CONTENDERS})
    cpu: dict[str, list[float]] = field(default_factory=lambda: {each: [] for each in CONTENDERS})

    def add(self, contender: str, rate: float, cpu: float) -> None:
        """Note a round of a contender."""
        self.wall[contender].append(rate)
        self.cpu[contender].append(cpu)

    def ratios(self, contender: str, other: str) -> list[float]:
        """The rounds' ratios, lowest first."""
        return sorted(a / b for a, b in zip(self.wall[contender], self.wall[other], strict=True))

    def report(self, name: str, connections: int, target: float) -> None:
        """Print a line for each contender."""
        least = sum(self.cpu[FASTAPI])
        for contender, rates in self.wall.items():
            to_json, to_fastapi, to_uvicorn = (self.ratios(contender, other) for other in (JSON, FASTAPI, UVICORN))
            rate, ratio = statistics.median(rates), statistics.median(to_fastapi)
            verdict = f"{target} {'met' if ratio >= target else 'missed'}" if contender == SERVICE else ""
            span = f"{to_fastapi[0]:.2f} to {to_fastapi[-1]:.2f}" if contender == SERVICE else ""
            cpu = sum(self.cpu[contender])
            about = (
                name,
                connections,
                contender,
                f"{rate:,.0f}",
                f"{statistics.median(to_json):.2f}",
                f"{ratio:.2f}",
                span,
            )
            further = (f"{statistics.median(to_uvicorn):.2f}", f"{cpu / len(rates) * 1e6:,.0f}", f"{least / cpu:.2f}")
            print(ROW.format(*about, *further, verdict), flush=True)


def measure(options: argparse.Namespace, chosen: dict[str, Case]) -> None:
    """Start the servers, ask them in turn, print."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        service = stack.enter_context(serving("app", "--port", "0", announces=r":(\d+)\s*$"))
        bodies = {name: json.dumps(case.body, separators=(",", ":")).encode() for name, case in chosen.items()}
        for name, case in chosen.items():
            answer = fetch("POST", prepare(case, f"answer-{name}", service.port), service.port, bodies[name])
            Path(folder, f"{name}.json").write_bytes(answer)
            print(f"{name}: {len(bodies[name]):,} bytes in, {len(answer):,} bytes out")
        servers = {SERVICE: service}
        for kind in (JSON, FASTAPI, UVICORN):
            servers[kind] = stack.enter_context(serving("benchmarks._bare", kind, folder, announces=r"^(\d+)$"))
        clients = Clients(options.clients)
        stack.callback(clients.close)
        print(ROW.format(*HEADINGS))
        for name, case in chosen.items():
            for connections in options.connections:
                paths = dict.fromkeys(servers, [f"/{name}"] * connections)
                paths[SERVICE] = [
                    prepare(case, f"{name}-{connections}-{at}", service.port) for at in range(connections)
                ]
                compare(servers, paths, bodies[name], clients, options).report(name, connections, case.target)


def compare(
    servers: dict[str, Server], paths: dict[str, list[str]], body: bytes, clients: Clients, options: argparse.Namespace
) -> Rates:
    """Ask each server in turn, on a connection for each of its paths."""
    rates = Rates()
    for at in range(options.rounds + 1):
        for contender, server in servers.items():
            requests = [request_bytes("POST", path, server.port, body) for path in paths[contender]]
            before = server.cpu_seconds()
            rate = clients.rate(server.port, requests, options.seconds)
            if at:  # the first round is to warm up
                rates.add(contender, rate, (server.cpu_seconds() - before) / (rate * options.seconds))
    return rates


def main() -> None:
    """Measure and print."""
    known = cases()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", default=",".join(known), help="which, comma separated")
    parser.add_argument("--connections", default="1,16", help="how many at once, comma separated")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.5, help="of each contender in each round")
    parser.add_argument("--clients", type=int, default=2, help="client processes")
    options = parser.parse_args()
    options.connections = [int(each) for each in options.connections.split(",")]
    measure(options, {name: known[name] for name in options.cases.split(",")})


if __name__ == "__main__":
    main()
