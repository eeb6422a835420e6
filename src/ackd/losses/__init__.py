"""Losses: one file a method, a pure function and the module that carries its options."""

from ackd.losses.coral import coral
from ackd.losses.cosine_reconstruction import cosine_reconstruction, layer_cosines
from ackd.losses.curriculum import (
    CurriculumTemperatureKD,
    cosine_decay,
    curriculum_temperature,
    curriculum_temperature_kd,
)
from ackd.losses.decoupled import DecoupledKD, decoupled_kd, decoupled_kd_terms
from ackd.losses.distil_vpr import (
    HyperbolicRelationalKD,
    hyperbolic_relational_kd,
    hyperbolic_relational_terms,
)
from ackd.losses.info_nce import info_nce, info_nce_terms, soft_target_info_nce
from ackd.losses.logits import LogitMSE, logit_mse
from ackd.losses.masked_bce import masked_bce
from ackd.losses.masked_cross_entropy import masked_cross_entropy
from ackd.losses.method import DistillationLoss, needs_of
from ackd.losses.relational import RelationalKD, relational_angle, relational_distance
from ackd.losses.several_labels import READINGS_OF_TEACHER_LOGITS, drawn_label_logits
from ackd.losses.standardized import (
    Standardized,
    StandardizedKD,
    standardize_logits,
    standardized_kd,
)
from ackd.losses.vanilla import VanillaKD, kd_divergence

__all__ = [
    "READINGS_OF_TEACHER_LOGITS",
    "CurriculumTemperatureKD",
    "DecoupledKD",
    "DistillationLoss",
    "HyperbolicRelationalKD",
    "LogitMSE",
    "RelationalKD",
    "Standardized",
    "StandardizedKD",
    "VanillaKD",
    "coral",
    "cosine_decay",
    "cosine_reconstruction",
    "curriculum_temperature",
    "curriculum_temperature_kd",
    "decoupled_kd",
    "decoupled_kd_terms",
    "drawn_label_logits",
    "hyperbolic_relational_kd",
    "hyperbolic_relational_terms",
    "info_nce",
    "info_nce_terms",
    "kd_divergence",
    "layer_cosines",
    "logit_mse",
    "masked_bce",
    "masked_cross_entropy",
    "needs_of",
    "relational_angle",
    "relational_distance",
    "soft_target_info_nce",
    "standardize_logits",
    "standardized_kd",
]
