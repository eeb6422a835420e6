"""Weights of classes and label smoothing: their values, and where they act."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from ackd.config.schema.identity import identity
from ackd.errors import ConfigError
from ackd.modules import TeacherModule
from ackd.stages.target_loss import supervised_task
from ackd.tasks import MultiLabelClassification, SceneClassification
from tests.stages import toy

SCENES = toy.benchmark()


def options(tmp_path: Path, *words: str) -> Any:
    return toy.config(tmp_path, *words).teacher


def test_balanced_weights() -> None:
    labels = np.array([0, 0, 0, 1])
    found = SceneClassification.balanced(labels, 3)
    assert found.tolist() == pytest.approx([4 / 9, 4 / 3, 4 / 3])
    several = np.array([[1, 0, 1], [1, 0, 0], [0, 0, 1], [0, 1, 1], [1, 0, 1]], dtype=bool)
    found = MultiLabelClassification.balanced(several, 3)
    assert found.tolist() == pytest.approx([2 / 3, 4, 1 / 4])


def test_they_act_in_training_and_not_in_validation(tmp_path: Path) -> None:
    chosen = options(tmp_path, "teacher.class_weights=[1,2,5]", "teacher.label_smoothing=0.2")
    task = supervised_task(chosen, SCENES.ms, toy.CLASSES, "teacher")
    module = TeacherModule(toy.ToyBackbone(4, 3), torch.optim.Adam, task=task)
    logits, target = torch.randn(6, 3), torch.tensor([0, 1, 2, 0, 1, 1])
    weights = torch.tensor([1.0, 2.0, 5.0])
    expected = F.cross_entropy(logits, target, weight=weights, label_smoothing=0.2)
    assert torch.equal(module.task_loss(logits, target), expected)
    assert torch.equal(module.eval().task_loss(logits, target), F.cross_entropy(logits, target))
    assert not [name for name in module.state_dict() if "class_weights" in name]
    kind = MultiLabelClassification(toy.CLASSES, class_weights=weights)
    several = TeacherModule(toy.ToyBackbone(4, 3), torch.optim.Adam, task=kind)
    truth = torch.tensor([[1, 0, 1]] * 6)
    expected = F.binary_cross_entropy_with_logits(logits, truth.float(), pos_weight=weights)
    assert torch.equal(several.task_loss(logits, truth), expected)


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"2 values, but there are 3 classes: a, b, c"):
        supervised_task(
            options(tmp_path, "teacher.class_weights=[1,2]"), SCENES.ms, toy.CLASSES, "teacher"
        )
    with pytest.raises(ConfigError, match=r"teacher\.class_weights=balanced"):
        options(tmp_path, "teacher.class_weights=balancd")
    with pytest.raises(ConfigError, match="label_smoothing"):
        options(tmp_path, "teacher.label_smoothing=1")


def test_off_they_leave_runs_what_they_were(tmp_path: Path) -> None:
    plain = identity(toy.config(tmp_path))
    assert not {"label_smoothing", "class_weights"} & {*plain["teacher"], *plain["student"]}
    other = identity(toy.config(tmp_path, "student.label_smoothing=0.1"))
    assert other["student"]["label_smoothing"] == 0.1
