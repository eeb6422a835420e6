"""Names of files and classes in other encodings: used where they can be, else refused by name."""

from __future__ import annotations

import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

from ackd.data.own_folders import OwnData, ready
from ackd.data.sources.folders import as_text, visible
from ackd.errors import DataError
from tests.data.layouts import write_jpg, write_tif
from tests.data.patch_layouts import numbered_pixels
from tests.data.small_archives import load_own
from tests.prepare.running import Command

COMPOSED = "Forêt"
DECOMPOSED = unicodedata.normalize("NFD", COMPOSED)


def write_sides(root: Path, ms: tuple[str, ...], rgb: tuple[str, ...]) -> OwnData:
    for number in range(6):
        for label in ms:
            write_tif(root / "ms" / label / f"{number}.tif", numbered_pixels(5))
        for label in rgb:
            write_jpg(root / "rgb" / label / f"{number}.jpg", number)
    return OwnData.look(root / "ms", root / "rgb")


def test_an_accent_of_its_own_is_the_same_class(tmp_path: Path) -> None:
    """As when one side was copied from a Mac."""
    assert COMPOSED != DECOMPOSED
    own = ready(write_sides(tmp_path, ("Eau", COMPOSED), ("Eau", DECOMPOSED)))
    assert own.class_map.classes == ("Eau", COMPOSED)
    benchmark = load_own(own)
    assert benchmark.classes == ("Eau", COMPOSED)
    for side in (benchmark.ms, benchmark.rgb):
        assert side.class_counts().tolist() == [6, 6]
    for name in (COMPOSED, DECOMPOSED):
        chosen = OwnData.look(tmp_path / "ms", tmp_path / "rgb", classes=["Eau", name])
        assert ready(chosen).class_map.classes == ("Eau", COMPOSED)


@pytest.fixture
def latin(tmp_path: Path) -> Path:
    """A folder with a file whose name is Latin-1, where the disk allows it."""
    write_sides(tmp_path, ("Eau", "Bois"), ("Eau", "Bois"))
    folder = tmp_path / "ms" / "Bois"
    try:
        (folder / "0.tif").rename(folder / os.fsdecode(b"\xe9t\xe9.tif"))
    except OSError:
        pytest.skip("this file system takes UTF-8 alone")
    return tmp_path


def test_names_that_are_not_utf8_are_refused_readably(
    latin: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(DataError) as caught:
        visible(latin / "ms" / "Bois")
    text = str(caught.value)
    assert r"Bois/\xe9t\xe9.tif is not valid UTF-8" in text
    assert "convmv -r -f latin1 -t utf8" in text
    assert text.encode("utf-8")  # it can be printed and logged
    said = Command(capsys)("check", latin / "ms", latin / "rgb")
    said.assert_sentence(1, r"\xe9t\xe9.tif is not valid UTF-8")
    assert as_text(Path("Forêt")) == "Forêt"


def test_one_class_is_said_to_be_too_few(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="have one class folder, Eau; expected at least two"):
        write_sides(tmp_path, ("Eau",), ("Eau",))


def test_a_locale_that_is_not_utf8_is_not_blamed_on_the_files(tmp_path: Path) -> None:
    (tmp_path / "Été").mkdir()
    program = (
        "import sys\nfrom pathlib import Path\n"
        "from ackd.data.sources.folders import visible\n"
        "visible(Path(sys.argv[1]))"
    )
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        env=os.environ | ascii_only, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "is UTF-8, but the locale of this shell" in done.stderr
    assert "PYTHONUTF8=1" in done.stderr
    assert "convmv" not in done.stderr
