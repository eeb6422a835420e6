"""Quantities that the paper draws: transport cost and mutual information."""

from ackd.analysis.information import mutual_information
from ackd.analysis.transport import wasserstein2

__all__ = ["mutual_information", "wasserstein2"]
