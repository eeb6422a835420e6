"""What every search promises: exact, in the own class, lowest index among equals."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ackd.matching import (
    match_by_distance,
    match_by_divergence,
    match_by_similarity,
    pair_divergence,
)

Search = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


def by_divergence(s: Tensor, t: Tensor, cs: Tensor, ct: Tensor) -> Tensor:
    return match_by_divergence(s, t, cs, ct, 3.0)


def by_reverse_divergence(s: Tensor, t: Tensor, cs: Tensor, ct: Tensor) -> Tensor:
    return match_by_divergence(s, t, cs, ct, 3.0, "teacher_student")


def cosine(s: Tensor, t: Tensor) -> Tensor:
    return -torch.cosine_similarity(s[:, None], t[None], dim=-1)


def distance(s: Tensor, t: Tensor) -> Tensor:
    return (s[:, None] - t[None]).square().sum(-1)


def divergence(s: Tensor, t: Tensor) -> Tensor:
    n, k = len(s), len(t)
    rows = pair_divergence(s.repeat_interleave(k, 0), t.repeat(n, 1), 3.0)
    return rows.reshape(n, k)


def reverse_divergence(s: Tensor, t: Tensor) -> Tensor:
    return divergence(t, s).T


SEARCHES: dict[str, tuple[Search, Callable[[Tensor, Tensor], Tensor]]] = {
    "similarity": (match_by_similarity, cosine),
    "distance": (match_by_distance, distance),
    "divergence": (by_divergence, divergence),
    "reverse divergence": (by_reverse_divergence, reverse_divergence),
}
every_search = pytest.mark.parametrize("name", SEARCHES)


def draw(n: int, width: int, seed: int, scale: float = 2.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(n, width, generator=generator)


def brute_force(cost: Tensor, cs: Tensor, ct: Tensor) -> Tensor:
    allowed = ct[:, cs].T if ct.ndim == 2 else cs[:, None] == ct[None]
    return cost.masked_fill(~allowed, torch.inf).argmin(dim=1)


@every_search
@settings(max_examples=20, deadline=None)
@given(n=st.integers(1, 40), k=st.integers(3, 40), seed=st.integers(0, 10_000))
def test_equals_the_full_matrix(name: str, n: int, k: int, seed: int) -> None:
    search, cost = SEARCHES[name]
    s, t = draw(n, 5, seed).double(), draw(k, 5, seed + 1).double()
    cs = torch.arange(n) % 3
    ct = torch.arange(k) % 3
    assert torch.equal(search(s, t, cs, ct), brute_force(cost(s, t), cs, ct))


@every_search
def test_equals_the_full_matrix_over_many_blocks(name: str) -> None:
    search, cost = SEARCHES[name]
    s, t = draw(700, 6, 1).double(), draw(2600, 6, 2).double()
    cs, ct = torch.zeros(700, dtype=torch.int64), torch.zeros(2600, dtype=torch.int64)
    assert torch.equal(search(s, t, cs, ct), cost(s, t).argmin(dim=1))


@every_search
def test_ties_go_to_the_lowest_index_also_across_blocks(name: str) -> None:
    search, _ = SEARCHES[name]
    few = draw(7, 9, 3)
    t = few.repeat(300, 1)
    s = draw(64, 9, 4)
    found = search(s, t, torch.zeros(64, dtype=torch.int64), torch.zeros(2100, dtype=torch.int64))
    assert found.max() < 7


def test_permuted_distributions_are_a_tie() -> None:
    """A flat student is as far from a teacher as from the same teacher with classes swapped."""
    teacher = torch.tensor([[0.0, 3.0, -1.0], [3.0, -1.0, 0.0], [-1.0, 0.0, 3.0]])
    zeros = torch.zeros(3, dtype=torch.int64)
    for direction in ("student_teacher", "teacher_student"):
        found = match_by_divergence(torch.zeros(1, 3), teacher, zeros[:1], zeros, 1.0, direction)
        assert found.tolist() == [0]


@every_search
def test_every_match_is_in_the_own_class(name: str) -> None:
    search, _ = SEARCHES[name]
    cs, ct = torch.arange(200) % 7, (torch.arange(90) * 5) % 7
    found = search(draw(200, 7, 5), draw(90, 7, 6), cs, ct)
    assert torch.equal(ct[found], cs)


@every_search
def test_a_class_with_one_teacher_gives_that_teacher(name: str) -> None:
    search, _ = SEARCHES[name]
    ct = torch.tensor([0, 0, 1, 0])
    found = search(draw(6, 4, 7), draw(4, 4, 8), torch.ones(6, dtype=torch.int64), ct)
    assert found.tolist() == [2] * 6


@every_search
def test_teachers_of_several_classes(name: str) -> None:
    search, cost = SEARCHES[name]
    generator = torch.Generator().manual_seed(9)
    ct = torch.rand(50, 4, generator=generator) < 0.4
    cs = torch.arange(80) % 4
    s, t = draw(80, 4, 10).double(), draw(50, 4, 11).double()
    found = search(s, t, cs, ct)
    assert torch.equal(found, brute_force(cost(s, t), cs, ct))
    assert ct[found, cs].all()


@every_search
def test_close_candidates_that_float32_cannot_tell_apart(name: str) -> None:
    search, cost = SEARCHES[name]
    base = draw(1, 8, 12, scale=20.0).double()
    t = base + 1e-5 * draw(1500, 8, 13).double()
    s = base + 1e-4 * draw(40, 8, 14).double()
    zeros = torch.zeros(1500, dtype=torch.int64)
    found = search(s, t, zeros[:40], zeros)
    full = cost(s, t)
    chosen = full.gather(1, found[:, None]).squeeze(1)
    excess = (chosen - full.amin(dim=1)) / full.abs().amax().clamp_min(1.0)
    assert excess.max() < 1e-12


def test_similarity_ignores_lengths_and_divergence_ignores_shifts() -> None:
    s, t = draw(60, 5, 15).double(), draw(50, 5, 16).double()
    cs, ct = torch.arange(60) % 3, torch.arange(50) % 3
    lengths = torch.arange(1, 51).double()[:, None]
    first = match_by_similarity(s, t, cs, ct)
    assert torch.equal(match_by_similarity(5 * s, lengths * t, cs, ct), first)
    for direction in ("student_teacher", "teacher_student"):
        second = match_by_divergence(s, t, cs, ct, 2.0, direction)
        assert torch.equal(match_by_divergence(s + 3, t + lengths, cs, ct, 2.0, direction), second)
        assert torch.equal(match_by_divergence(2 * s, 2 * t, cs, ct, 4.0, direction), second)


def test_pair_divergence_is_zero_at_equality_and_positive_elsewhere() -> None:
    logits = draw(20, 6, 17)
    assert pair_divergence(logits, logits + 1.0, 3.0).abs().max() < 1e-12
    assert (pair_divergence(logits, logits.flip(0), 3.0) > 0).all()


@pytest.mark.parametrize("precision", ["highest", "medium"])
def test_reduced_precision_products_do_not_reach_the_result(precision: str) -> None:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    s, t = draw(50, 32, 18).to(device), draw(3000, 32, 19).to(device)
    zeros = torch.zeros(3000, dtype=torch.int64, device=device)
    exact = cosine(s.double(), t.double()).argmin(dim=1)
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision(precision)
        with torch.autocast(device, dtype=torch.bfloat16):
            assert torch.equal(match_by_similarity(s, t, zeros[:50], zeros), exact)
    finally:
        torch.set_float32_matmul_precision(before)


def test_no_students_give_no_pairs() -> None:
    empty = torch.zeros(0, dtype=torch.int64)
    found = match_by_similarity(torch.zeros(0, 4), draw(3, 4, 0), empty, torch.arange(3))
    assert found.shape == (0,)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cs": torch.tensor([0, 2])}, "Class 2 has 1 students but no teacher"),
        ({"cs": torch.tensor([0, 5]), "ct": torch.ones(3, 2).bool()}, "Class 5"),
        ({"cs": torch.tensor([0])}, r"student_classes must be \(2,\) integers"),
        ({"cs": torch.tensor([0.0, 1.0])}, "torch.float32"),
        ({"ct": torch.tensor([0, 1])}, r"teacher_classes must be \(3,\) integers or \(3, C\)"),
        ({"t": torch.zeros(3, 5)}, "one width"),
        ({"s": torch.tensor([[torch.nan] * 4] * 2)}, "NaN or infinity"),
    ],
)
def test_inputs_that_cannot_be_matched(change: dict[str, Tensor], message: str) -> None:
    inputs = {
        "s": draw(2, 4, 0),
        "t": draw(3, 4, 1),
        "cs": torch.tensor([0, 1]),
        "ct": torch.tensor([0, 1, 1]),
    }
    for search, _ in SEARCHES.values():
        with pytest.raises(ValueError, match=message):
            search(*(inputs | change).values())


def test_wrong_temperature_and_direction() -> None:
    logits, classes = draw(2, 3, 0), torch.zeros(2, dtype=torch.int64)
    for temperature in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="must be positive"):
            match_by_divergence(logits, logits, classes, classes, temperature)
    with pytest.raises(ValueError, match="Did you mean 'student_teacher'"):
        match_by_divergence(logits, logits, classes, classes, 1.0, "student_teach")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="one teacher row a student row"):
        pair_divergence(logits, logits[:1], 1.0)
