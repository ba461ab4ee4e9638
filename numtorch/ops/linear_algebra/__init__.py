"""Linear algebra: inverses and systems, factorisations, norms and functions of matrices.

Matrices are factorised by NumPy's LAPACK. Gradients are formulas in ops, so that they have gradients again.
"""

from numtorch.ops.linear_algebra import factorizations, functions, indefinite, inverses, least_squares, low_rank, lu
from numtorch.ops.linear_algebra.inverses import inv, solve

__all__ = ["factorizations", "functions", "indefinite", "inv", "inverses", "least_squares", "low_rank", "lu", "solve"]
