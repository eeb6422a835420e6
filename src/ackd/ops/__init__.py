"""Operations with a hand-written gradient, each beside its definition in plain PyTorch.

The tests compare value and gradient of every operation with those of its definition.
"""

from ackd.ops.gathering import gather_batch
from ackd.ops.gram_distance import gram_distance, gram_distance_definition
from ackd.ops.pooled_attention import attention, pooled_attention, pooled_attention_definition
from ackd.ops.precision import exact_gram, exact_matmul, full_precision

__all__ = [
    "attention",
    "exact_gram",
    "exact_matmul",
    "full_precision",
    "gather_batch",
    "gram_distance",
    "gram_distance_definition",
    "pooled_attention",
    "pooled_attention_definition",
]
