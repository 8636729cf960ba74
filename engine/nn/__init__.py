"""`torch.nn`: its functions."""

from engine.nn import functional

__all__ = ["functional"]
