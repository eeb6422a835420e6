"""Correlation alignment: the distance of two covariances (eqs 29-31 of the paper).

Deep CORAL is Sun and Saenko 2016, arXiv 1607.01719.
"""

from __future__ import annotations

from typing import Literal, get_args

from torch import Tensor

from ackd.errors import unknown
from ackd.losses._checks import require_matrix, require_two_rows
from ackd.ops.gram_distance import gram_distance, gram_distance_definition
from ackd.ops.precision import full_precision

CoralScaling = Literal["paper", "official", "deep_coral"]
CoralPath = Literal["auto", "gram", "direct"]
# Here, since torch 2.6 does not compile get_args.
_SCALINGS, _PATHS = get_args(CoralScaling), get_args(CoralPath)


@full_precision
def coral(
    source: Tensor,
    target: Tensor,
    scaling: CoralScaling = "paper",
    path: CoralPath = "auto",
) -> Tensor:
    """Return the squared Frobenius distance of the two batches' covariances, scaled.

    - ``paper``: |C_s - C_t|^2 / (4 D) with C = Xc^T Xc / (B - 1), each side with its own B
    - ``deep_coral``: the same over 4 D^2
    - ``official``: |S_s - S_t|^2 / (4 D^3) with the raw scatters S = Xc^T Xc, as in the ACKD
      release. For equal B this is ``paper`` times (B - 1)^2 / D^2.

    No D x D covariance is needed: with A, B the centred and scaled batches,
    |A^T A - B^T B|^2 = |A A^T|^2 + |B B^T|^2 - 2 |A B^T|^2. This ``gram`` path subtracts sums that
    nearly agree when the covariances do: its error is about 1e-7 of the largest sum in float32.
    Neither autocast nor TF32 touches the products, and a result below 0 by rounding becomes 0.

    Args:
        source: (B_s, D) features, B_s >= 2.
        target: (B_t, D) features, B_t >= 2. The gradient reaches both sides.
        scaling: One of the three above.
        path: ``direct`` builds the covariances, ``gram`` the three products, ``auto`` takes the one
            with fewer multiplications.

    Returns:
        A scalar >= 0, in float32 or better, 0 for equal covariances.

    Raises:
        ValueError: Widths differ, a batch has fewer than two rows, or an option is unknown.
    """
    require_matrix("source", source, "(B_s, D)")
    require_matrix("target", target, "(B_t, D)")
    require_two_rows("source", source, "a covariance needs two samples")
    require_two_rows("target", target, "a covariance needs two samples")
    if source.shape[1] != target.shape[1]:
        raise ValueError(
            f"source and target must be equally wide to compare covariances, but they have "
            f"{source.shape[1]} and {target.shape[1]} features. Project one of them first."
        )
    if scaling not in _SCALINGS:
        raise unknown("CORAL scaling", str(scaling), _SCALINGS, "scaling")
    if path not in _PATHS:
        raise unknown("CORAL path", str(path), _PATHS, "path")
    scales = [1.0 if scaling == "official" else (len(x) - 1) ** -0.5 for x in (source, target)]
    fast = _takes_gram(source, target, path)
    distance = gram_distance if fast else gram_distance_definition
    squared = distance(source, target, *scales).clamp_min(0.0)
    width = source.shape[1]
    power = {"paper": 1, "deep_coral": 2, "official": 3}[scaling]
    return squared / (4.0 * float(width) ** power)


def _takes_gram(a: Tensor, b: Tensor, path: CoralPath) -> bool:
    if path != "auto":
        return path == "gram"
    rows_a, rows_b, width = a.shape[0], b.shape[0], a.shape[1]
    return rows_a**2 + rows_b**2 + rows_a * rows_b < width * (rows_a + rows_b)
