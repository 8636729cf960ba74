"""The service: PyTorch-style autograd over HTTP."""
