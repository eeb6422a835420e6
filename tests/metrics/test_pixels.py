"""Counts of pixels and the measures made of them, against an independent script's numbers."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torchmetrics.classification import BinaryJaccardIndex, MulticlassJaccardIndex

from ackd.errors import ConfigError
from ackd.metrics import PixelMetric, pixel_counts, pixel_metrics
from tests.conftest import SHARED

MEASURES = {
    "iou": "building_iou_pooled",
    "iou_tile_mean": "mean_over_tiles_nan_left_out",
    "precision": "precision",
    "recall": "recall",
    "all_positive_iou": "all_building_predictor",
    "prevalence": "all_building_predictor",
}


def tiles() -> tuple[Tensor, Tensor, Tensor]:
    """Prediction, target and validity of four tiles (4, 48, 64), without random numbers."""
    k, i, j = torch.meshgrid(*(torch.arange(n) for n in (4, 48, 64)), indexing="ij")
    target = ((7 * i + 3 * j + 5 * k) % 11 < 3).long()
    prediction = ((5 * i + 2 * j + 3 * k) % 13 < 4).long()
    target[2:] = 0
    prediction[3] = 0
    return prediction, target, (i + j + k) % 10 != 0


def logits_of(prediction: Tensor) -> Tensor:
    return (prediction * 2.0 - 1.0).unsqueeze(1)


def reference() -> dict[str, dict[str, Any]]:
    path = SHARED / "golden" / "sar" / "c1_iou.json"
    if not path.is_file():
        pytest.skip("the reference numbers (../shared/golden/sar) are not on this machine")
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("ignored", [True, False])
def test_counts_and_measures_are_those_of_the_reference(ignored: bool) -> None:
    prediction, target, valid = tiles()
    valid = valid if ignored else torch.ones_like(valid)
    expected = reference()["ignored left out" if ignored else "nothing ignored"]
    assert [int(count) for count in pixel_counts(prediction, target, valid)] == expected["pooled"]
    by_tile = torch.stack(pixel_counts(prediction, target, valid, per_tile=True), dim=1)
    assert by_tile.tolist() == expected["per_tile_TP_FP_FN_TN"]
    metrics = pixel_metrics()
    metrics.update(logits_of(prediction), target.masked_fill(~valid, 255))
    found = metrics.compute()
    assert set(found) == set(MEASURES)
    for name, key in MEASURES.items():
        assert float(found[name]) == pytest.approx(expected[key], abs=1e-12), name
    two = PixelMetric("iou", classes=2)
    scores = torch.cat([-logits_of(prediction), logits_of(prediction)], dim=1)
    two.update(scores, target, valid)
    assert float(two.compute()) == pytest.approx(expected["mean_of_two"], abs=1e-12)
    shares = [expected["background_iou_pooled"], expected["building_iou_pooled"]]
    assert two.per_class().tolist() == pytest.approx(shares, abs=1e-12)


def test_known_counts_without_the_reference_files() -> None:
    prediction, target, valid = tiles()
    assert [int(n) for n in pixel_counts(prediction, target, valid)] == [464, 2086, 1044, 7467]
    assert [int(n) for n in pixel_counts(prediction.bool(), target.float(), valid)] == [
        464, 2086, 1044, 7467,
    ]  # fmt: skip


def test_torchmetrics_agrees_on_the_pooled_iou() -> None:
    prediction, target, valid = tiles()
    target = target.masked_fill(~valid, 255)
    ours, theirs = PixelMetric(), BinaryJaccardIndex(ignore_index=255)
    for tile in range(4):
        ours.update(logits_of(prediction[tile : tile + 1]), target[tile : tile + 1])
        theirs.update(prediction[tile], target[tile])
    assert float(ours.compute()) == pytest.approx(float(theirs.compute()), abs=1e-7)
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 5, 8, 8, generator=generator)
    labels = torch.randint(0, 5, (3, 8, 8), generator=generator)
    labels[:, 0] = 255
    several = PixelMetric("iou", classes=5)
    each = MulticlassJaccardIndex(5, average=None, ignore_index=255)
    assert several(logits, labels).item() == pytest.approx(float(each(logits, labels).mean()))
    assert several.per_class().tolist() == pytest.approx(each(logits, labels).tolist())
    one = PixelMetric("iou", classes=5, of=3)
    assert one(logits, labels).item() == pytest.approx(float(each(logits, labels)[3]))


@pytest.mark.parametrize("measure", MEASURES)
def test_two_ranks_give_the_value_of_one(measure: Any) -> None:
    prediction, target, valid = tiles()
    whole, first, second = (PixelMetric(measure) for _ in range(3))
    whole.update(logits_of(prediction), target, valid)
    for metric, part in ((first, slice(0, 2)), (second, slice(2, 4))):
        metric.update(logits_of(prediction[part]), target[part], valid[part])
    for state, reduce in first._reductions.items():  # as torchmetrics joins the states of ranks
        joined = reduce(torch.stack([getattr(first, state), getattr(second, state)]))  # type: ignore[operator]
        setattr(first, state, joined)
    assert float(first.compute()) == float(whole.compute())


def test_what_is_not_valid_may_hold_anything() -> None:
    prediction, target, valid = tiles()
    counts = pixel_counts(prediction, target, valid)
    odd = pixel_counts(prediction.where(valid, -7), target.float().where(valid, math.nan), valid)
    assert [int(n) for n in odd] == [int(n) for n in counts]
    nothing = pixel_counts(prediction, target, torch.zeros_like(valid))
    assert [int(n) for n in nothing] == [0, 0, 0, 0]
    metric = PixelMetric("iou_tile_mean")
    metric.update(logits_of(prediction), target, torch.zeros_like(valid))
    assert math.isnan(float(metric.compute()))
    metric.update(logits_of(prediction), target.unsqueeze(1), valid.unsqueeze(1))
    assert float(metric.compute()) == pytest.approx(0.1127720964388673, abs=1e-12)


def test_what_cannot_be_counted_is_refused() -> None:
    prediction, target, valid = tiles()
    with pytest.raises(TypeError, match=r"scores do not say where the th.*logits > 0"):
        pixel_counts(prediction.float(), target, valid)
    with pytest.raises(ValueError, match=r"target holds 255 at a valid pixel.*0 to 1.*valid"):
        pixel_counts(prediction, target.masked_fill(~valid, 255))
    with pytest.raises(ValueError, match=r"target holds 0\.5 at a valid pixel"):
        pixel_counts(prediction, target * 0.5, valid)
    with pytest.raises(ValueError, match=r"same shape, but they have \(4, 48, 64\), \(4, 1, 48"):
        pixel_counts(prediction, target.unsqueeze(1), valid)
    with pytest.raises(TypeError, match=r"valid must hold bool.*int64"):
        pixel_counts(prediction, target, valid.long())
    with pytest.raises(ConfigError, match=r"no measure of pixels 'recal'.*mean 'recall'"):
        PixelMetric("recal")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="of=2 is not one of the 2 classes, 0 to 1"):
        PixelMetric(classes=2, of=2)
    with pytest.raises(ValueError, match=r"\(B, 1, H, W\), but it has \(4, 2, 8, 8\)"):
        PixelMetric().update(torch.zeros(4, 2, 8, 8), torch.zeros(4, 8, 8))
