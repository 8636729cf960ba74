"""The real server, as in `tests/service`."""

from tests.service.conftest import client, server, session

__all__ = ["client", "server", "session"]
