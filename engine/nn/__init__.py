"""`torch.nn`: its functions, and parameters."""

from engine.nn import functional
from engine.nn.parameter import Parameter

__all__ = ["Parameter", "functional"]
