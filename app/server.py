"""The server process: a listening socket, uvicorn, and an orderly end."""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
from collections.abc import Callable
from types import FrameType

import uvicorn
from fastapi import FastAPI
from threadpoolctl import threadpool_limits

from app.protocol import bounded
from app.settings import Settings

KEEP_ALIVE_S = 60
# The event loop gets the interpreter back this soon from a thread that computes in pure Python.
SWITCH_S = 0.001
# Graphs are freed without the garbage collector (`engine.graph`), and a full collection over a large one would stop the
# event loop for a second: young objects are looked at as ever, all of them very rarely.
GC_THRESHOLDS = (10_000, 10, 1_000)
BLAS_VARIABLES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")


class Server(uvicorn.Server):
    """Says when it listens, and ends with 0 when it was asked to stop."""

    def __init__(self, app: FastAPI, settings: Settings, announce: Callable[[], None]) -> None:
        config = uvicorn.Config(
            app,
            http=bounded(settings.limits.header_bytes),
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

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        self._announce()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop taking requests and finish those that run; a second Ctrl+C does not wait for them.

        uvicorn's own would die of the signal afterwards, which tells the parent of a failure.
        """
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True
        self._service.state.ready = False


def tune_process(blas_threads: int) -> None:
    """Set what holds for the whole process, once the application is made: interpreter, collector, BLAS."""
    sys.setswitchinterval(SWITCH_S)
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
