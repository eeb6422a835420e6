"""Asymmetric cross-modal knowledge distillation for remote sensing.

What is used from Python is imported when it is asked for, so that ``import ackd`` takes no time.
docs/python.md shows it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ackd.utils.targets import lazily, listed

if TYPE_CHECKING:
    from ackd.alignment import Projection, SemanticAwareAlignment
    from ackd.api.catalogue import list_backbones, list_experiments, list_losses, list_networks
    from ackd.api.distilling import distill, distill_segmentation
    from ackd.api.result import RunResult
    from ackd.api.running import compose_config, run
    from ackd.backbones import build_backbone
    from ackd.export import export_student
    from ackd.losses import (
        CurriculumTemperatureKD,
        DecoupledKD,
        HyperbolicRelationalKD,
        LogitMSE,
        RelationalKD,
        Standardized,
        StandardizedKD,
        VanillaKD,
        coral,
        cosine_reconstruction,
        curriculum_temperature_kd,
        decoupled_kd,
        hyperbolic_relational_kd,
        info_nce,
        kd_divergence,
        logit_mse,
        relational_angle,
        relational_distance,
        standardized_kd,
    )
    from ackd.matching import match_by_divergence, match_by_similarity
    from ackd.predict import predict_images, predict_raster
    from ackd.profile import profile_student
    from ackd.segmentation import build_network
    from ackd.students import load_student

__all__ = [
    "CurriculumTemperatureKD",
    "DecoupledKD",
    "HyperbolicRelationalKD",
    "LogitMSE",
    "Projection",
    "RelationalKD",
    "RunResult",
    "SemanticAwareAlignment",
    "Standardized",
    "StandardizedKD",
    "VanillaKD",
    "__version__",
    "build_backbone",
    "build_network",
    "compose_config",
    "coral",
    "cosine_reconstruction",
    "curriculum_temperature_kd",
    "decoupled_kd",
    "distill",
    "distill_segmentation",
    "export_student",
    "hyperbolic_relational_kd",
    "info_nce",
    "kd_divergence",
    "list_backbones",
    "list_experiments",
    "list_losses",
    "list_networks",
    "load_student",
    "logit_mse",
    "match_by_divergence",
    "match_by_similarity",
    "predict_images",
    "predict_raster",
    "profile_student",
    "relational_angle",
    "relational_distance",
    "run",
    "standardized_kd",
]

__version__ = "0.1.0"

__getattr__ = lazily(
    __name__,
    {
        "alignment": "Projection SemanticAwareAlignment",
        "api.catalogue": "list_backbones list_experiments list_losses list_networks",
        "api.distilling": "distill distill_segmentation",
        "api.result": "RunResult",
        "api.running": "compose_config run",
        "backbones": "build_backbone",
        "export": "export_student",
        "losses": "CurriculumTemperatureKD DecoupledKD HyperbolicRelationalKD LogitMSE "
        "RelationalKD Standardized StandardizedKD VanillaKD coral cosine_reconstruction "
        "curriculum_temperature_kd decoupled_kd hyperbolic_relational_kd info_nce kd_divergence "
        "logit_mse relational_angle relational_distance standardized_kd",
        "matching": "match_by_divergence match_by_similarity",
        "predict": "predict_images predict_raster",
        "profile": "profile_student",
        "segmentation": "build_network",
        "students": "load_student",
    },
)
__dir__ = listed(__all__)
