"""From checked syntax to closures, with every kind of expression and statement in its table."""

from app.exec import displays  # noqa: F401  # adds its kinds when it is imported, as `definitions` does
from app.exec.definitions import function, signature_of
from app.exec.expressions import expression
from app.exec.statements import block

__all__ = ["block", "expression", "function", "signature_of"]
