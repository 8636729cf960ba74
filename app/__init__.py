"""The service: PyTorch-style autograd over HTTP."""

__version__ = "0.1.0"
