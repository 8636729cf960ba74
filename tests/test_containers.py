"""The container files, read and tried as far as that goes without a container engine."""

from __future__ import annotations

import fnmatch
import json
import os
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.settings import declared

ROOT = Path(__file__).resolve().parent.parent
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
USER = "10001"
SECONDS = 60


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, continued lines joined, without comments."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(found[1], found[2]) for line in joined.splitlines() if (found := re.match(r"([A-Z]+)\s+(.*)", line))]


def texts(name: str) -> list[str]:
    return [text for found, text in instructions() if found == name]


def last_command(name: str) -> list[str]:
    """The words of the last ENTRYPOINT or HEALTHCHECK, with this interpreter for the image's."""
    words: list[str] = json.loads(texts(name)[-1][texts(name)[-1].index("[") :])
    assert words[0] == "python"
    return [sys.executable, *words[1:]]


def run(command: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AUTOGRAD_")} | variables
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=SECONDS)


@contextmanager
def answering(status: int) -> Iterator[int]:
    """The port of a server that answers so at `/readyz`, and 404 elsewhere."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/readyz" else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join(SECONDS)


def is_left_out(path: str) -> bool:
    """Whether .dockerignore keeps a path of the top level from the builder."""
    left_out = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.strip()
        if pattern and not pattern.startswith("#") and fnmatch.fnmatch(path, pattern.removeprefix("!")):
            left_out = not pattern.startswith("!")
    return left_out


def test_the_image_is_built_from_slim_python_in_two_stages() -> None:
    stages = texts("FROM")
    assert len(stages) == 2
    assert all(re.match(r"python:3\.\d+-slim\b", stage) for stage in stages)
    assert texts("ADD") == []


def test_what_is_copied_is_there_and_reaches_the_builder() -> None:
    sources = [word for text in texts("COPY") if "--from" not in text for word in text.split()[:-1]]
    assert sources
    for source in sources:
        assert (ROOT / source).exists(), source
        assert not is_left_out(source), source
    for private in (".git", "keys.local", ".env", ".venv", "tests", "docker-compose.yml"):
        assert is_left_out(private), private


def test_the_requirements_are_installed_by_hash_and_from_no_named_index() -> None:
    installs = [text for text in texts("RUN") if "pip" in text and "install" in text]
    assert any("--require-hashes --requirement requirements.txt" in text for text in installs)
    assert not any("index-url" in text or "://" in text for text in installs)


def test_the_extras_are_those_of_the_project() -> None:
    (check,) = (text for text in texts("RUN") if "$EXTRA" in text)
    offered = set(re.findall(r"\bcuda\d+\b", check))
    assert offered == {name for name in EXTRAS if name.startswith("cuda")}
    for extra in (*offered, ""):
        assert run(["sh", "-c", check.replace("pip --python", "echo")], EXTRA=extra).returncode == 0
    refused = run(["sh", "-c", check], EXTRA="cuda1")
    assert refused.returncode == 1
    assert "cuda1" in refused.stderr


def test_the_server_runs_without_rights() -> None:
    names = [name for name, _ in instructions()]
    assert texts("USER") == [f"{USER}:{USER}"]
    assert names.index("USER") > max(at for at, name in enumerate(names) if name in ("RUN", "COPY"))


def test_the_image_does_not_start_open_to_all() -> None:
    done = run(last_command("ENTRYPOINT"))
    assert done.returncode == 2
    assert "AUTOGRAD_KEYS" in done.stderr


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False), (401, False)])
def test_the_health_check_asks_whether_the_server_is_ready(status: int, healthy: bool) -> None:
    with answering(status) as port:
        done = run(last_command("HEALTHCHECK"), AUTOGRAD_PORT=str(port), HTTP_PROXY="http://127.0.0.1:1")
    assert (done.returncode == 0) is healthy, done.stderr


def test_there_is_a_profile_for_each_kind_of_device() -> None:
    assert {name: service["profiles"] for name, service in SERVICES.items()} == {"cpu": ["cpu"], "gpu": ["gpu"]}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_closed_up(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert [mount.partition(":")[0] for mount in service["tmpfs"]] == ["/tmp"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert service["healthcheck"]["interval"]
    assert not {"privileged", "cap_add", "network_mode", "user", "command"} & service.keys()


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_keeps_is_in_a_volume_that_its_user_may_write(name: str) -> None:
    (mount,) = SERVICES[name]["volumes"]
    volume, _, place = mount.partition(":")
    assert COMPOSE["volumes"] == {volume: None}  # a named one: no folder of the machine is shown to the container
    (made,) = re.findall(r"install -d -o (\d+) -g \1 (\S+)", " ".join(texts("RUN")))
    assert made == (USER, place)
    variables = dict(re.findall(r"(\w+)=(\S+)", " ".join(texts("ENV"))))
    assert variables["CUPY_CACHE_DIR"].startswith(place)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_gets_its_keys_as_a_secret(name: str) -> None:
    (secret,) = SERVICES[name]["secrets"]
    assert SERVICES[name]["environment"]["AUTOGRAD_KEYS_FILE"] == f"/run/secrets/{secret}"
    assert COMPOSE["secrets"][secret] == {"file": "./keys.local"}
    ignored = subprocess.run(["git", "check-ignore", "keys.local"], cwd=ROOT, capture_output=True, timeout=SECONDS)
    assert ignored.returncode in (0, 128)  # 128: not a git checkout


@pytest.mark.parametrize("name", SERVICES)
def test_the_variables_of_a_service_are_settings(name: str) -> None:
    given = {variable for variable in SERVICES[name]["environment"] if variable.startswith("AUTOGRAD_")}
    assert given - {setting.variable for setting in declared()} == set()


def test_the_gpu_is_reserved_and_its_extra_exists() -> None:
    gpu = SERVICES["gpu"]
    (device,) = gpu["deploy"]["resources"]["reservations"]["devices"]
    assert (device["driver"], device["capabilities"]) == ("nvidia", ["gpu"])
    default = re.fullmatch(r"\$\{AUTOGRAD_EXTRA:-(\w+)\}", gpu["build"]["args"]["EXTRA"])
    assert default is not None
    assert default[1] in EXTRAS
    assert "args" not in SERVICES["cpu"]["build"]


def test_requests_in_flight_end_before_the_container_is_killed() -> None:
    (drain,) = (setting.default for setting in declared() if setting.name == "drain_s")
    for service in SERVICES.values():
        assert int(service["stop_grace_period"].removesuffix("s")) > drain
