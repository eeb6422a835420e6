"""Answers of networks in masks, drawn at random, for tests of the tasks whose labels are masks."""

from __future__ import annotations

import torch

from ackd.data.tiles import IGNORED
from ackd.tasks import Answers

CLASSES = ("ground", "building")
THREE = ("ground", "water", "building")


def random_answers(count: int, classes: int, seed: int = 0) -> Answers:
    """``count`` tiles in which some pixels are wrong, in each another share of them."""
    generator = torch.Generator().manual_seed(seed)
    shape = (count, 12, 10)
    blocks = torch.randint(0, classes, (count, 4, 5), generator=generator)
    true = blocks.repeat_interleave(3, dim=1).repeat_interleave(2, dim=2)
    wrong = torch.rand(shape, generator=generator) < torch.rand(count, 1, 1, generator=generator)
    said = torch.where(wrong, torch.randint(0, classes, shape, generator=generator), true)
    true[torch.rand(shape, generator=generator) < 0.2] = IGNORED
    return Answers(torch.arange(count), said.to(torch.uint8), true.to(torch.uint8))
