"""Saved functions: pure, differentiable programs of a tenant, called without a session or as steps within one."""
