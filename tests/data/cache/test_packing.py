"""Packs: the same as direct reading, whole or not there, and made anew when a file changed."""

from __future__ import annotations

import errno
import json
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

from ackd.data.assemble import load_benchmark, load_prepared, read_directly
from ackd.data.benchmark import TRAIN
from ackd.data.cache import PackedImages, is_pack, open_pack, pack, pack_among, writing
from ackd.data.cache import images as packed_images
from ackd.data.pairs import SceneBatches, UnpairedScenes
from ackd.data.sources import ClassFolders
from ackd.errors import ConfigError, DataError
from tests.data.layouts import write_jpg
from tests.data.small_archives import SIZE, asked, class_map, selected, write_archives
from tests.slow import slow

BANDS = ("B04", "B03", "B02", "B08")
TINY = {"bands": BANDS, "size": SIZE}
FORK = multiprocessing.get_context("fork")


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_archives(tmp_path_factory.mktemp("archives"))


def packed(root: Path, folder: Path, **options: Any) -> Any:
    ours = {name: options.pop(name) for name in ("workers", "progress", "force") if name in options}
    return pack(selected(root), folder, asked(**{**TINY, **options}), **ours)


def load(root: Path, packs: Path | None, **options: Any) -> Any:
    known = {**TINY, "packed": packs is not None, "packs": str(packs), **options}
    return load_benchmark({"ms": root, "rgb": root}, class_map(), asked(**known))


def in_child(work: Any, *args: Any) -> Any:
    process = FORK.Process(target=work, args=args)
    process.start()
    return process


