"""Packs of tiles: the same as direct reading, whole or not there, made anew when a file changed."""

from __future__ import annotations

import errno
import multiprocessing
import os
import pickle
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from ackd.data.tiles import PairedTiles, TileBatches, TileRequest, TileSet, load_tiles, packs
from ackd.data.tiles.mapped import MappedArray
from ackd.data.tiles.pairs_folder import PairsFolder
from ackd.data.tiles.statistics import band_statistics
from ackd.errors import DataError
from tests.data.tiles.folders import (
    NAMES,
    asked,
    mask_of,
    optical_of,
    sar_of,
    write_pairs,
    write_tif,
)

FORK = multiprocessing.get_context("fork")
PARTS = ("optical", "sar", "masks", "splits")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    found = write_pairs(tmp_path / "data")
    sar = sar_of(1)
    sar[:, :4] = 0
    write_tif(found / "sar" / "a2_sar.tif", sar, 1)
    return found


def load(root: Path, folder: Path | None, labels: bool = True, **options: Any) -> TileSet:
    packed = {"packed": folder is not None, "packs": str(folder)}
    return load_tiles(asked(root, **packed, **options), labels=labels)


def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of what is read from now on: tiles, and masks."""
    found: list[str] = []
    read, masks = PairsFolder.read, PairsFolder.masks

    def reading(self: PairsFolder, row: int) -> Any:
        found.append(self.ids[row])
        return read(self, row)

    def opening(self: PairsFolder) -> Any:
        found.append("masks")
        return masks(self)

    monkeypatch.setattr(PairsFolder, "read", reading)
    monkeypatch.setattr(PairsFolder, "masks", opening)
    return found


def test_packed_and_direct_are_the_same(root: Path, tmp_path: Path) -> None:
    direct, first = load(root, None), load(root, tmp_path / "packs")
    again = load(root, tmp_path / "packs")
    for stored in (first, again):
        for name in ("optical", "sar", "valid", "masks"):
            one, other = getattr(direct, name), getattr(stored, name)
            assert isinstance(other, MappedArray)
            assert (one.shape, one.dtype, one.ndim, len(one)) == (
                other.shape, other.dtype, other.ndim, len(other),
            )  # fmt: skip
            assert (other[:] == one).all()
            assert (other[1, ..., 2:9, 3:5] == one[1, ..., 2:9, 3:5]).all()
        assert [direct.fingerprint(part) for part in PARTS] == [
            stored.fingerprint(part) for part in PARTS
        ]
        for side in ("optical", "sar"):
            np.testing.assert_array_equal(
                band_statistics(direct, side), band_statistics(stored, side)
            )
        assert (stored.bounds == direct.bounds).all()
        for name in ("crs", "classes", "notes", "optical_bands", "sar_bands"):
            assert getattr(stored, name) == getattr(direct, name)


def test_a_pack_is_found_again_and_no_tile_is_read(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = reads(monkeypatch)
    load(root, tmp_path)
    assert found == [*NAMES, "masks"] or sorted(found) == sorted([*NAMES, "masks"])
    found.clear()
    tiles = load(root, tmp_path)
    band_statistics(tiles, "sar")
    [tiles.fingerprint(part) for part in PARTS]
    assert not found
    assert not any(getattr(tiles, name).opened for name in ("optical", "sar", "valid", "masks"))


def test_a_stage_without_labels_opens_no_mask(root: Path, tmp_path: Path) -> None:
    tiles = load(root, tmp_path)
    served = PairedTiles(tiles.without_labels(), "both", labels=False, crop=8)
    served[TileRequest(np.array([0, 1]), 0)]
    assert tiles.sar.opened
    assert not tiles.masks.opened
    # nor is a mask file needed to pack the images
    shutil.rmtree(root / "masks")
    assert load(root, tmp_path / "other", labels=False).masks is None
    assert not list((tmp_path / "other").rglob("masks*"))


def test_other_labels_read_no_image_again(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(root, tmp_path)
    found = reads(monkeypatch)
    named = load(root, tmp_path, classes={"land": 0, "building": 1})
    assert named.classes == ("land", "building")
    write_tif(root / "masks" / "a1.tif", 1 - mask_of(0), 0)
    assert (load(root, tmp_path).masks[0] == 1 - mask_of(0)[0]).all()
    assert found == ["masks", "masks"]


@pytest.mark.parametrize("change", ["pixels", "added", "gone", "options"])
def test_a_changed_folder_is_packed_anew(root: Path, tmp_path: Path, change: str) -> None:
    before = load(root, tmp_path)
    options: dict[str, Any] = {}
    if change == "pixels":
        write_tif(root / "sar" / "b1_sar.tif", sar_of(2) - 1, 2)
    elif change == "added":
        write_tif(root / "optical" / "d_optical.tif", optical_of(7), 7)
        write_tif(root / "sar" / "d_sar.tif", sar_of(7), 7)
        write_tif(root / "masks" / "d.tif", mask_of(7), 7)
    elif change == "gone":
        for side in ("optical", "sar"):
            (root / side / f"c1_{side}.tif").unlink()
    else:
        options["zero_is_nodata"] = False
    after = load(root, tmp_path, **options)
    direct = load(root, None, **options)
    assert (after.sar[:] == direct.sar).all()
    assert (after.masks[:] == direct.masks).all()
    assert after.fingerprint("sar") == direct.fingerprint("sar") != before.fingerprint("sar")
    if change == "pixels":  # in place: the run that has it open must not go on with other pixels
        with pytest.raises(DataError, match="packed anew while this run was reading it"):
            before.sar[0]


def test_a_failure_leaves_the_pack_that_was_there(root: Path, tmp_path: Path) -> None:
    load(root, tmp_path)
    good = (root / "sar" / "b1_sar.tif").read_bytes()
    (root / "sar" / "b1_sar.tif").write_bytes(good[:-100])
    with pytest.raises(DataError, match="1 of 5 tiles cannot be used: b1"):
        load(root, tmp_path)
    assert not list(tmp_path.rglob(".packing"))
    about = (root / "sar" / "b1_sar.tif").stat()
    (root / "sar" / "b1_sar.tif").write_bytes(good)
    os.utime(root / "sar" / "b1_sar.tif", ns=(about.st_atime_ns, about.st_mtime_ns))
    assert (load(root, tmp_path).sar[2] == sar_of(2)).all()


@pytest.mark.parametrize("name", ["sar.npy", "images.npz", "images.json"])
def test_a_damaged_pack_is_made_anew(root: Path, tmp_path: Path, name: str) -> None:
    load(root, tmp_path)
    path = next(tmp_path.rglob(name))
    path.write_bytes(path.read_bytes()[:-20])
    assert (load(root, tmp_path).sar[2] == sar_of(2)).all()


def test_a_full_disk_is_told_and_leaves_nothing(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(packs, "write_npy_header", full)
    with pytest.raises(DataError, match=r"No space left on device.*data\.packs=DIR.*packed=false"):
        load(root, tmp_path)
    assert not list(tmp_path.rglob("*.npy"))
    monkeypatch.undo()
    assert (load(root, tmp_path).sar[2] == sar_of(2)).all()


def _slowly(root: Path, folder: Path, started: Any) -> None:
    read = PairsFolder.read

    def reading(self: PairsFolder, row: int) -> Any:
        started.set()
        if row == 3:
            signal.pause()
        return read(self, row)

    PairsFolder.read = reading  # type: ignore[method-assign]
    load(root, folder)


def test_what_a_killed_process_left_is_no_pack_and_no_obstacle(root: Path, tmp_path: Path) -> None:
    started = FORK.Event()
    process = FORK.Process(target=_slowly, args=(root, tmp_path, started))
    process.start()
    assert started.wait(60)
    while not list(tmp_path.rglob(".packing")):
        pass
    os.kill(process.pid, signal.SIGKILL)  # type: ignore[arg-type]
    process.join(60)
    assert (load(root, tmp_path).sar[4] == sar_of(4)).all()
    assert not list(tmp_path.rglob(".packing"))


def test_several_processes_pack_once(root: Path, tmp_path: Path) -> None:
    def work(queue: Any) -> None:
        tiles = load(root, tmp_path)
        queue.put((tiles.fingerprint("sar"), tiles.fingerprint("masks"), tiles.sar.stamp))

    queue = FORK.Queue()
    processes = [FORK.Process(target=work, args=(queue,)) for _ in range(3)]
    for process in processes:
        process.start()
    found = {queue.get(timeout=60) for _ in processes}
    for process in processes:
        process.join(60)
    assert len(found) == 1


def test_workers_get_the_path_and_not_the_pixels(root: Path, tmp_path: Path) -> None:
    tiles = load(root, tmp_path)
    served = PairedTiles(tiles, "both", crop=8, seed=1)
    assert len(pickle.dumps(tiles.sar)) < 2000
    again = pickle.loads(pickle.dumps(served))
    request = TileRequest(np.array([3, 1]), 2)
    for key, value in served[request].items():
        assert torch.equal(again[request][key], value)
    batches = TileBatches(np.arange(5), 2, shuffle=True, seed=1)
    loaders = [
        DataLoader(served, sampler=batches, batch_size=None, num_workers=number)
        for number in (0, 2)
    ]
    for one, other in zip(*loaders, strict=True):
        assert all(torch.equal(one[key], other[key]) for key in one)


def test_a_mapped_array_is_not_read_whole_by_accident(root: Path, tmp_path: Path) -> None:
    tiles = load(root, tmp_path)
    with pytest.raises(TypeError, match="not read whole"):
        np.asarray(tiles.sar)
    assert not tiles.sar[0].flags.writeable or tiles.sar[0].base is None
