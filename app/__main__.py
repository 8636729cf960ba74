"""`python -m app`: start the server."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence

from app import telemetry
from app.auth import is_readable_by_others
from app.main import create_app
from app.server import Server, listen, tune_process
from app.settings import Settings, SettingsError, bracketed, is_loopback, load

USAGE_ERROR = 2


def announcement(settings: Settings, port: int) -> str:
    """What a person reads when the server listens."""
    url = f"http://{bracketed(settings.host)}:{port}"
    lines = [
        f"Autograd Server listening on {url}",
        f"  docs   {url}/docs",
        f"  try    curl -X POST {url}/v1/sessions" + (" -H 'Authorization: Bearer KEY'" if settings.keys else ""),
    ]
    if not (is_loopback(settings.host) or settings.allowed_hosts):
        lines.append("  note   requests by another name than the above need it in --allowed-hosts")
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    """Serve until stopped; the exit status."""
    try:
        settings = load(arguments, os.environ)
        bound = listen(settings.host, settings.port)
    except SettingsError as error:
        print(f"autograd server: {error}", file=sys.stderr)
        return USAGE_ERROR
    except OSError as error:
        print(f"autograd server: cannot listen there: {error.strerror}", file=sys.stderr)
        return 1
    telemetry.configure(settings.log_level)
    if settings.keys_file and is_readable_by_others(settings.keys_file):
        logging.getLogger("app").warning("every user of this machine can read the keys file: chmod o= closes it")
    port: int = bound.getsockname()[1]
    server = Server(create_app(settings), settings, lambda: print(announcement(settings, port), flush=True))
    tune_process(settings.blas_threads)
    server.run([bound])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
