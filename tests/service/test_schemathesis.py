"""schemathesis: requests made from the OpenAPI document, valid and not, and answers held against what it promises.

Every route, and of the ops, which are documented alike and fuzzed on their own, a part that changes with nothing.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import Server

TOOL = Path(sys.executable).parent / "schemathesis"
SECONDS = 400
SEED = "20240607"
EXAMPLES = {"routes": "5", "ops": "3"}
EVERY = 6  # of the ops
OPS = "/v1/sessions/{session}/ops/"
CONFIG = """
[parameters]  # a session that is there, and what is in it
"path.session" = "demo"
"path.tensor" = "x"

[checks.positive_data_acceptance]
enabled = false  # no schema says which names are bound and which shapes go together

[checks.negative_data_rejection]
expected-statuses = ["4xx"]  # 412 among them: a version that is not the session's is refused before the body is read

[[operations]]
include-name = "DELETE /v1/sessions/{session}"
parameters = { "path.session" = "nobody" }
"""

pytestmark = [
    pytest.mark.timeout(2 * SECONDS),
    pytest.mark.skipif(not TOOL.exists(), reason="needs schemathesis (one of the tools that make install installs)"),
]


@pytest.fixture(scope="module")
def target():
    """A server of its own, whose sessions come and go, with the tensors that examples name."""
    running = Server()
    with running.client() as client:
        client.post("/v1/sessions", json={"id": "demo"})
        client.post("/v1/sessions/demo/tensors", json={"name": "x", "data": [[1, 1], [1, 1]], "requires_grad": True})
        client.post("/v1/sessions/demo/ops/add", json={"input": "x", "other": 2, "out": "y"})
    yield running
    running.close()


def some_ops(target) -> str:
    """A pattern that matches the paths of some ops."""
    with target.client() as client:
        paths = [path for path in client.get("/openapi.json").json()["paths"] if path.startswith(OPS)]
    chosen = sorted(path for path in paths if path != OPS + "{op}")[::EVERY]
    return f"^({'|'.join(map(re.escape, chosen))})$"


@pytest.mark.parametrize("part", EXAMPLES)
def test_the_server_keeps_what_the_document_promises(target, tmp_path, part):
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    chosen = ["--include-path-regex", some_ops(target)] if part == "ops" else ["--exclude-path-regex", r"/ops/[^{]"]
    phases = "fuzzing" if part == "ops" else "coverage,fuzzing"
    command = [TOOL, "run", f"{target.url}/openapi.json", *chosen, "--phases", phases, "--seed", SEED]
    command += ["--max-examples", EXAMPLES[part], "--generation-database", "none", "--no-shrink", "--no-color"]
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=SECONDS, errors="replace"
    )
    assert done.returncode == 0, done.stdout[-20_000:]
