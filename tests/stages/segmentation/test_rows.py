"""Every row of the table is a run; rows share stages, and what is frozen stays bit for bit."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from torch import Tensor

from ackd.config.groups import Groups
from ackd.config.programs import SEGMENT
from ackd.data.benchmark import TEST, TRAIN
from ackd.data.tiles import TileSet
from ackd.modules import ReconstructionModule, TeacherModule
from ackd.report.collect import collect
from ackd.report.conditions import data_sets
from ackd.report.segmentation import curves
from ackd.report.segmentation.grid import grids
from ackd.report.segmentation.maps import error_maps
from ackd.runs.result import score
from ackd.segmentation import SegmentationNetwork, build_network
from ackd.stages.plan import plan
from ackd.stages.segmentation.reconstruction import ReconstructionStage
from ackd.stages.segmentation.student import StudentStage
from ackd.stages.segmentation.teacher import TeacherStage
from ackd.stages.stage import Done, StageResult
from tests.slow import slow
from tests.stages import toy as scenes_toy
from tests.stages.segmentation import toy

BOTH = ["teacher", "reconstruction"]
ROWS = {
    "optical": ["teacher"],
    "sar": ["student"],
    "control30": ["teacher", "student"],
    "control180": ["teacher", "student"],
    **{f"{s}{e}": [*BOTH, "student"] for s in ("mid", "fin", "int") for e in ("", "_d", "_a")},
    **{f"mid_fin{e}": [*BOTH, "reconstruction2", "student"] for e in ("", "_d", "_a")},
}


def test_there_is_a_file_for_each_row() -> None:
    assert sorted(ROWS) == Groups(SEGMENT).of("row")


@pytest.mark.parametrize("row", ROWS)
def test_a_row_has_the_stages_and_the_name_that_it_needs(row: str, tmp_path: Path) -> None:
    config = toy.config(tmp_path, f"row={row}")
    assert [stage.name for stage in plan(config)] == ROWS[row]
    # A control is called after its epochs, which are 2, and 2 + 2, here.
    name = {"control30": "control2", "control180": "control4"}.get(row, row)
    assert config.method == name
    ending = row.rpartition("_")[2]
    if row not in ("optical", "sar") and not row.startswith("control"):
        expected = {"d": "decoder", "a": "all"}.get(ending, "none")
        assert config.student.finetune == expected
    assert config.student.max_epochs == {"control180": 4}.get(row, 2)
    start = (
        "random" if row == "sar" else "optical" if row[:3] in ("con", "opt") else "reconstruction"
    )
    assert config.student.start == start


def test_the_name_of_a_row_follows_what_was_chosen(tmp_path: Path) -> None:
    for words, name in (
        (("row=mid_d", "student.finetune=all"), "mid_a"),
        (("reconstruction.layers=[e1,mid]",), "e1-mid_a"),
        # not M&F, which is two steps
        (("reconstruction.layers=[mid,fin]", "finetune=none"), "mid-fin"),
        (("reconstruction.layers=mid",), "mid_a"),
        (("row=sar", "student.finetune=decoder"), "sar_d"),
        (("row=control30", "student.max_epochs=7"), "control7"),
        (("row=control30", "finetune=none"), "control0"),
    ):
        assert toy.config(tmp_path, *words).method == name


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, dict[str, Any]]]:
    """Rows that were run one after the other, with their results."""
    root = tmp_path_factory.mktemp("rows")
    rows = ("optical", "sar", "mid", "mid_d", "mid_fin_d", "int_a", "control30")
    return root, {row: toy.run(root, f"row={row}", name=row) for row in rows}


def artifact(result: dict[str, Any], stage: str, folder: Path) -> dict[str, Tensor]:
    place = folder / result[stage]["artifact"] / "weights.pt"
    weights: dict[str, Tensor] = torch.load(place, weights_only=True)
    return weights


def student(folder: Path) -> dict[str, Tensor]:
    weights: dict[str, Tensor] = torch.load(folder / "student.pt", weights_only=True)["state_dict"]
    return weights


def part(network: SegmentationNetwork, layers: Iterable[str]) -> set[str]:
    """Names of all parameters and buffers of some layers."""
    wanted = {id(t) for name in layers for m in network.modules_of(name)
              for t in (*m.parameters(), *m.buffers())}  # fmt: skip
    named = [*network.named_parameters(), *network.named_buffers()]
    return {name for name, tensor in named if id(tensor) in wanted}


def test_rows_share_what_they_have_in_common(done: tuple[Path, dict[str, dict[str, Any]]]) -> None:
    root, results = done
    assert results["optical"]["reused"] == results["sar"]["reused"] == []
    assert results["mid"]["reused"] == ["teacher"]
    assert results["mid_d"]["reused"] == ["teacher", "reconstruction"]
    assert results["mid_fin_d"]["reused"] == ["teacher", "reconstruction"]
    assert results["int_a"]["reused"] == results["control30"]["reused"] == ["teacher"]
    counts = {path.name: len(list(path.glob("*/stage.json")))
              for path in (root / "artifacts").iterdir() if path.is_dir()}  # fmt: skip
    assert counts == {"teacher": 1, "reconstruction": 2, "reconstruction2": 1}


def test_a_result_says_what_it_is_of(done: tuple[Path, dict[str, dict[str, Any]]]) -> None:
    results = done[1]
    row = results["mid_fin_d"]
    assert (row["task"], row["method"], row["network"]) == ("segmentation", "mid_fin_d", "tiny")
    assert row["reconstruction"]["metrics"]["cosine_loss"] > 0
    assert row["shown"] == {"layers": ["mid"], "then": ["fin"], "finetune": "decoder",
                            "start": "reconstruction"}  # fmt: skip
    assert row["labels"] == {"fraction": 1.0, "tiles": 18}
    assert row["data"]["split_sizes"]["sar"] == {"train": 18, "val": 6, "test": 6}
    metrics = row["student"]["metrics"]
    assert {"iou", "iou_tile_mean", "precision", "recall", "prevalence",
            "all_positive_iou"} <= set(metrics)  # fmt: skip
    assert score(row) == row["student"]["validation"]["iou"]
    assert score(results["optical"]) == results["optical"]["teacher"]["validation"]["iou"]
    assert results["sar"]["teacher"] is None
    assert results["mid"]["student"]["best_epoch"] is None
    assert results["mid"]["seconds"]["finetune"] == 0
    assert results["mid_d"]["seconds"]["finetune"] > 0


def test_a_report_reads_what_rows_leave(done: tuple[Path, dict[str, dict[str, Any]]]) -> None:
    root, results = done
    for row in results:
        options = toy.config(root, f"row={row}").model_dump(mode="json")
        (root / row / "config.yaml").write_text(yaml.safe_dump(options))
    (data,) = data_sets(collect(root))
    (grid,) = grids(data)
    titles = [
        "Optical", "SAR", "Mid", "Mid+Ft-D", "M&F+Ft-D", "Int+Ft-A", "Control: 2 epochs",
    ]  # fmt: skip
    assert [row.title for row in grid.rows] == titles
    optical, sar = grid.entries[:2]
    assert optical.numbers("iou") == [results["optical"]["teacher"]["metrics"]["iou"]]
    assert sar.numbers("recall") == [results["sar"]["student"]["metrics"]["recall"]]
    (cosines,) = curves.cosines(data, "d1")
    assert [label for _, label in cosines.legend] == [
        "Mid, tiny", "Int, tiny", "Fin, tiny, second step",
    ]  # fmt: skip
    layers = ["e2", "e3", "mid", "d1", "d2", "fin"]
    assert [panel.title for panel in cosines.panels[:6]] == [
        f"Cosine of {layer}, validation" for layer in layers
    ]
    (maps,) = error_maps(data, "d1", grid)
    shown = ["SAR image", "Optical image", "Truth", *titles]
    assert [panel.title for panel in maps.panels] == shown
    assert "tile_" in maps.panels[0].svg
    assert "IoU" in maps.panels[-1].svg


def test_what_is_frozen_stays_bit_for_bit(done: tuple[Path, dict[str, dict[str, Any]]]) -> None:
    root, results = done
    network = build_network("tiny", bands=2, width=4)
    encoder, decoder = (part(network, layers) for layers in
                        (network.encoder_layers, network.decoder_layers))  # fmt: skip
    assert encoder | decoder == set(network.state_dict())
    assert any("running_mean" in name for name in encoder & set(network.state_dict()))
    row = results["mid_fin_d"]
    teacher, mid, second = (artifact(row, stage, root / "mid_fin_d") for stage in
                            ("teacher", "reconstruction", "reconstruction2"))  # fmt: skip
    bare, decoded, whole = (student(root / name) for name in ("mid", "mid_fin_d", "int_a"))
    for name in decoder:  # Mid leaves the decoder of the teacher
        if mid[name].shape == teacher[name].shape:
            assert torch.equal(mid[name], teacher[name]), name
    for name in encoder:  # the second step leaves the encoder, and so does fine-tuning the decoder
        assert torch.equal(second[name], mid[name]), name
        assert torch.equal(decoded[name], second[name]), name
    assert all(torch.equal(bare[name], mid[name]) for name in mid)
    for before, after, moved in ((teacher, mid, encoder), (mid, second, decoder),
                                 (second, decoded, decoder)):  # fmt: skip
        assert any(before[name].shape != after[name].shape
                   or not torch.equal(before[name], after[name]) for name in moved)  # fmt: skip
    assert whole.keys() == mid.keys()


def test_the_exported_student_answers_alone(
    done: tuple[Path, dict[str, dict[str, Any]]], tmp_path: Path
) -> None:
    root, results = done
    saved = torch.load(root / "mid_fin_d" / "student.pt", weights_only=True)
    network = build_network(
        **saved["network"], bands=len(saved["bands"]), classes=len(saved["classes"])
    ).eval()
    network.load_state_dict(saved["state_dict"])
    found = toy.tiles()
    assert found.masks is not None
    rows = found.rows(TEST)
    sar, valid = torch.from_numpy(found.sar[rows]), torch.from_numpy(found.valid[rows])
    images = ((sar - saved["mean"]) / saved["std"]).where(valid[:, None], 0.0)
    with torch.no_grad():
        said = network(images).logits[:, 0] > 0
    true = torch.from_numpy(found.masks[rows])
    hits = (said & (true == 1)).sum()
    either = ((said | (true == 1)) & valid).sum()
    expected = results["mid_fin_d"]["student"]["metrics"]["iou"]
    assert float(hits / either) == pytest.approx(expected, abs=1e-5)


class Unseen:
    """Masks that nobody may look at."""

    def __init__(self, masks: Any) -> None:
        self.shape, self.dtype, self.ndim = masks.shape, masks.dtype, masks.ndim

    def __getitem__(self, key: object) -> Any:
        raise AssertionError("a mask was opened")

    def __array__(self, *_: object, **__: object) -> Any:
        raise AssertionError("a mask was opened")


def test_a_reconstruction_never_opens_a_mask(tmp_path: Path) -> None:
    made = toy.context(tmp_path, "row=mid")
    found = made.tiles
    unseen = TileSet(**{**vars(found), "masks": Unseen(found.masks)})
    blind = type(made)(made.config, unseen)
    teacher = blind.training("teacher").network()
    results = Done({"teacher": StageResult(teacher, {}, fingerprint="abc")})
    stage = ReconstructionStage.of(blind, results)
    (tmp_path / "blind").mkdir()
    stage.shaped_by()
    stage.train(tmp_path / "blind", resume=False)
    assert (tmp_path / "blind" / "weights.pt").is_file()
    with pytest.raises(AssertionError, match="a mask was opened"):
        TeacherStage.of(blind, Done()).train(tmp_path / "blind", resume=False)


def test_few_labels_are_those_of_sar_alone(tmp_path: Path) -> None:
    whole, few, other = (
        toy.context(tmp_path, "row=int_a", *words)
        for words in ((), ("labels.fraction=0.5",), ("labels.fraction=0.5", "seed=1"))
    )
    assert [len(c.training("student").data.rows(TRAIN)) for c in (whole, few)] == [18, 9]
    for stage in ("teacher", "reconstruction"):
        assert len(few.training(stage).data.rows(TRAIN)) == 18
    again = toy.context(tmp_path, "row=sar", "labels.fraction=0.5")
    assert np.array_equal(few.labelled, again.labelled)
    assert np.array_equal(few.training("student").data.rows(TRAIN), few.labelled)
    assert not np.array_equal(few.labelled, other.labelled)
    shapes = [TeacherStage.of(c, Done()).shaped_by() for c in (whole, few, other)]
    assert shapes[0] == shapes[1] == shapes[2]
    least = toy.context(tmp_path, "labels.fraction=0.01")
    assert len(least.labelled) == 8


@pytest.mark.parametrize(
    ("module", "row"), [slow(TeacherModule, "sar"), slow(ReconstructionModule, "int")]
)
def test_a_stage_that_crashed_goes_on_bit_for_bit(
    module: Any, row: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = (f"row={row}", "epochs.reconstruction=3", "student.max_epochs=3", "epochs.teacher=1")
    whole = toy.run(tmp_path / "whole", *words)
    step = module.training_step

    def crash(self: Any, batch: Any, batch_idx: int) -> Any:
        if self.current_epoch == 1 and batch_idx == 1:
            raise RuntimeError("power cut")
        return step(self, batch, batch_idx)

    with monkeypatch.context() as patch:
        patch.setattr(module, "training_step", crash)
        with pytest.raises(RuntimeError, match="power cut"):
            toy.run(tmp_path / "cut", *words)
    ours = toy.run(tmp_path / "cut", *words, resume=True)
    assert ours["student"]["metrics"] == whole["student"]["metrics"]
    for name, weight in student(tmp_path / "whole" / "run").items():
        assert torch.equal(student(tmp_path / "cut" / "run")[name], weight), name
    if row == "sar":
        files = [tmp_path / where / "run" / "metrics.csv" for where in ("whole", "cut")]
        assert scenes_toy.rows(files[0]) == scenes_toy.rows(files[1])


def test_a_student_begins_with_what_the_options_say(tmp_path: Path) -> None:
    made = toy.context(tmp_path, "row=control30")
    teacher = made.training("teacher").network()
    results = Done({"teacher": StageResult(teacher, {})})
    network = StudentStage.of(made, results).begin()
    own, theirs = network.state_dict(), teacher.state_dict()
    changed = [name for name in own if own[name].shape != theirs[name].shape]
    assert changed
    for name in own:
        if name in changed:  # the mean over three bands, times 3/2, for each of two
            mean = theirs[name].mean(dim=1, keepdim=True) * 3 / 2
            assert torch.allclose(own[name], mean.expand_as(own[name]))
        else:
            assert torch.equal(own[name], theirs[name]), name
