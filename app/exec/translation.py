"""From checked syntax to closures, with every kind of expression and statement in its table."""

from app.exec import displays, raising  # noqa: F401  # they add their kinds when imported, as `definitions` does
from app.exec.definitions import function, signature_of
from app.exec.expressions import expression
from app.exec.statements import block

__all__ = ["block", "expression", "function", "signature_of"]