@pytest.mark.parametrize("bands", [BANDS, ("B08",), ("B02", "B8A", "B01")])
def test_packed_and_direct_are_the_same(archives: Path, tmp_path: Path, bands: Any) -> None:
    direct, stored = (load(archives, packs, bands=bands) for packs in (None, tmp_path))
    for one, other in ((direct.ms, stored.ms), (direct.rgb, stored.rgb)):
        assert isinstance(other.images, PackedImages)
        assert other.images.dtype == one.images.dtype
        np.testing.assert_array_equal(other.images[:], one.images)
        assert one.fingerprint == other.fingerprint
        for a, b in zip(one.band_statistics(), other.band_statistics(), strict=True):
            np.testing.assert_array_equal(a, b)
        for name in ("labels", "files", "scene_ids", "split"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        assert one.bands == other.bands
    assert direct.notes == stored.notes


def test_rows_are_copied_however_they_are_asked_for(archives: Path, tmp_path: Path) -> None:
    whole = read_directly(selected(archives), asked(**TINY)).ms.images
    benchmark = packed(archives, tmp_path).benchmark(["B08", "B04"])
    for images, expected in (
        (packed(archives, tmp_path).images["ms"], whole),
        (benchmark.ms.images, whole[:, [3, 0]]),
    ):
        rows = np.array([7, 0, 7, 3])
        mask = np.arange(len(images)) % 2 == 0
        for wanted in (rows, slice(2, 9, 3), 5, np.int64(4), mask, rows[:0]):
            found = images[wanted]
            np.testing.assert_array_equal(found, expected[wanted])
            assert found.flags.owndata or found.base.flags.owndata
            assert found.flags.writeable
        with pytest.raises(TypeError, match="indexed by rows alone"):
            images[0, 1]
        with pytest.raises(TypeError, match="not read whole"):
            np.asarray(images)
        with pytest.raises(IndexError):
            images[np.array([len(images)])]


def test_pages_are_given_back_and_read_again(
    archives: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = packed(archives, tmp_path).images["rgb"]
    before = images[:]
    monkeypatch.setattr(packed_images, "RESIDENT_BYTES", 1)
    for _ in range(3):
        np.testing.assert_array_equal(images[np.arange(len(images))], before)


def test_pickled_it_is_a_path(archives: Path, tmp_path: Path) -> None:
    images = packed(archives, tmp_path).benchmark(["B08"]).ms.images
    content = pickle.dumps(images)
    assert len(content) < 1000 < images[:].nbytes
    np.testing.assert_array_equal(pickle.loads(content)[:], images[:])


def test_a_pack_replaced_under_a_run_is_not_mixed_with_the_old_one(tmp_path: Path) -> None:
    root = write_archives(tmp_path / "raw")
    content = pickle.dumps(packed(root, tmp_path / "pack").images["ms"])
    os.utime(root / "EuroSAT_MS" / "Forest" / "Forest_1.tif")
    packed(root, tmp_path / "pack")
    with pytest.raises(DataError, match="packed anew while this run was reading it"):
        pickle.loads(content)


@pytest.mark.parametrize(("context", "count"), [("fork", 2), slow("spawn", 1)])
def test_workers_read_the_same_batches(
    archives: Path, tmp_path: Path, context: str, count: int
) -> None:
    batches: list[list[Any]] = []
    for packs, workers in ((None, 0), (tmp_path, count)):
        benchmark = load(archives, packs)
        sampler = SceneBatches("ms", benchmark.ms.indices(TRAIN), 4, shuffle=True, seed=3)
        loader = DataLoader(
            UnpairedScenes(benchmark),
            sampler=sampler,
            batch_size=None,
            num_workers=workers,
            multiprocessing_context=context if workers else None,
        )
        batches.append(list(loader))
    assert len(batches[0]) == len(batches[1]) > 1
    for one, other in zip(*batches, strict=True):
        assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_second_run_reads_no_archive(
    archives: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load(archives, tmp_path)

    def read(*_: Any) -> Any:
        raise AssertionError("read again")

    monkeypatch.setattr(ClassFolders, "read", read)
    assert load(archives, tmp_path).ms.fingerprint == first.ms.fingerprint
    assert load(archives, tmp_path, fold=3).ms.fingerprint != first.ms.fingerprint
    # fewer bands come out of the same pack, by a view of its channels
    assert load(archives, tmp_path, bands=["B02"]).ms.images.shape[1] == 1
    for options in ({"bands": ["B01"]}, {"size": 4}, {"split_seed": 1}):
        with pytest.raises(AssertionError, match="read again"):
            load(archives, tmp_path, **options)


def _touch(root: Path) -> None:
    os.utime(root / "EuroSAT_MS/River/River_2.tif", ns=(1, 1))


def _grow(root: Path) -> None:
    (root / "EuroSAT_RGB/River/River_9.jpg").write_bytes(write_jpg(root / "x.jpg", 99).read_bytes())


def _remove(root: Path) -> None:
    (root / "EuroSAT_RGB/River/River_16.jpg").unlink()


def _add(root: Path) -> None:
    write_jpg(root / "EuroSAT_RGB/River/River_17.jpg", 5)


@pytest.mark.parametrize("change", [_touch, _grow, _remove, _add])
def test_a_changed_source_is_packed_anew(tmp_path: Path, change: Any) -> None:
    root, packs = write_archives(tmp_path / "raw"), tmp_path / "packs"
    load(root, packs)
    (folder,) = packs.iterdir()
    before = json.loads((folder / "pack.json").read_text())["id"]
    change(root)
    after = load(root, packs)
    assert list(packs.iterdir()) == [folder]
    assert json.loads((folder / "pack.json").read_text())["id"] != before
    assert after.rgb.fingerprint == load(root, None).rgb.fingerprint


def test_the_folder_may_hold_other_files(archives: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    packed(archives, tmp_path)
    packed(archives, tmp_path, size=4)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert open_pack(tmp_path).images["ms"].shape[2:] == (4, 4)


def _killed_while_packing(root: Path, folder: Path) -> None:
    def report(done: int, _: int) -> None:
        if done == 20:
            os.kill(os.getpid(), signal.SIGKILL)

    packed(root, folder, progress=report)


def test_a_killed_run_leaves_nothing_that_is_taken_for_whole(
    archives: Path, tmp_path: Path
) -> None:
    process = in_child(_killed_while_packing, archives, tmp_path)
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert (tmp_path / writing.DRAFT).is_dir()
    assert not is_pack(tmp_path)
    stored = packed(archives, tmp_path).benchmark()
    assert not (tmp_path / writing.DRAFT).exists()
    direct = read_directly(selected(archives), asked(**TINY))
    assert stored.rgb.fingerprint == direct.rgb.fingerprint


def test_a_run_killed_between_the_files_leaves_no_pack(
    archives: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed(archives, tmp_path)
    replace = Path.replace

    def stop(self: Path, target: Path) -> Path:
        if target.name == "rgb.npy":
            raise KeyboardInterrupt
        return replace(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", stop)
        with pytest.raises(KeyboardInterrupt):
            packed(archives, tmp_path, size=4)
    assert not is_pack(tmp_path)
    assert packed(archives, tmp_path, size=4).images["rgb"].shape[2:] == (4, 4)


def _pack_and_tell(root: Path, folder: Path, queue: Any) -> None:
    reported: list[int] = []
    found = packed(root, folder, progress=lambda done, total: reported.append(done))
    queue.put((len(reported), found.benchmark().ms.fingerprint))


def test_of_two_processes_one_packs(archives: Path, tmp_path: Path) -> None:
    queue = FORK.Queue()
    processes = [in_child(_pack_and_tell, archives, tmp_path, queue) for _ in range(2)]
    told = [queue.get(timeout=60) for _ in processes]
    for process in processes:
        process.join(60)
    assert sorted(reported for reported, _ in told) == [0, 12 + 20]
    assert told[0][1] == told[1][1]


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_full_disk_is_told_and_loses_nothing(
    archives: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    packed(archives, tmp_path)
    before = sorted(path.name for path in tmp_path.iterdir())

    def full(*_: Any) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        if when == "before":
            usage = shutil.disk_usage(tmp_path)._replace(free=10)
            patched.setattr(writing.shutil, "disk_usage", lambda _: usage)
        else:
            patched.setattr(writing, "_append", full)
        with pytest.raises(DataError) as caught:
            packed(archives, tmp_path, size=4)
    reason = "has 10 bytes left" if when == "before" else "No space left on device"
    for words in (reason, str(tmp_path), "data.packs=DIR", "data.packed=false"):
        assert words in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert open_pack(tmp_path).images["ms"].shape[2:] == (SIZE, SIZE)


def test_a_place_that_cannot_be_written_is_told(
    archives: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, *_: Any, **__: Any) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    stored = packed(archives, tmp_path / "there")
    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(DataError, match=r"Read-only file system.*data\.packs=DIR"):
        packed(archives, tmp_path / "not_there")
    # what is packed already is read from a read-only place as well
    assert len(packed(archives, tmp_path / "there").images["ms"]) == len(stored.images["ms"])


def test_a_bad_image_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    root = write_archives(tmp_path / "raw")
    for number in range(1, 17):
        (root / f"EuroSAT_RGB/River/River_{number}.jpg").write_bytes(b"<html>")
    with pytest.raises(DataError, match=r"River_\d+\.jpg is a web page"):
        packed(root, tmp_path / "pack")
    assert not is_pack(tmp_path / "pack")
    assert not (tmp_path / "pack" / writing.DRAFT).exists()


@pytest.mark.parametrize("name", ["ms.npy", "rgb.npz"])
@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_damaged_pack_is_named_and_packed_anew(
    archives: Path, tmp_path: Path, name: str, damage: str
) -> None:
    packed(archives, tmp_path)
    if damage == "cut":
        os.truncate(tmp_path / name, 200)
    else:
        (tmp_path / name).unlink()
    with pytest.raises(DataError, match=name):
        open_pack(tmp_path)
    assert len(packed(archives, tmp_path).images["ms"]) == 12


def test_another_format_is_named(archives: Path, tmp_path: Path) -> None:
    packed(archives, tmp_path)
    index = tmp_path / "pack.json"
    index.write_text(json.dumps({**json.loads(index.read_text()), "format": 99}))
    with pytest.raises(DataError, match="packed in format 99"):
        open_pack(tmp_path)
    index.write_text("{")
    with pytest.raises(DataError, match=r"pack\.json cannot be read"):
        open_pack(tmp_path)


def test_a_prepared_folder_needs_no_archives(tmp_path: Path) -> None:
    root = write_archives(tmp_path / "raw")
    packed(root, tmp_path / "out")
    direct = load(root, None, fold=2)
    shutil.rmtree(root)
    shutil.copytree(tmp_path / "out", tmp_path / "moved")
    options = asked(sources=["eurosat"], missing_classes="drop", size=SIZE, fold=2)
    stored = load_prepared(tmp_path / "moved", options)
    for one, other in ((direct.ms, stored.ms), (direct.rgb, stored.rgb)):
        assert one.fingerprint == other.fingerprint
    assert stored.notes == direct.notes


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"twins": "all"}, r"prepared with data\.twins=split, but data\.twins is all"),
        ({"draw": "all"}, r"data\.draw=paper"),
        ({"size": 64}, r"data\.size=8"),
        ({"sources": ["eurosat", "nwpu_resisc45"]}, r"data\.sources=\[eurosat\]"),
        ({"bands": ["B8"]}, "B08"),
    ],
)
def test_a_folder_prepared_otherwise(
    archives: Path, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    packed(archives, tmp_path)
    with pytest.raises(ConfigError, match=message):
        load_prepared(tmp_path, asked(**options))
    with pytest.raises(ConfigError, match="holds two, not s2s_eu; give data=two"):
        load_prepared(tmp_path, asked(name="s2s_eu"))


def test_images_of_two_sizes_are_named_across_blocks(
    archives: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "raw"
    shutil.copytree(archives, root)
    write_jpg(root / "EuroSAT_RGB/River/River_9.jpg", size=12)
    monkeypatch.setattr(writing, "_BLOCK", 4)
    with pytest.raises(
        DataError, match=r"River_9\.jpg is 12x12 pixels and .*River_\d+\.jpg is 8x8; data\.size=8"
    ):
        pack_among(selected(root), tmp_path / "packs", asked(bands=BANDS))
