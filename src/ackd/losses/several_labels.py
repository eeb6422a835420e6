"""One label for a student out of a teacher's independent labels.

A teacher of multi-label images is trained with binary cross-entropy: its logits t_c say with which
probability q_c = sigmoid(t_c) each class is present. A student of single labels needs one
distribution over the classes instead, and there are two questions that it can answer.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ackd.losses._checks import require_classes, require_matrix
from ackd.ops.precision import full_precision

__all__ = ["READINGS_OF_TEACHER_LOGITS", "drawn_label_logits"]


@full_precision
def drawn_label_logits(logits: Tensor) -> Tensor:
    """Return log pi, where pi_c is the chance that a label drawn from the image's labels is c.

    With independent Y_c ~ Bernoulli(sigmoid(t_c)) and one label drawn evenly from those present,

        pi_c = E[Y_c / sum_k Y_k | sum_k Y_k >= 1]
             = q_c int_0^1 prod_{j != c} (1 - q_j + q_j u) du / (1 - prod_j (1 - q_j)),

    because 1 / (1 + n) is the integral of u^n. The integrand is a polynomial of degree C - 1, which
    Gauss-Legendre nodes integrate exactly, without a difference anywhere. softmax(t) instead is
    P(Y_c = 1 | sum_k Y_k = 1): both agree where more than one label is unlikely. Two labels that
    are certain get one half each here, and exp(t_1 - t_2) to one there.

    Args:
        logits: (B, C) raw logits t that were trained with sigmoids, C >= 2.

    Returns:
        (B, C) natural logarithms of pi, in float32 or better. Their softmax at temperature 1 is pi,
        so they may stand wherever single-label logits do. Differentiable.

    Raises:
        ValueError: The shape is not (B, C) with at least one image and two classes.
        TypeError: The logits are no floating-point tensor.
    """
    require_matrix("logits", logits, "(B, C)")
    require_classes("logits", logits)
    nodes, weights = _gauss_legendre(logits.shape[1])
    u, log_weight = (logits.new_tensor(values) for values in (nodes, np.log(weights)))
    log_present, log_absent = F.logsigmoid(logits), F.logsigmoid(-logits)
    # log(1 - q_j + q_j u) for each node, (B, nodes, C).
    factors = torch.logaddexp(log_absent[:, None], log_present[:, None] + u.log()[:, None])
    others = factors.sum(dim=2, keepdim=True) - factors
    log_mean = torch.logsumexp(others + log_weight[:, None], dim=1)
    return F.log_softmax(log_present + log_mean, dim=1)


@lru_cache
def _gauss_legendre(classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights on (0, 1) that are exact for polynomials of degree ``classes`` - 1."""
    nodes, weights = np.polynomial.legendre.leggauss((classes + 1) // 2)
    return (nodes + 1) / 2, weights / 2


def _as_they_are(logits: Tensor) -> Tensor:
    return logits


READINGS_OF_TEACHER_LOGITS: dict[str, Callable[[Tensor], Tensor]] = {
    "raw": _as_they_are,
    "drawn_label": drawn_label_logits,
}
"""What stands for a teacher's logits wherever a single-label student reads them, by name."""
