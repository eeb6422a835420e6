"""What cannot work is refused with a sentence that names the thing, the value and the way out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from ackd.errors import ConfigError
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
    cosine_decay,
    curriculum_temperature_kd,
    decoupled_kd,
    hyperbolic_relational_kd,
    hyperbolic_relational_terms,
    info_nce,
    kd_divergence,
    logit_mse,
    relational_angle,
    relational_distance,
    soft_target_info_nce,
    standardize_logits,
    standardized_kd,
)

THETA = torch.tensor(1.0)
TARGET = torch.tensor([0, 1, 2, 0])


def ones(*shape: int) -> Tensor:
    return torch.ones(*shape)


def dkd(s: Tensor, t: Tensor, y: Tensor = TARGET, **options: float) -> Tensor:
    return decoupled_kd(s, t, y, **({"alpha": 1.0, "beta": 8.0, "temperature": 4.0} | options))


ON_LOGITS: dict[str, Callable[..., Any]] = {
    "kd_divergence": lambda s, t, T=1.0: kd_divergence(s, t, T),
    "decoupled_kd": lambda s, t, T=1.0: dkd(s, t, temperature=T),
    "standardized_kd": lambda s, t, T=1.0: standardized_kd(s, t, T),
    "logit_mse": logit_mse,
    "curriculum": lambda s, t: curriculum_temperature_kd(s, t, THETA, -1.0),
}
TEMPERED = [name for name in ON_LOGITS if name not in ("logit_mse", "curriculum")]
ON_BATCHES: dict[str, Callable[[Tensor, Tensor], Any]] = {
    "relational_distance": relational_distance,
    "relational_angle": relational_angle,
    "hyperbolic_relational_kd": hyperbolic_relational_kd,
    "hyperbolic_relational_terms": hyperbolic_relational_terms,
    "info_nce": lambda a, b: info_nce(a, b, 1.0),
    "soft_target_info_nce": lambda a, b: soft_target_info_nce(a, b, 1.0),
}


@pytest.mark.parametrize("name", ON_LOGITS)
def test_logits_that_cannot_be_compared(name: str) -> None:
    loss = ON_LOGITS[name]
    with pytest.raises(ValueError, match=r"same shape \(B, C\), but they have \(4, 3\) and \(4, 5"):
        loss(ones(4, 3), ones(4, 5))
    with pytest.raises(ValueError, match=r"same shape .* \(4, 3\) and \(2, 3\)"):
        loss(ones(4, 3), ones(2, 3))
    with pytest.raises(ValueError, match="at least two classes"):
        loss(ones(4, 1), ones(4, 1))
    with pytest.raises(ValueError, match=r"student_logits must have the shape \(B, C\)"):
        loss(ones(4, 3, 1), ones(4, 3, 1))
    with pytest.raises(ValueError, match="holds no image"):
        loss(ones(0, 3), ones(0, 3))
    with pytest.raises(TypeError, match=r"floating-point numbers, but it holds torch\.int64"):
        loss(ones(4, 3).long(), ones(4, 3))
    with pytest.raises(TypeError, match="must be a tensor"):
        loss([[1.0, 2.0]], ones(4, 3))


@pytest.mark.parametrize("name", TEMPERED)
@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf"), True, "3"])
def test_temperatures_that_are_none(name: str, temperature: Any) -> None:
    with pytest.raises(ValueError, match="temperature must be a finite number > 0, but it is"):
        ON_LOGITS[name](ones(4, 3), ones(4, 3), temperature)
    with pytest.raises(ValueError, match="temperature must be a finite number > 0"):
        soft_target_info_nce(ones(4, 3), ones(4, 3), temperature)


@pytest.mark.parametrize("name", ON_BATCHES)
def test_batches_that_cannot_be_related(name: str) -> None:
    loss = ON_BATCHES[name]
    with pytest.raises(ValueError, match=r"shape \(1, 8\), but at least two rows are needed"):
        loss(ones(1, 8), ones(1, 8))
    with pytest.raises(ValueError, match=r"they have .*4.* and .*5"):
        loss(ones(4, 8), ones(5, 8))
    with pytest.raises(ValueError, match=r"must have the shape \(B, D\), but it has \(4, 2, 8\)"):
        loss(ones(4, 2, 8), ones(4, 2, 8))
    with pytest.raises(ValueError, match="holds no feature"):
        loss(ones(4, 0), ones(4, 0))


@pytest.mark.parametrize("name", [n for n in ON_BATCHES if not n.startswith("relational_")])
def test_features_of_different_widths(name: str) -> None:
    with pytest.raises(ValueError, match=r"same shape \(B, D\), but they have \(4, 8\) and \(4, 9"):
        ON_BATCHES[name](ones(4, 8), ones(4, 9))


def test_coral_rejects() -> None:
    with pytest.raises(ValueError, match=r"target has .* a covariance needs two samples"):
        coral(ones(4, 8), ones(1, 8))
    with pytest.raises(ValueError, match=r"source has .* a covariance needs two samples"):
        coral(ones(1, 8), ones(4, 8))
    with pytest.raises(ValueError, match="they have 8 and 9 features"):
        coral(ones(4, 8), ones(4, 9))
    with pytest.raises(ValueError, match=r"no CORAL scaling 'deepcoral'.*'deep_coral'"):
        coral(ones(4, 8), ones(4, 8), "deepcoral")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"no CORAL path 'grams'.*'gram'"):
        coral(ones(4, 8), ones(4, 8), "paper", "grams")  # type: ignore[arg-type]


def test_targets_that_are_no_class_indices() -> None:
    s = ones(4, 3)
    with pytest.raises(ValueError, match=r"target must have the shape \(4,\)"):
        dkd(s, s, torch.tensor([0, 1]))
    with pytest.raises(ValueError, match=r"class index 3, but there are 3 classes"):
        dkd(s, s, torch.tensor([0, 1, 2, 3]))
    with pytest.raises(ValueError, match="class index -1"):
        dkd(s, s, torch.tensor([0, 1, 2, -1]))
    with pytest.raises(TypeError, match=r"integer class indices, but it holds torch\.float32"):
        dkd(s, s, ones(4))
    with pytest.raises(TypeError, match="must be a tensor"):
        dkd(s, s, [0, 1, 2, 0])  # type: ignore[arg-type]


def test_numbers_out_of_range() -> None:
    s = ones(4, 3)
    with pytest.raises(ValueError, match=r"alpha must be a finite number >= 0, but it is -1\.0"):
        dkd(s, s, alpha=-1.0)
    with pytest.raises(ValueError, match="beta must be"):
        dkd(s, s, beta=float("nan"))
    with pytest.raises(ValueError, match="reversal_strength must be a finite number <= 0"):
        curriculum_temperature_kd(s, s, THETA, 0.5)
    with pytest.raises(ValueError, match="theta must be a tensor with one element"):
        curriculum_temperature_kd(s, s, ones(2), -1.0)
    with pytest.raises(ValueError, match="start must be a finite number > 0"):
        curriculum_temperature_kd(s, s, THETA, -1.0, start=0.0)
    with pytest.raises(ValueError, match="end must be a finite number > 0"):
        curriculum_temperature_kd(s, s, THETA, -1.0, end=0.0)
    with pytest.raises(ValueError, match="length must be a finite number > 0"):
        cosine_decay(1, 0, -1, 0)
    with pytest.raises(ValueError, match="minimum must be <= maximum"):
        cosine_decay(1, -1, 0, 10)
    with pytest.raises(ValueError, match="curvature must be a finite number > 0"):
        hyperbolic_relational_kd(s, s, curvature=0.0)
    with pytest.raises(ValueError, match="cross_weight must be a finite number >= 0"):
        hyperbolic_relational_terms(s, s, cross_weight=-0.1)
    with pytest.raises(ValueError, match="relational_weight must be a finite number >= 0"):
        hyperbolic_relational_kd(s, s, relational_weight=-1)
    with pytest.raises(ValueError, match="block must be >= 1"):
        relational_angle(s, s, block=0)
    with pytest.raises(ValueError, match="logit_scale must be a finite number > 0"):
        info_nce(s, s, 0.0)
    with pytest.raises(ValueError, match="logit_scale must be a number or a tensor with one"):
        info_nce(s, s, ones(2))
    with pytest.raises(ValueError, match="at least two classes"):
        standardize_logits(ones(4, 1))


@pytest.mark.parametrize(
    ("build", "options", "words"),
    [
        (VanillaKD, {"temperature": 0}, "temperature must be a finite number > 0, but it is 0"),
        (VanillaKD, {"scale_by_t2": "yes"}, "scale_by_t2 must be true or false"),
        (DecoupledKD, {"alpha": -1}, "alpha must be a finite number >= 0"),
        (DecoupledKD, {"beta": float("inf")}, "beta must be"),
        (DecoupledKD, {"temperature": -4}, "temperature must be"),
        (DecoupledKD, {"warmup_epochs": -1}, "warmup_epochs must be a finite number >= 0"),
        (RelationalKD, {"distance_weight": -25}, "distance_weight must be"),
        (RelationalKD, {"angle_weight": "x"}, "angle_weight must be .* 'x'"),
        (RelationalKD, {"factor": -0.1}, "factor must be"),
        (RelationalKD, {"detach_student": 1}, "detach_student must be true or false"),
        (LogitMSE, {"factor": -1}, "factor must be"),
        (CurriculumTemperatureKD, {"start": 0}, "start must be"),
        (CurriculumTemperatureKD, {"end": -1}, "end must be"),
        (CurriculumTemperatureKD, {"theta": float("nan")}, "theta must be a finite number"),
        (CurriculumTemperatureKD, {"maximum": 1}, "maximum must be a finite number <= 0"),
        (CurriculumTemperatureKD, {"minimum": 1}, "minimum must be a finite number <= 0"),
        (CurriculumTemperatureKD, {"maximum": -1, "minimum": -0.5}, "minimum must be <= maximum"),
        (CurriculumTemperatureKD, {"length": 0}, "length must be"),
        (CurriculumTemperatureKD, {"first_epoch": -1}, "first_epoch must be"),
        (CurriculumTemperatureKD, {"scale_by_t2": None}, "scale_by_t2 must be true or false"),
        (StandardizedKD, {"temperature": 0}, "temperature must be"),
        (StandardizedKD, {"weight": -9}, "weight must be"),
        (HyperbolicRelationalKD, {"curvature": 0}, "curvature must be a finite number > 0"),
        (HyperbolicRelationalKD, {"cross_weight": -1}, "cross_weight must be"),
        (HyperbolicRelationalKD, {"relational_weight": -1}, "relational_weight must be"),
    ],
)
def test_options_are_checked_when_the_module_is_built(
    build: Callable[..., Any], options: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        build(**options)


def test_the_wrapper_takes_modules_only() -> None:
    with pytest.raises(TypeError, match="inner must be a distillation loss, not a str"):
        Standardized("vanilla")  # type: ignore[arg-type]
