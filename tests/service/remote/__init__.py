"""A module that looks like torch and says every call as a request, so that a snippet runs on the server.

What has no step (a hook, a view's base, a level of forward mode) raises `NotSayable`.
"""

from .module import Torch
from .speech import NotSayable, Refused

__all__ = ["NotSayable", "Refused", "Torch"]
