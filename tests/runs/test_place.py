"""Run folders: one process at a time, one set of options, one set of images."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from ackd.config.schema import Config
from ackd.errors import ConfigError, DataError
from ackd.runs.place import Place, choose_place, claimed
from tests.stages import toy


def run(root: Path, *overrides: str, seed: int = 0) -> tuple[Config, Mapping[str, str]]:
    return toy.config(root, *overrides), toy.benchmark(seed=seed).fingerprints


def left_unfinished(root: Path) -> Path:
    folder = root / "outputs" / "run"
    with claimed(Place(folder), *run(root)):
        pass
    return folder


def test_auto_finds_the_unfinished_run(tmp_path: Path) -> None:
    folder = left_unfinished(tmp_path)
    found = choose_place(*run(tmp_path, "ckpt_path=auto"), tmp_path / "fresh")
    assert found == Place(folder, resume=True)


def test_auto_leaves_a_run_alone_that_is_still_going(tmp_path: Path) -> None:
    folder = left_unfinished(tmp_path)
    chosen: list[Place] = []

    def look() -> None:
        chosen.append(choose_place(*run(tmp_path, "ckpt_path=auto"), tmp_path / "fresh"))
        raise SystemExit(0 if chosen == [Place(tmp_path / "fresh")] else 1)

    with claimed(Place(folder), *run(tmp_path)):
        assert toy.in_child(look) == 0


def test_a_folder_belongs_to_one_process(tmp_path: Path) -> None:
    folder = left_unfinished(tmp_path)

    def intrude() -> None:
        with (
            pytest.raises(ConfigError, match="Another process is running"),
            claimed(Place(folder), *run(tmp_path)),
        ):
            pass

    with claimed(Place(folder), *run(tmp_path)):
        assert toy.in_child(intrude) == 0


def test_other_images_make_another_run(tmp_path: Path) -> None:
    folder = left_unfinished(tmp_path)
    changed = run(tmp_path, "ckpt_path=auto", seed=1)
    assert choose_place(*changed, tmp_path / "fresh") == Place(tmp_path / "fresh")
    (folder / "checkpoints").mkdir()
    last = folder / "checkpoints" / "last.ckpt"
    last.touch()
    with pytest.raises(ConfigError, match="the MS and RGB images, or their classes, are"):
        choose_place(*run(tmp_path, f"ckpt_path={last}", seed=1), tmp_path / "fresh")


def test_missing_images_leave_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(*_: object) -> None:
        raise DataError("no images")

    monkeypatch.setattr("ackd.stages.context.build_benchmark", nothing)
    from ackd.train import train

    with pytest.raises(DataError):
        train(toy.composed(tmp_path), tmp_path / "outputs" / "run")
    assert not (tmp_path / "outputs").exists()


def test_a_batch_that_images_do_not_fill_is_refused_before_anything_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy.small(monkeypatch)
    from ackd.train import train

    with pytest.raises(ConfigError, match=r"student\.batch_size=500"):
        train(toy.composed(tmp_path, "student.batch_size=500"), tmp_path / "outputs" / "run")
    assert not (tmp_path / "artifacts").exists()
