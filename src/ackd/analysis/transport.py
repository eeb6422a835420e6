"""Transport cost between two sets of features or logits, figures 2 and 7 of arXiv 2511.08901."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist
from torch import Tensor

__all__ = ["nearest_distance", "wasserstein2"]

MAX_ITERATIONS = 10_000_000


def wasserstein2(x: Tensor | ArrayLike, y: Tensor | ArrayLike) -> float:
    """Exact 2-Wasserstein distance between two samples with uniform weights.

    W2 = sqrt(min_P <P, |x_i - y_j|^2>), eq 1 with the squared Euclidean cost, solved exactly by
    POT. It is a distance, in the unit of x: the square of the result is the transport cost. Time
    grows about as n^3; take a fixed sample of a few hundred rows.

    Args:
        x: (n, d) rows, e.g. the students' logits.
        y: (m, d) rows; n and m may differ.

    Returns:
        W2 >= 0, computed in float64.

    Raises:
        ValueError: If x and y are not non-empty finite rows of one width.
        RuntimeError: If the solver does not come to an end.
    """
    import ot  # late: it takes a second that only figures of the transport cost need wait for

    cost = _squared_distances(x, y)
    n, m = cost.shape
    value, log = ot.emd2(ot.unif(n), ot.unif(m), cost, MAX_ITERATIONS, log=True)
    if log["warning"] is not None:
        raise RuntimeError(
            f"POT did not solve the transport of {n} to {m} rows: {log['warning']}; "
            "take fewer rows."
        )
    return float(np.sqrt(max(float(value), 0.0)))


def nearest_distance(x: Tensor | ArrayLike, y: Tensor | ArrayLike) -> float:
    """Root mean square of the distance from each row of x to the nearest row of y, eqs 2-3.

    The paper's pi* gives every student its nearest teacher, however many students that teacher has
    then; eq 3 is n times the square of the result. No pairing and no transport plan between the
    same rows costs less, so :func:`wasserstein2` is never smaller.

    Args:
        x: (n, d) rows of the student.
        y: (m, d) rows of the teacher.

    Returns:
        A distance >= 0 in the unit of x, computed in float64.

    Raises:
        ValueError: If x and y are not non-empty finite rows of one width.
    """
    return float(np.sqrt(_squared_distances(x, y).min(axis=1).mean()))


def _squared_distances(x: Tensor | ArrayLike, y: Tensor | ArrayLike) -> NDArray[np.float64]:
    a, b = _rows("x", x), _rows("y", y)
    if a.shape[1] != b.shape[1]:
        raise ValueError(
            f"x and y must be rows of one width, but are {a.shape[1]} and {b.shape[1]} wide."
        )
    # scipy's cost of equal rows is exactly 0; |x|^2 + |y|^2 - 2xy would leave rounding noise.
    cost: NDArray[np.float64] = cdist(a, b, "sqeuclidean")
    return cost


def _rows(name: str, values: Tensor | ArrayLike) -> NDArray[np.float64]:
    array = values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
    rows = array.astype(np.float64)
    if rows.ndim != 2 or 0 in rows.shape or not np.isfinite(rows).all():
        raise ValueError(
            f"{name} must be non-empty finite rows (n, d), but has shape {rows.shape} and "
            f"{int((~np.isfinite(rows)).sum())} values that are not finite."
        )
    return rows
