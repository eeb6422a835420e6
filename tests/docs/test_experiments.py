"""The commands of `experiments/` are taken as they stand, in bash and zsh; its images are known."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from pathlib import Path
from types import ModuleType

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from tests.config.composing import checked
from tests.data.layouts import write_eurosat_ms, write_eurosat_rgb, write_nwpu

ROOT = Path(__file__).resolve().parents[2] / "experiments"
READMES = sorted(ROOT.glob("*/README.md"))
# Every Python that a block starts tells its words instead of running.
TELL = "python() { printf '%s\\0' \"$@\"; printf '\\n\\0'; }\n"


def blocks(readme: Path) -> list[str]:
    return re.findall(r"^```bash\n(.*?)^```", readme.read_text(encoding="utf-8"), re.M | re.S)


def commands(readme: Path) -> list[list[str]]:
    done = subprocess.run(
        ["bash", "-euc", TELL + "\n".join(blocks(readme))],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [line.strip("\0").split("\0") for line in done.stdout.split("\n\0") if line]


def first_job(overrides: list[str]) -> list[str]:
    """The overrides of a sweep's first job, without what is for the sweep itself."""
    words = []
    for word, read in zip(
        overrides, OverridesParser.create().parse_overrides(overrides), strict=True
    ):
        if word.startswith(("+sweep=", "hydra")):
            continue
        if read.is_sweep_override():
            start = word.partition("=")[0]
            word = f"{start}={next(iter(read.sweep_string_iterator()))}"
        words.append(word)
    return words


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.parent.name)
def test_the_commands_are_taken_and_name_the_archives(
    readme: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert blocks(readme)[0].startswith("export ACKD_DATA=DIR\n")
    monkeypatch.setenv("ACKD_DATA", str(tmp_path))
    trained = 0
    for module, *words in (words[1:] for words in commands(readme) if words[0] == "-m"):
        assert module in ("ackd.train", "ackd.report")
        if module == "ackd.train":
            assert words[0] == "-m"
            config = checked(*first_job(words[1:]))
            assert config.data.root == str(tmp_path)
            trained += 1
    assert trained


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.parent.name)
def test_zsh_takes_them_too(readme: Path) -> None:
    """zsh takes brackets for file names and comments for words, and does not split variables."""
    for block in blocks(readme):
        bare = re.sub(r"'[^']*'|\"[^\"]*\"", "", block)
        assert not re.findall(r"\S*[\[\]{}?*#]\S*", bare)
        assert not re.findall(r"\s\$\w+", bare), "a variable of several words stays one in zsh"


@pytest.fixture
def images() -> ModuleType:
    spec = importlib.util.spec_from_file_location("images", ROOT / "images.py")
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
