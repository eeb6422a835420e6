"""Which images, and for what: selection, twins, draws, splits, and the manifest of a selection."""

from ackd.data.splits.protocols import (
    FOLDS,
    PROTOCOLS,
    assign_splits,
    check_split_options,
    split_sides,
    strata,
    stratified_split,
)

__all__ = [
    "FOLDS",
    "PROTOCOLS",
    "assign_splits",
    "check_split_options",
    "split_sides",
    "strata",
    "stratified_split",
]
