"""DynM: when it matches, what it writes, and that it leaves the student as it found it."""

from __future__ import annotations

import copy
import csv
import logging
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.loggers.logger import Logger
from torch import Tensor

from ackd.callbacks import DynM
from ackd.callbacks.redraw import draw
from ackd.data.benchmark import TRAIN
from ackd.matching import Gallery, match_by_divergence, pair_divergence
from ackd.modules import DistillModule
from ackd.runs.folder import RESULT
from ackd.train import train
from tests.modules.test_partner_rows import fit, module_and_data
from tests.stages import toy


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    toy.small(monkeypatch)


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


class Kept(Logger):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[dict[str, float]] = []

    name = version = property(lambda _: "kept")

    def log_hyperparams(self, *_: Any, **__: Any) -> None: ...

    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        if "dynm/version" in metrics:
            self.rows.append(dict(metrics))


class Before(pl.Callback):
    """In front of DynM: what the student says of every RGB image by a pass of the test's own."""

    def __init__(self) -> None:
        self.logits: list[Tensor] = []
        self.state: tuple[Any, ...] = ()

    def on_train_start(self, trainer: pl.Trainer, pl_module: DistillModule) -> None:
        pl_module.backbone.norm.eval()  # a part with a mode of its own
        self.look(trainer, pl_module)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: DistillModule) -> None:
        self.look(trainer, pl_module)

    def look(self, trainer: pl.Trainer, pl_module: DistillModule) -> None:
        data = trainer.datamodule
        self.state = described(pl_module)
        student = copy.deepcopy(pl_module).eval()
        images = torch.from_numpy(data.benchmark.rgb.images[data.rows(TRAIN, "rgb")])
        with torch.no_grad():
            self.logits.append(student(data.normalisers["rgb"](images)))


class After(pl.Callback):
    """Behind DynM: it has left the student as it was, and drawn no random number."""

    def __init__(self, before: Before) -> None:
        self.before = before
        self.pairs: list[Tensor] = []

    def on_train_start(self, trainer: pl.Trainer, pl_module: DistillModule) -> None:
        self.look(trainer, pl_module)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: DistillModule) -> None:
        self.look(trainer, pl_module)

    def look(self, trainer: pl.Trainer, pl_module: DistillModule) -> None:
        for was, now in zip(self.before.state, described(pl_module), strict=True):
            assert torch.equal(was, now)
        self.pairs.append(trainer.datamodule.pairs.clone())


def described(module: DistillModule) -> tuple[Tensor, ...]:
    modes = torch.tensor([part.training for part in module.modules()])
    weights = (tensor.clone() for tensor in module.state_dict().values())
    return modes, torch.get_rng_state(), *weights


@pytest.mark.parametrize("direction", ["student_teacher", "teacher_student"])
def test_pairs_and_their_quality_are_those_of_the_student_as_it_then_is(direction: Any) -> None:
    module, data, gallery = module_and_data(names=["vanilla"], augment=True)
    first = data.pairs.clone()
    rows, classes = gallery.index, torch.from_numpy(toy.benchmark().rgb.labels[data.rows(TRAIN)])
    before, kept = Before(), Kept()
    after = After(before)
    matching = DynM(
        gallery, [0, 1, 2], 2.0, direction, first=first, class_names=toy.CLASSES,
    )  # fmt: skip
    fit(module, data, before, matching, after, logger=kept)
    assert [row["dynm/version"] for row in kept.rows] == [1, 2]
    pairs_before = [first, after.pairs[0]]
    for row, logits, was, pairs in zip(
        kept.rows, before.logits[:2], pairs_before, after.pairs[:2], strict=True
    ):
        chosen = match_by_divergence(
            logits, gallery.logits, classes, gallery.classes, 2.0, direction
        )
        assert torch.equal(pairs, rows[chosen])
        assert toy.benchmark().ms.labels[pairs.numpy()].tolist() == classes.tolist()
        kl = pair_divergence(logits, gallery.logits[chosen], 2.0, direction)
        earlier = gallery.logits[torch.searchsorted(rows, was)]
        assert row["dynm/kl_after"] == pytest.approx(float(kl.mean()), rel=1e-5)
        assert row["dynm/kl_before"] == pytest.approx(
            float(pair_divergence(logits, earlier, 2.0, direction).mean()), rel=1e-5
        )
        assert row["dynm/share_changed"] == pytest.approx(float((pairs != was).double().mean()))
        agreed = float((pairs == first).double().mean())
        assert row["dynm/agreement_with_first"] == pytest.approx(agreed)
        for number, name in enumerate(toy.CLASSES):
            expected = float(kl[classes == number].mean())
            assert row[f"dynm/kl_class/{name}"] == pytest.approx(expected, rel=1e-5)
        counts = sorted(chosen.unique(return_counts=True)[1].tolist(), reverse=True)
        few = int(row["dynm/teachers_of_half"])
        assert 2 * sum(counts[:few]) >= len(chosen) > 2 * sum(counts[: few - 1])
    assert not torch.equal(before.logits[0], before.logits[1])
    assert torch.equal(after.pairs[1], after.pairs[2]), "no re-match after the last epoch"


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


def pairs_of(folder: Path) -> Tensor:
    last = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    found: Tensor = last["UnpairedDataModule"]["pairs"]
    return found


@pytest.mark.slow
def test_random_pairs_are_kept_and_redrawn_ones_are_not(tmp_path: Path) -> None:
    kept = [
        pairs_of(
            run(
                tmp_path / f"{epochs}-{len(seed)}",
                "method=kd",
                f"student.max_epochs={epochs}",
                *seed,
            )
        )
        for epochs, seed in ((1, ()), (4, ()), (4, ("seed=1",)))
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


def test_versions_are_a_function_of_the_epoch() -> None:
    gallery = Gallery(None, torch.zeros(1, 3), torch.zeros(1).long(), torch.zeros(1).long())
    callback = DynM(gallery, [5, 0, 3], 3.0, "student_teacher")
    assert [callback.version_at(e) for e in range(7)] == [1, 1, 1, 2, 2, 3, 3]


def test_dynm_runs_on_random_pairs_too(tmp_path: Path) -> None:
    folder = run(tmp_path, "method=kd", "dynm.enabled=true", "student.max_epochs=3")
    assert (folder / RESULT).is_file()
    assert [row["dynm/epoch"] for row in dynm_rows(folder)] == [0, 1, 2]
