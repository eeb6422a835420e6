"""Which teacher image serves which student image, and when that is decided anew."""

from ackd.matching.galleries import Gallery
from ackd.matching.random_pairs import random_pairs
from ackd.matching.schedule import rematch_epochs, scale_epochs
from ackd.matching.search import (
    Direction,
    match_by_distance,
    match_by_divergence,
    match_by_similarity,
    pair_divergence,
)
from ackd.matching.stats import (
    distinct_teachers,
    mean_by_class,
    share_changed,
    teachers_of_half,
    top_teacher_share,
)

__all__ = [
    "Direction",
    "Gallery",
    "distinct_teachers",
    "match_by_distance",
    "match_by_divergence",
    "match_by_similarity",
    "mean_by_class",
    "pair_divergence",
    "random_pairs",
    "rematch_epochs",
    "scale_epochs",
    "share_changed",
    "teachers_of_half",
    "top_teacher_share",
]
