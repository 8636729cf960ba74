"""The devices of this machine, as `GET /v1/devices` lists them."""

from __future__ import annotations

from typing import Any

from engine import arrays


def list_devices() -> list[dict[str, Any]]:
    """The CPU and, where CuPy sees them, the GPUs. The first call may take seconds: it looks for a driver."""
    found: list[dict[str, Any]] = [{"name": "cpu", "type": "cpu"}]
    gpu = arrays.cupy()
    if gpu is None:
        return found
    runtime = gpu.xp.cuda.runtime
    for index in range(runtime.getDeviceCount()):
        about = runtime.getDeviceProperties(index)
        model = about["name"].decode("utf-8", "replace")
        found.append(
            {"name": f"cuda:{index}", "type": "cuda", "model": model, "memory_bytes": int(about["totalGlobalMem"])}
        )
    return found
