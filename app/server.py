"""The server process: a listening socket, uvicorn, and an orderly end."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sys
import warnings
from collections.abc import Callable
from types import FrameType

import uvicorn
from threadpoolctl import threadpool_limits

from app.main import Service
from app.protocol import bounded
from app.settings import Settings

KEEP_ALIVE_S = 60
POLL_S = 0.1  # between looks whether a second Ctrl+C has come
# The event loop gets the interpreter back this soon from a thread that computes in pure Python.
SWITCH_S = 0.001
# Graphs are freed without the garbage collector (`engine.graph`), and a full collection over a large one would stop the
# event loop for a second: young objects are looked at as ever, all of them very rarely.
GC_THRESHOLDS = (10_000, 10, 1_000)
BLAS_VARIABLES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")


class Server(uvicorn.Server):
    """Says when it listens, and ends with 0 when it was asked to stop."""

    def __init__(self, app: Service, settings: Settings, announce: Callable[[], None]) -> None:
        config = uvicorn.Config(
            app,
            http=bounded(settings.limits.header_bytes, settings.body_timeout_s),
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=round(settings.drain_s),
        )
        super().__init__(config)
        self._service = app
        self._announce = announce
        self._drain_s = settings.drain_s

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        self._announce()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End in order: what runs may finish, and meanwhile new connections are told that the server stops."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._drain_s
        while (running := set(self.server_state.tasks)) and not self.force_exit and loop.time() < until:
            await asyncio.wait(running, timeout=POLL_S)
        self.config.timeout_graceful_shutdown = max(0, round(until - loop.time()))
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop taking requests and finish those that run; a second Ctrl+C does not wait for them.

        uvicorn's own would die of the signal afterwards, which tells the parent of a failure.
        """
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True
        self._service.stop_taking()


def tune_process(blas_threads: int) -> None:
    """Set what holds for the whole process, once the application is made: interpreter, collector, BLAS."""
    sys.setswitchinterval(SWITCH_S)
    if not sys.warnoptions:
        # Those of the engine are for who wrote the program, whom they do not reach; Python would keep every text.
        warnings.simplefilter("ignore")
    gc.collect()
    gc.freeze()  # modules and routes stay for good
    gc.set_threshold(*GC_THRESHOLDS)
    if blas_threads:
        threadpool_limits(blas_threads)
        # For the libraries that are loaded later: they look here.
        os.environ.update(dict.fromkeys(BLAS_VARIABLES, str(blas_threads)))


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to the address; raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound
