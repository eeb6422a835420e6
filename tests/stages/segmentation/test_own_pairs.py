"""Own pairs go all the way: read, packed, taught without labels, fine-tuned, and reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from ackd.data.tiles.mapped import MappedArray
from ackd.modules import ReconstructionModule
from ackd.stages.pipeline import run_pipeline
from ackd.stages.segmentation.context import open_context
from tests.data.tiles.folders import SIDE, mask_of, optical_of, sar_of, write_tif
from tests.stages.segmentation import toy


def write(root: Path, count: int = 20) -> Path:
    for number in range(count):
        # tile 4 of the helper has no class; here all have
        mask = mask_of(number + 10)
        sar = sar_of(number) + 8 * mask
        sar[:, :, :2] = 0
        for side, pixels in (("optical", optical_of(number)), ("sar", sar), ("masks", mask)):
            write_tif(root / side / f"t{number:02d}_{side}.tif", pixels, number)
    return root


def test_own_pairs_are_read_packed_and_learned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write(tmp_path / "pairs")
    options = [
        "data=pairs", *(f"data.{side}={root / side}" for side in ("optical", "sar", "masks")),
        "data.val=4", "data.test=4", "row=fin_d", "epochs.reconstruction=1", "epochs.teacher=1",
        "labels.fraction=0.5",
    ]  # fmt: skip
    context = open_context(toy.config(tmp_path, *options))
    tiles = context.tiles
    assert isinstance(tiles.masks, MappedArray)
    seen = []
    step = ReconstructionModule.training_step

    def training_step(self: ReconstructionModule, batch: dict, *rest: object) -> object:
        seen.append(sorted(batch))
        return step(self, batch, *rest)

    monkeypatch.setattr(ReconstructionModule, "training_step", training_step)
    (tmp_path / "run").mkdir()
    result = run_pipeline(context, tmp_path / "run", resume=False)
    assert seen
    assert not [key for keys in seen for key in keys if "target" in key]
    data = result["data"]
    assert data["split"]["how"] == "place"
    assert data["split"]["test_ground_seen_in_training"] == 0
    assert data["valid_share"] == pytest.approx(1 - 2 / SIDE)
    assert result["labels"]["tiles"] == 8
    assert 0 <= result["student"]["metrics"]["iou"] <= 1
