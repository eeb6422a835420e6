"""The options of a stage may be null: then nothing builds, checks or counts them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from ackd.config.check.buildable import check_buildable
from ackd.config.check.consistency import check_consistency
from ackd.config.schema import Config, MatcherConfig
from ackd.config.schema.identity import identity
from tests.stages import toy


class WithoutMatcher(Config):
    matcher: MatcherConfig | None = None


def test_a_stage_whose_options_are_null_is_passed_over(tmp_path: Path) -> None:
    whole: Any = OmegaConf.to_container(toy.composed(tmp_path, "method=kd"), resolve=True)
    config = WithoutMatcher.model_validate(whole | {"matcher": None})
    assert list(config.trainings) == ["teacher", "student"]
    check_buildable(config)
    check_consistency(config)
    assert "matcher" not in identity(config)
    assert "matcher" in identity(Config.model_validate(whole))
