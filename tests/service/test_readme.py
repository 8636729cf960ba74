"""README.md: its commands, as they stand there, give what it says."""

import json
import re
import shutil
import subprocess

import pytest

from .conftest import ROOT

README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```bash\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
BASE = "base=http://127.0.0.1:8000"


def test_the_first_steps_end_with_the_gradient(server, client, subprocess_env):
    missing = [tool for tool in ("bash", "curl") if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"needs {' and '.join(missing)}")
    client.delete("/v1/sessions/demo")
    program = "\n".join(BLOCKS)
    assert program.count(BASE) == 1
    program = program.replace(BASE, f"base={server.url}")
    done = subprocess.run(["bash", "-e"], input=program, capture_output=True, text=True, timeout=60, env=subprocess_env)
    assert done.returncode == 0, done.stdout + done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines() if line]
    assert [answer for answer in answers if "code" in answer] == []
    said = [[4.5, 4.5], [4.5, 4.5]]
    assert f"`{json.dumps(said)}`" in README
    assert answers[2]["result"]["grad_fn"] == "AddBackward0"
    assert answers[6]["grads"]["x"]["data"] == said
    assert answers[-1]["tensors"]["x.grad"]["data"] == said
    assert client.get("/v1/sessions/demo").status_code == 404


def test_every_page_of_the_documentation_is_linked():
    for page in (ROOT / "docs").glob("*.md"):
        assert f"(docs/{page.name})" in README, page.name
    for path in re.findall(r"\]\(([\w./-]+)\)", README):
        assert (ROOT / path).exists(), path
