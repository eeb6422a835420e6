"""The commands of `experiments/` are taken as they stand, in bash and zsh; its images are known."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from ackd.config.check import check_composed
from ackd.config.programs import PROGRAMS
from tests.config.composing import compose_config
from tests.data.layouts import write_eurosat_ms, write_eurosat_rgb, write_nwpu
from tests.docs.commands import EXPERIMENTS, ROOT, blocks, commands, first_job

FOLDER = ROOT / "experiments"


@pytest.mark.parametrize("readme", EXPERIMENTS, ids=lambda path: path.parent.name)
def test_the_commands_are_taken_and_name_the_archives(
    readme: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACKD_DATA", str(tmp_path))
    trained = 0
    for module, *words in (words[2:] for words in commands(readme) if words[1] == "-m"):
        program = next((one for one in PROGRAMS if one.module == module), None)
        assert program or module == "ackd.report"
        if program:
            assert words[0] == "-m"
            config = check_composed(compose_config(*first_job(words[1:]), program=program))
            root = getattr(config.data, "root", None)
            if root is not None:
                assert root == str(tmp_path)
                assert blocks(readme)[0].startswith("export ACKD_DATA=DIR\n")
            trained += 1
    assert trained


@pytest.mark.parametrize("readme", EXPERIMENTS, ids=lambda path: path.parent.name)
def test_zsh_takes_them_too(readme: Path) -> None:
    """zsh takes brackets for file names and comments for words, and does not split variables."""
    for block in blocks(readme):
        bare = re.sub(r"'[^']*'|\"[^\"]*\"", "", block)
        assert not re.findall(r"\S*[\[\]{}?*#]\S*", bare)
        assert not re.findall(r"\s\$\w+", bare), "a variable of several words stays one in zsh"


@pytest.fixture
def images() -> ModuleType:
    spec = importlib.util.spec_from_file_location("images", FOLDER / "images.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_another_copy_is_told_from_ours(
    images: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, listed = tmp_path / "archives", tmp_path / "images.txt"
    folder = write_eurosat_ms(root, 2)
    write_eurosat_rgb(root, 2)
    write_nwpu(root)
    images.make(root, listed)
    assert str(tmp_path) not in listed.read_text()
    assert images.compare(root, listed)
    (folder / "River" / "River_1.tif").unlink()
    changed = folder / "Forest" / "Forest_1.tif"
    changed.write_bytes(changed.read_bytes() + b"\0")
    (folder / "Forest" / "Forest_9.tif").write_bytes(changed.read_bytes())
    capsys.readouterr()
    assert not images.compare(root, listed)
    said = capsys.readouterr().out
    assert "missing: 1 (eurosat_ms/River/River_1.tif)" in said
    assert "other content: 1 (eurosat_ms/Forest/Forest_1.tif)" in said
    assert "only here: 1 (eurosat_ms/Forest/Forest_9.tif)" in said
    assert images.main(["compare", str(tmp_path / "nowhere")]) == 2


def test_the_images_here_are_those_of_the_list(images: ModuleType, shared_data: Path) -> None:
    assert images.compare(shared_data)
