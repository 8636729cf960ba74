"""Programs whose control flow depends on shapes and constants alone, as flat lists of kernels.

A function is run once with arrays whose values nobody can read (`recorder`): what it computes, and with `gradients` its
backward too, becomes a list of kernel calls (`program`), which `plan` turns into steps over numbered slots. The same
kernels and formulas run in the same order as in the interpreter, so results are the same to the last bit; only work
without effect on them is left out (`lowering`). A function that looks at a value has no plan.
"""

from engine.compiled.compiling import compile_function
from engine.compiled.plan import Plan
from engine.compiled.values import Untraceable, same_results

__all__ = ["Plan", "Untraceable", "compile_function", "same_results"]
