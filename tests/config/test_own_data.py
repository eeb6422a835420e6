"""The door for own data: everything is asked before torch, with the user's own words."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from ackd.data.options import BENCHMARKS
from ackd.errors import AckdError
from ackd.train import check
from tests.cli.running import Done, run
from tests.config.composing import compose_config, value
from tests.data.layouts import write_jpg, write_tif
from tests.data.patch_layouts import numbered_pixels


def own(root: Path, bands: int = 13, size: int = 8) -> list[str]:
    for label in ("field", "wood"):
        for number in range(5):
            write_tif(root / "ms" / label / f"{number}.tif", numbered_pixels(bands, size))
            write_jpg(root / "rgb" / label / f"{number}.jpg", number, size)
    return ["data=folders", f"data.ms={root / 'ms'}", f"data.rgb={root / 'rgb'}"]


def checked(*words: str) -> None:
    check(compose_config(*words), look=True)


def refused(*words: str) -> str:
    with pytest.raises(AckdError) as caught:
        checked(*words)
    return str(caught.value)


def test_the_command_line_asks_before_torch_is_imported(tmp_path: Path) -> None:
    root = tmp_path / "my data (é)"
    words = own(root)
    (tmp_path / "torch.py").write_text("raise RuntimeError('torch was imported')")
    done: Done = run("-m", "ackd.train", *words, "student.max_epochs=3", cwd=tmp_path)
    assert done.code == 1
    assert "torch was imported" not in done.err
    assert "These data cannot train yet: one thing must be said first." in done.err
    commands = [line for line in done.err.splitlines() if "python -m ackd.train" in line]
    assert len(commands) == 3
    for command in commands:  # what the user typed is in it, ready for a shell
        assert shlex.split(command)[3:][:4] == [*words, "student.max_epochs=3"]
    # and pasted, it is understood: now torch is wanted
    again = run(*shlex.split(commands[0])[1:], cwd=tmp_path)
    assert "torch was imported" in again.err


def test_fewer_than_three_bands_need_pairs_without_pseudo_rgb(tmp_path: Path) -> None:
    words = own(tmp_path, bands=2)
    text = refused(*words)
    assert "The generic bands b1, b2 are fewer than three" in text
    assert text.splitlines()[-1].endswith(" matching=random")
    checked(*words, "matching=random")
    checked(*words, "method=baseline")


def test_a_camera_without_blue_is_asked_about(tmp_path: Path) -> None:
    words = [*own(tmp_path, bands=4), "data.sensor=sentinel2"]
    text = refused(*words, "data.file_bands=[B03,B04,B05,B08]")
    assert "No blue band among sentinel2's B03, B04, B05, B08" in text
    assert "data.pseudo_rgb_bands=[B03,B04,B05]" in text
    assert "matching=random" in text
    checked(*words, "data.file_bands=[B03,B04,B05,B08]", "data.pseudo_rgb_bands=[B04,B03,B05]")


def test_a_run_is_named_after_its_data() -> None:
    assert value("name") == "embedded"
    assert value("name", "data=folders") == "folders"
    for benchmark in BENCHMARKS:
        assert value("name", f"data={benchmark}") == benchmark
    assert value("name", "data=s2s_eu", "+experiment=s2s_eu_rr") == "s2s_eu_rr"
    assert value("name", "data=s2s_eu", "name=mine") == "mine"
