"""What docs/tasks.md shows works as it is written there."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torchmetrics.functional.classification import multiclass_matthews_corrcoef

from tests.modules.toy_tiles import network, tile_set
from tests.stages import toy

TEXT = (Path(__file__).parents[2] / "docs" / "tasks.md").read_text(encoding="utf-8")
SEGMENTATION, METRIC, TRAINING = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


def test_a_metric_of_ones_own_is_measured_and_chooses_the_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mytasks.py").write_text(METRIC, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "mytasks", raising=False)
    torch.manual_seed(0)
    data = toy.data(side="ms")
    names: dict[str, Any] = {
        "data": data, "network": toy.ToyBackbone(4, 3), "folder": tmp_path / "checkpoints",
    }  # fmt: skip
    exec(TRAINING, names)
    answers = names["module"].answers()
    expected = multiclass_matthews_corrcoef(answers.outputs, answers.targets, 3)
    assert list(names["values"])[-1] == "matthews"
    assert names["values"]["matthews"] == pytest.approx(float(expected))
    assert names["best"].monitor == "val/matthews"
    assert names["best"].best_model_score is not None


def test_a_student_is_taught_without_masks() -> None:
    names: dict[str, Any] = {"tiles": tile_set(), "teacher": network(3), "student": network(2)}
    exec(SEGMENTATION, names)
    assert set(names["values"]) >= {"iou", "iou_tile_mean", "all_positive_iou"}
    assert names["values"]["iou"] is not None
    assert names["sar"].side == "sar"
