"""The door for own data: everything is asked before torch, with the user's own words."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from ackd.data.options import BENCHMARKS
from ackd.errors import AckdError, DataError
from ackd.stages.benchmark import build_benchmark
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
    assert not (tmp_path / "outputs").exists()
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


@pytest.mark.parametrize("packed", ["true", "false"])
def test_several_sizes_get_a_number_and_a_command(tmp_path: Path, packed: str) -> None:
    words = own(tmp_path, bands=4)
    odd = tmp_path / "ms" / "wood" / "3.tif"
    write_tif(odd, numbered_pixels(4, 6))
    given = [*words, "data.size=found", f"data.packed={packed}", f"data.packs={tmp_path}/packs"]
    with pytest.raises(DataError) as caught:
        build_benchmark(check(compose_config(*given), look=True).data)
    text = str(caught.value)
    assert f"{odd} is 6x6 pixels and {tmp_path / 'ms' / 'field' / '0.tif'} is 8x8; " in text
    assert "data.size=8 resizes all images of both sides to the most common size" in text
    assert shlex.split(text.splitlines()[-1])[3:] == [*words, "data.size=8"]
    resized = build_benchmark(check(compose_config(*given, "data.size=8"), look=True).data)
    assert resized.ms.images.shape == (10, 4, 8, 8)


def test_unstated_nodata_gets_both_options_in_a_command(tmp_path: Path) -> None:
    words = own(tmp_path, bands=4)
    pixels = numbered_pixels(4).astype("int16")
    pixels[:, 0, 0] = -9999
    write_tif(tmp_path / "ms" / "wood" / "3.tif", pixels)
    with pytest.raises(DataError) as caught:
        build_benchmark(check(compose_config(*words, "data.packed=false"), look=True).data)
    commands = [line for line in str(caught.value).splitlines() if "ackd.train" in line]
    assert [shlex.split(line)[3:] for line in commands] == [
        [*words, "data.nodata_value=-9999", f"data.nodata={policy}"] for policy in ("drop", "zero")
    ]


def test_a_run_is_named_after_its_data() -> None:
    assert value("name") == "embedded"
    assert value("name", "data=folders") == "folders"
    for benchmark in BENCHMARKS:
        assert value("name", f"data={benchmark}") == benchmark
    assert value("name", "data=s2s_eu", "+experiment=s2s_eu_rr") == "s2s_eu_rr"
    assert value("name", "data=s2s_eu", "name=mine") == "mine"
