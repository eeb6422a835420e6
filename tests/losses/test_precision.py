"""Autocast, TF32 and compilation change no loss."""

from __future__ import annotations

import pytest
import torch

from ackd.losses import coral
from tests.losses.catalogue import EVERY, both, draw
from tests.slow import slow

# Whose compilation takes longest.
COMPILED_LATER = ("vpr", "angle_in_blocks")


@pytest.mark.parametrize("name", EVERY)
def test_autocast_and_half_precision_inputs_compute_in_float32(name: str) -> None:
    student, teacher = both(dtype=torch.float32)
    student, teacher = student.bfloat16(), teacher.bfloat16()
    expected = EVERY[name](student.float(), teacher.float())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = EVERY[name](student, teacher)
        inside = EVERY[name](student.float(), teacher.float())
    assert found.dtype == inside.dtype == torch.float32
    assert found.item() == expected.item() == inside.item()


def test_coral_gradient_is_untouched_by_autocast_around_the_backward_pass() -> None:
    gradients = []
    for enabled in (False, True):
        source = draw(8, 64, dtype=torch.float32).requires_grad_()
        target = draw(8, 64, seed=1, dtype=torch.float32)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            coral(source, target, path="gram").backward()
        gradients.append(source.grad)
    assert gradients[0] is not None
    assert gradients[1] is not None
    assert torch.equal(gradients[0], gradients[1])


@pytest.mark.parametrize("name", [slow(n) if n in COMPILED_LATER else n for n in EVERY])
def test_the_step_can_be_compiled_without_a_graph_break(name: str) -> None:
    torch.compiler.reset()
    gradients = []
    for loss in (EVERY[name], torch.compile(EVERY[name], backend="aot_eager", fullgraph=True)):
        student, teacher = both()
        loss(student.requires_grad_(), teacher).backward()
        assert student.grad is not None
        gradients.append(student.grad)
    assert torch.allclose(*gradients)
