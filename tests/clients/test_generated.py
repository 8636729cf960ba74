"""Clients generated from /openapi.json run PyTorch's tutorial against the server, in Python and in TypeScript.

What is generated is not kept: generators change, the document is what has to be right. A warning of a generator is a
failure, and so is a type error in the program that uses the client. `make test-clients` installs the generators.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.service.conftest import Server

HERE = Path(__file__).parent
TYPESCRIPT = HERE / "typescript"
MODULES = TYPESCRIPT / "node_modules"
SECONDS = 240

pytestmark = [pytest.mark.clients, pytest.mark.timeout(2 * SECONDS)]

# PyTorch's own answers to the same program.
SEEN: dict[str, Any] = {
    "x": [[1.0, 1.0], [1.0, 1.0]],
    "y": ["AddBackward0", [[3.0, 3.0], [3.0, 3.0]]],
    "out": ["MeanBackward0", 27.0],
    "grad of y": [[[4.5, 4.5], [4.5, 4.5]]],
    "grads": {"x": [[4.5, 4.5], [4.5, 4.5]]},
    "x.grad": [[4.5, 4.5], [4.5, 4.5]],
    "again": [409, "graph_freed"],
    "x afterwards": [[[2.0, 2.0], [2.0, 2.0]], 1],
    "turned": [[1, 3], [2, 4]],
    "run": [1.0, 4.0],
    "jacobian": [[2.0, 0.0], [0.0, 4.0]],
    "graph": ["MulBackward0", "AccumulateGrad"],
    "ETag": True,
    "op": ["input", "other"],
    "missing": "unknown_tensor",
    "deleted": 204,
}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


@pytest.fixture(scope="module")
def document(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("document") / "openapi.json"
    with server.client() as client:
        path.write_bytes(client.get("/openapi.json").content)
    return path


def run(command: list[str | Path], folder: Path, **variables: str) -> str:
    """The output of a command that has to succeed; with no proxy between it and 127.0.0.1."""
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    words = [str(word) for word in command]
    done = subprocess.run(
        words, cwd=folder, env={**environment, **variables}, capture_output=True, text=True, timeout=SECONDS
    )
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def test_python(server: Server, document: Path, tmp_path: Path) -> None:
    if importlib.util.find_spec("openapi_python_client") is None:
        pytest.skip("needs openapi-python-client: make test-clients")
    client = tmp_path / "autograd_api"
    config = tmp_path / "config.yml"
    config.write_text("post_hooks: []\n")  # they only format
    options = ["--path", document, "--output-path", client, "--meta", "none", "--config", config]
    run([sys.executable, "-m", "openapi_python_client", "generate", *options, "--fail-on-warning"], tmp_path)
    printed = run([sys.executable, HERE / "python_tutorial.py", server.url], tmp_path, PYTHONPATH=str(tmp_path))
    assert json.loads(printed) == SEEN


def test_typescript(server: Server, document: Path, tmp_path: Path) -> None:
    if shutil.which("node") is None:
        pytest.skip("needs Node.js")
    if not MODULES.is_dir():
        pytest.skip("needs the generator for TypeScript: make test-clients")
    for name in ("tutorial.ts", "tsconfig.json"):
        shutil.copy(TYPESCRIPT / name, tmp_path)
    tool = MODULES / ".bin"
    run([tool / "openapi-ts", "--input", document, "--output", tmp_path / "client", "--no-log-file"], tmp_path)
    run([tool / "tsc", "--project", "tsconfig.json"], tmp_path)
    assert json.loads(run(["node", "built/tutorial.js", server.url], tmp_path)) == SEEN
