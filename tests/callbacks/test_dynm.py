"""DynM: when it matches, what it writes, and that it leaves the student as it found it."""

from __future__ import annotations

import csv
import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ackd.callbacks import DynM, RedrawPairs, dynm
from ackd.callbacks.redraw import draw
from ackd.data.benchmark import TRAIN
from ackd.matching import Gallery, match_by_divergence, pair_divergence
from ackd.modules import DistillModule
from ackd.stages.pairing import make_pairing
from ackd.stages.run_folder import RESULT
from ackd.train import train
from tests.stages import toy


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    toy.small(monkeypatch)
    monkeypatch.setenv("ACKD_RUN_FOLDER", "")


def run(root: Path, *overrides: str) -> Path:
    train(toy.composed(root, *overrides), root / "run")
    return root / "run"


def dynm_rows(folder: Path) -> list[dict[str, float]]:
    with (folder / "metrics.csv").open(newline="") as file:
        return [
            {k: float(v) for k, v in row.items() if v}
            for row in csv.DictReader(file)
            if row["dynm/version"]
        ]


def test_rows_and_log_say_when_and_how_pairs_changed(tmp_path: Path) -> None:
    folder = run(tmp_path)
    found = dynm_rows(folder)
    assert [row["dynm/epoch"] for row in found] == [0, 2, 4]
    assert [row["dynm/version"] for row in found] == [1, 2, 3]
    for row in found:
        assert row["dynm/kl_after"] <= row["dynm/kl_before"]
        assert row["dynm/kl_after"] >= 0
        assert 0 <= row["dynm/share_changed"] <= 1
        assert row["dynm/seconds"] > 0
        assert 1 <= row["dynm/distinct_teachers"] <= 18
        assert 1 / 27 <= row["dynm/top_teacher_share"] <= 1
    log = (folder / "train.log").read_text()
    for version, epoch in ((1, 0), (2, 2), (3, 4)):
        assert f"pairs version {version} from epoch index {epoch} on:" in log
    assert log.count("pairs version") == 3
    assert "DynM: will match again at epochs [0, 2, 4]" in log


def test_epochs_of_another_length_are_scaled_and_the_log_says_so(tmp_path: Path) -> None:
    folder = run(tmp_path, "dynm.reference_epochs=10", "dynm.e0=2", "dynm.delta=4", "dynm.mu=8")
    assert [row["dynm/epoch"] for row in dynm_rows(folder)] == [1, 3]
    log = (folder / "train.log").read_text()
    assert "[2, 6, 18] of a run of 10 are epochs [1, 3] of this run of 5" in log


def test_the_search_is_the_one_of_the_matching_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Tensor, ...]] = []
    put: list[Tensor] = []

    def spy(s: Tensor, t: Tensor, cs: Tensor, ct: Tensor, gamma: float, way: Any) -> Tensor:
        asked.append((s, t, cs, ct))
        assert (gamma, way) == (2.0, "teacher_student")
        put.append(match_by_divergence(s, t, cs, ct, gamma, way))
        return put[-1]

    monkeypatch.setattr(dynm, "match_by_divergence", spy)
    folder = run(tmp_path, "dynm.gamma=2", "dynm.direction=teacher_student")
    assert len(asked) == 3
    students, teachers, classes, _ = asked[-1]
    served = toy.data()
    assert students.shape == (27, 3)
    assert teachers.shape == (18, 3)
    bench = toy.benchmark()
    assert classes.tolist() == bench.rgb.labels[served.rows(TRAIN)].tolist()
    # The pairs that ended in the checkpoint are those of the last search, as MS rows.
    last = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    pairs = last["UnpairedDataModule"]["pairs"]
    assert torch.equal(pairs, torch.from_numpy(served.rows(TRAIN, "ms"))[put[-1]])
    assert bench.ms.labels[pairs.numpy()].tolist() == classes.tolist()
    kl = pair_divergence(students, teachers[put[-1]], 2.0, "teacher_student").mean()
    assert dynm_rows(folder)[-1]["dynm/kl_after"] == pytest.approx(float(kl))


