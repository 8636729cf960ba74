"""`torch.signal`: its window functions."""

from engine.signal import windows

__all__ = ["windows"]
