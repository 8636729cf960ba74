"""The training example: over HTTP the losses are those of the same training in PyTorch."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import ROOT

EXAMPLE = ROOT / "examples" / "digits.py"
WAVES = ["--data", "waves", "--epochs", "12", "--dtype", "float64"]
RECORDED = Path(__file__).with_name("waves.json")  # what `in_pytorch` of the example gives for these options


def trained(server, env, folder, *options):
    """What the example prints, and the losses it saves."""
    losses = folder / "losses.json"
    command = [sys.executable, str(EXAMPLE), server.url, "--quiet", "--losses", str(losses), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, env=env)
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(losses.read_text())


def accuracy(printed):
    return float(re.search(r"test accuracy (\d+\.\d+)%", printed)[1])


def test_a_small_training_has_pytorchs_losses_and_learns(server, subprocess_env, tmp_path):
    printed, losses = trained(server, subprocess_env, tmp_path, *WAVES)
    assert losses == pytest.approx(json.loads(RECORDED.read_text()), rel=1e-9)
    assert printed.startswith(f"{len(losses)} requests, loss {losses[0]:.4f} -> {losses[-1]:.4f}, ")
    assert accuracy(printed) > 90


@pytest.mark.torch
def test_the_recorded_losses_are_pytorchs():
    pytest.importorskip("torch", reason="PyTorch is not installed")
    spec = importlib.util.spec_from_file_location("digits", EXAMPLE)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    data = example.waves("float64")
    losses = example.in_pytorch(data, example.initial_parameters(data.classes, "float64"), 12, 0.003)
    assert losses == pytest.approx(json.loads(RECORDED.read_text()), rel=1e-9)


def test_the_digits_are_read_with_more_than_97_percent(server, subprocess_env, tmp_path):
    for name in ("sklearn", "matplotlib"):
        pytest.importorskip(name, reason=f"{name} is not installed: pip install '.[examples]'")
    picture = tmp_path / "digits.png"
    printed, losses = trained(server, subprocess_env, tmp_path, "--picture", str(picture))
    assert accuracy(printed) > 97
    assert losses[-1] < 0.05
    assert picture.read_bytes().startswith(b"\x89PNG")