def test_the_student_is_seen_in_eval_mode_and_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []
    match = DynM._match

    def watched(self: DynM, trainer: Any, student: DistillModule, *rest: Any) -> None:
        student.train()
        student.backbone.norm.eval()  # a part with a mode of its own
        modes = [part.training for part in student.modules()]
        state = {k: v.clone() for k, v in student.state_dict().items()}
        noise = torch.get_rng_state()
        handle = student.backbone.dropout.register_forward_hook(
            lambda part, *_: seen.append(part.training)
        )
        match(self, trainer, student, *rest)
        handle.remove()
        assert [part.training for part in student.modules()] == modes
        assert all(torch.equal(v, state[k]) for k, v in student.state_dict().items())
        # Neither dropout nor augmentation drew anything.
        assert torch.equal(torch.get_rng_state(), noise)

    monkeypatch.setattr(DynM, "_match", watched)
    run(tmp_path, "data.augment=true", "student.max_epochs=3", "dynm.reference_epochs=3")
    assert seen
    assert not any(seen)


def test_few_teachers_for_half_of_the_students_are_warned_of(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = dict.fromkeys(
        ["dynm/version", "dynm/epoch", "dynm/share_changed", "dynm/seconds", "dynm/kl_before",
         "dynm/kl_after", "dynm/distinct_teachers"], 1.0,
    )  # fmt: skip
    monkeypatch.setattr(logging.getLogger("ackd"), "propagate", True)
    with caplog.at_level(logging.WARNING, logger="ackd"):
        DynM._tell({**report, "dynm/teachers_of_half": 20}, 1000, 400)
        assert not caplog.records
        DynM._tell({**report, "dynm/teachers_of_half": 19}, 1000, 400)
    assert "19 of 400 MS images serve half of all RGB images" in caplog.text


def test_quality_of_the_pairs_at_each_rematch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    firsts: list[Tensor] = []
    searched: list[tuple[Tensor, ...]] = []

    def pairing(*given: Any) -> Any:
        made = make_pairing(*given)
        firsts.append(made.pairs)
        return made

    def spy(s: Tensor, t: Tensor, cs: Tensor, ct: Tensor, gamma: float, way: Any) -> Tensor:
        chosen = match_by_divergence(s, t, cs, ct, gamma, way)
        searched.append((pair_divergence(s, t[chosen], gamma, way), cs, chosen))
        return chosen

    monkeypatch.setattr("ackd.stages.pipeline.make_pairing", pairing)
    monkeypatch.setattr(dynm, "match_by_divergence", spy)
    found = dynm_rows(run(tmp_path))
    rows = torch.from_numpy(toy.data().rows(TRAIN, "ms"))
    assert len(found) == len(searched) == 3
    for row, (kl, classes, chosen) in zip(found, searched, strict=True):
        agreed = float((rows[chosen] == firsts[0]).double().mean())
        assert row["dynm/agreement_with_first"] == pytest.approx(agreed)
        for number, name in enumerate(toy.CLASSES):
            expected = float(kl[classes == number].mean())
            assert row[f"dynm/kl_class/{name}"] == pytest.approx(expected)
        counts = sorted(chosen.unique(return_counts=True)[1].tolist(), reverse=True)
        few = int(row["dynm/teachers_of_half"])
        assert 2 * sum(counts[:few]) >= len(chosen) > 2 * sum(counts[: few - 1])
    # The first rematch is before the first batch: its pairs before are the first ones.
    assert found[0]["dynm/agreement_with_first"] == pytest.approx(
        1 - found[0]["dynm/share_changed"]
    )


def test_the_past_epochs_logits_cost_no_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are those of training; only images that came in no batch are looked at anew."""
    trained: dict[int, dict[int, Tensor]] = {}
    fresh: list[list[int]] = []
    asked: list[Tensor] = []
    step, look = DistillModule.training_step, DynM._fresh_logits

    def watched(self: DistillModule, batch: dict[str, Tensor], batch_idx: int) -> Any:
        found = step(self, batch, batch_idx)
        epoch = trained.setdefault(self.current_epoch, {})
        epoch |= dict(zip(batch["rgb_index"].tolist(), found["logits"].clone(), strict=True))
        return found

    def looking(student: Any, data: Any, rows: Any) -> Tensor:
        fresh.append(rows.tolist())
        return look(student, data, rows)

    def spy(s: Tensor, *rest: Any) -> Tensor:
        asked.append(s.clone())
        return match_by_divergence(s, *rest)

    monkeypatch.setattr(DistillModule, "training_step", watched)
    monkeypatch.setattr(DynM, "_fresh_logits", staticmethod(looking))
    monkeypatch.setattr(dynm, "match_by_divergence", spy)
    folder = run(tmp_path, "dynm.logits=past_epoch", "data.augment=true")
    assert [row["dynm/epoch"] for row in dynm_rows(folder)] == [0, 2, 4]
    rows = toy.data().rows(TRAIN).tolist()
    assert fresh[0] == rows  # before the first batch there is no past epoch
    for rematch, epoch in ((1, 1), (2, 3)):
        seen = trained[epoch]
        assert len(seen) == 24
        assert fresh[rematch] == [row for row in rows if row not in seen]
        for row, logits in zip(rows, asked[rematch], strict=True):
            assert row not in seen or torch.equal(logits, seen[row])


def pairs_of(folder: Path) -> Tensor:
    last = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    found: Tensor = last["UnpairedDataModule"]["pairs"]
    return found


def test_random_pairs_are_kept_and_redrawn_ones_are_not(tmp_path: Path) -> None:
    kept = [
        pairs_of(run(tmp_path / name, "method=kd", f"student.max_epochs={epochs}", f"seed={seed}"))
        for name, epochs, seed in (("short", 1, 0), ("long", 4, 0), ("other", 4, 1))
    ]
    assert torch.equal(kept[0], kept[1])
    assert not torch.equal(kept[1], kept[2])
    redrawn = run(tmp_path / "redraw", "method=kd", "matching.redraw=true", "student.max_epochs=4")
    assert not torch.equal(pairs_of(redrawn), kept[1])
    bench, served = toy.benchmark(), toy.data()
    for pairs in (*kept, pairs_of(redrawn)):
        expected = bench.rgb.labels[served.rows(TRAIN)].tolist()
        assert bench.ms.labels[pairs.numpy()].tolist() == expected


def test_draws_of_neighbouring_seeds_and_epochs_do_not_meet() -> None:
    rgb, ms = torch.zeros(50, dtype=torch.int64), torch.zeros(20, dtype=torch.int64)
    rows = torch.arange(100, 120)
    draws = [draw(rgb, ms, rows, seed, epoch) for seed in range(3) for epoch in range(3)]
    assert all(not torch.equal(a, b) for i, a in enumerate(draws) for b in draws[i + 1 :])
    assert torch.equal(draw(rgb, ms, rows, 1, 2), draws[5])
    assert all(((d >= 100) & (d < 120)).all() for d in draws)
    assert RedrawPairs(rgb, ms, rows, 0).seed == 0


def test_versions_are_a_function_of_the_epoch() -> None:
    gallery = Gallery(None, torch.zeros(1, 3), torch.zeros(1).long(), torch.zeros(1).long())
    callback = DynM(gallery, [5, 0, 3], 3.0, "student_teacher")
    assert [callback.version_at(e) for e in range(7)] == [1, 1, 1, 2, 2, 3, 3]


def test_dynm_runs_on_random_pairs_too(tmp_path: Path) -> None:
    folder = run(tmp_path, "method=kd", "dynm.enabled=true", "student.max_epochs=3")
    assert (folder / RESULT).is_file()
    assert [row["dynm/epoch"] for row in dynm_rows(folder)] == [0, 1, 2]
