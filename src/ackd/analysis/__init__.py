"""What the paper draws: transport cost, mutual information, CORAL's noise floor; and statistics."""

from ackd.analysis.class_information import ClassInformation, information_by_class
from ackd.analysis.information import mutual_information
from ackd.analysis.noise_floor import coral_noise_floor
from ackd.analysis.transport import nearest_distance, wasserstein2

__all__ = [
    "ClassInformation",
    "coral_noise_floor",
    "information_by_class",
    "mutual_information",
    "nearest_distance",
    "wasserstein2",
]
