"""Masks as labels: the loss over valid pixels, its weights, and how masks are augmented."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from ackd.data.normalise import flips_and_turns
from ackd.data.tiles import IGNORED
from ackd.tasks import MulticlassSegmentation, SegmentationTask
from tests.tasks.masks import CLASSES, THREE


def batch_of(classes: int) -> tuple[Tensor, Tensor, Tensor]:
    """Logits, masks and validity."""
    torch.manual_seed(0)
    channels = 1 if classes == 2 else classes
    target = torch.randint(0, classes, (3, 6, 5))
    valid = torch.rand(3, 6, 5) > 0.3
    masks = target.masked_fill(~valid, IGNORED).to(torch.uint8)
    return torch.randn(3, channels, 6, 5, dtype=torch.float64), masks, valid


def test_the_loss_of_two_classes() -> None:
    logits, masks, valid = batch_of(2)
    scores, truth = logits.squeeze(1)[valid], masks[valid].double()
    plain = F.binary_cross_entropy_with_logits(scores, truth)
    loss = SegmentationTask(CLASSES).criterion()
    assert loss(logits, masks).item() == pytest.approx(plain.item(), rel=1e-6)
    weights = torch.tensor([0.5, 3.0])
    weighted = SegmentationTask(CLASSES, class_weights=weights, label_smoothing=0.1).criterion()
    # A smoothed target is a share of both classes, each with its weight.
    shares = 0.9 * truth + 0.05
    each = -(3 * shares * F.logsigmoid(scores) + 0.5 * (1 - shares) * F.logsigmoid(-scores))
    assert weighted(logits, masks).item() == pytest.approx(each.mean().item(), rel=1e-6)
    assert weighted.eval()(logits, masks).item() == pytest.approx(plain.item(), rel=1e-6)
    assert not weighted.state_dict()


def test_the_loss_of_several_classes() -> None:
    logits, masks, valid = batch_of(3)
    expected = partial(F.cross_entropy, logits, masks.long(), ignore_index=IGNORED)
    loss = MulticlassSegmentation(THREE).criterion()
    assert loss(logits, masks).item() == pytest.approx(expected().item(), rel=1e-6)
    weights = torch.tensor([0.5, 3.0, 1.0], dtype=torch.float64)
    weighted = MulticlassSegmentation(THREE, class_weights=weights, label_smoothing=0.1).criterion()
    total = expected(weight=weights, label_smoothing=0.1, reduction="sum")
    assert weighted(logits, masks).item() == pytest.approx((total / valid.sum()).item(), rel=1e-6)
    assert weighted.eval()(logits, masks).item() == pytest.approx(expected().item(), rel=1e-6)
    spoiled = logits.masked_fill(~valid.unsqueeze(1), math.nan).requires_grad_()
    again = loss(spoiled, masks)
    assert again.item() == pytest.approx(expected().item(), rel=1e-6)
    gradient = torch.autograd.grad(again, spoiled)[0]
    assert gradient.isfinite().all()
    assert not gradient[~valid.unsqueeze(1).expand_as(gradient)].any()
    nothing = loss(spoiled, torch.full_like(masks, IGNORED))
    assert nothing.item() == 0.0
    assert not torch.autograd.grad(nothing, spoiled)[0].any()
    with pytest.raises(ValueError, match=r"target holds 7 at a valid pixel.*0 to 2"):
        loss(logits, torch.full_like(masks, 7))


def test_weights_are_those_of_valid_pixels() -> None:
    masks = np.full((2, 4, 5), IGNORED, dtype=np.uint8)
    masks[0, 0], masks[1, :3] = 1, 0
    assert SegmentationTask.balanced(masks, 2).tolist() == [1.0, 3.0]
    masks[0, 1] = 2
    expected = torch.tensor([25 / 45, 25 / 15, 25 / 15])
    torch.testing.assert_close(MulticlassSegmentation.balanced(masks, 3), expected)


def test_masks_move_with_their_images() -> None:
    torch.manual_seed(0)
    masks = torch.randint(0, 2, (64, 5, 5), dtype=torch.uint8)
    images = masks.unsqueeze(1).float()
    moved, target = SegmentationTask(CLASSES).transform(images, masks, flips_and_turns)
    assert torch.equal(moved[:, 0].to(torch.uint8), target)
    assert not torch.equal(target, masks)
