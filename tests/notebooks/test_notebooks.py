"""The committed notebook is whole and gives nobody away; it runs on small and on real data."""

from __future__ import annotations

import base64
import getpass
import io
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from PIL import Image

from tests.cli.running import environment

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOK = FOLDER / "01_benchmark.ipynb"
SMALL = (
    "data=synthetic data.classes=3 data.ms_per_class=8 data.rgb_per_class=8 data.size=24 "
    "data.split_seed=3 data.ms_test_per_class=0 data.rgb_test_per_class=0"
)
LARGEST = 1_500_000  # bytes; a repository keeps every version of it
ABSOLUTE = re.compile(r"""(?<![\w.:/])(/(home|root|Users|tmp|work|opt|usr|mnt|data)/|[A-Z]:\\)""")


def code_cells(book: Any) -> list[Any]:
    return [cell for cell in book.cells if cell.cell_type == "code"]


def pictures(cell: Any) -> list[Image.Image]:
    found = [out.data["image/png"] for out in cell.outputs if "image/png" in out.get("data", {})]
    return [Image.open(io.BytesIO(base64.b64decode(one))) for one in found]


def words(book: Any) -> str:
    """Everything a person reads: sources, printed text, but not the pictures."""
    told = [cell.source for cell in book.cells]
    for cell in code_cells(book):
        told += [out.get("text", "") for out in cell.outputs]
        told += [out.get("data", {}).get("text/plain", "") for out in cell.outputs]
    return "\n".join(told)


def check_executed(book: Any, classes: int) -> None:
    """Every cell ran once, in order and without complaint; every picture is there."""
    nbformat.validate(book)
    cells = code_cells(book)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    kinds = {out.output_type for cell in cells for out in cell.outputs}
    assert kinds == {"stream", "display_data"}
    assert not [out for cell in cells for out in cell.outputs if out.get("name") == "stderr"]
    drawn = {cell.id: pictures(cell) for cell in cells}
    assert {name: len(found) for name, found in drawn.items() if found} == {
        "counts": 1, "sheets": classes, "spectra": 1, "pairs": 1, "symmetric": 1, "information": 1,
    }  # fmt: skip
    for found in drawn.values():
        for picture in found:
            assert len(picture.convert("RGB").getcolors(maxcolors=1 << 24)) > 20, "it is not blank"


def execute(home: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, FOLDER / "execute.py", *words],
        cwd=home, env=environment(home) | variables, capture_output=True, text=True,
        timeout=400, check=False,
    )  # fmt: skip


def test_the_committed_notebook_is_whole() -> None:
    book = nbformat.read(NOTEBOOK, as_version=4)
    check_executed(book, classes=8)
    assert NOTEBOOK.stat().st_size < LARGEST
    assert "0 of 2960 RGB images (0.0%) have a twin." in words(book)


def test_the_committed_notebook_gives_nobody_away() -> None:
    book = nbformat.read(NOTEBOOK, as_version=4)
    assert set(book.metadata) == {"kernelspec", "language_info"}
    assert book.metadata.kernelspec.name == "python3"
    assert not any(cell.metadata for cell in book.cells), "times of execution"
    told = words(book).replace("/path/to/archives", "")
    assert not ABSOLUTE.findall(told)
    name = getpass.getuser()
    assert name == "root" or name not in told
    # It shows the embedded data only: nothing of it may come from an archive.
    assert "synthetic, splits by protocol strict" in told
    for picture in (one for cell in code_cells(book) for one in pictures(cell)):
        assert not picture.info.keys() - {"dpi"}, "names or programs in the picture's file"


def test_absolute_paths_would_be_found() -> None:
    for path in ("see /home/someone/x", "'/tmp/x'", r"C:\Users\someone", "(/root/.cache)"):
        assert ABSOLUTE.search(path), path
    assert not ABSOLUTE.search("https://arxiv.org/abs/2511.08901 and src/data/x and 9/tmp/1")


@pytest.mark.slow
def test_it_runs_on_small_data(tmp_path: Path) -> None:
    done = execute(tmp_path, str(NOTEBOOK), "--out", "small.ipynb", ACKD_NOTEBOOK_DATA=SMALL)
    assert done.returncode == 0, done.stderr
    book = nbformat.read(tmp_path / "small.ipynb", as_version=4)
    check_executed(book, classes=3)
    assert "MS : 24 images of (10, 24, 24), sentinel2" in words(book)
    committed = nbformat.read(NOTEBOOK, as_version=4)
    assert [(cell.id, cell.source) for cell in book.cells] == [
        (cell.id, cell.source) for cell in committed.cells
    ]
    assert sorted(path.name for path in tmp_path.glob("*.ipynb*")) == ["small.ipynb"]


@pytest.mark.slow
def test_it_runs_on_archives_with_twins(tmp_path: Path, shared_data: Path) -> None:
    chosen = f"data=s2s_eu data.root={shared_data} data.sources=[eurosat] data.size=24"
    done = execute(tmp_path, str(NOTEBOOK), "--out", "real.ipynb", ACKD_NOTEBOOK_DATA=chosen)
    assert done.returncode == 0, done.stderr
    book = nbformat.read(tmp_path / "real.ipynb", as_version=4)
    check_executed(book, classes=10)
    told = words(book)
    assert "partial: without the RGB images of nwpu_resisc45, patternnet" in told
    mean = {
        name: float(re.search(rf"^{name} +mean of the classes +(\S+) nats", told, re.M)[1])
        for name in ("one scene", "another scene of the class")
    }
    assert mean["one scene"] > mean["another scene of the class"]


def test_a_failing_cell_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("raise ValueError('so')")])
    nbformat.write(book, tmp_path / "bad.ipynb")
    before = (tmp_path / "bad.ipynb").read_bytes()
    done = execute(tmp_path, "bad.ipynb")
    assert done.returncode == 1
    assert "bad.ipynb was not written" in done.stderr
    assert "ValueError: so" in done.stderr
    assert (tmp_path / "bad.ipynb").read_bytes() == before
    assert [path.name for path in tmp_path.glob("*bad*")] == ["bad.ipynb"]


def test_in_place_other_data_are_never_shown(tmp_path: Path) -> None:
    told = "import os\nprint(os.environ.get('ACKD_NOTEBOOK_DATA', 'embedded'))"
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(told)])
    nbformat.write(book, tmp_path / "book.ipynb")
    done = execute(tmp_path, "book.ipynb", ACKD_NOTEBOOK_DATA="data=s2s_eu")
    assert done.returncode == 0, done.stderr
    assert "ACKD_NOTEBOOK_DATA is ignored in place" in done.stderr
    (cell,) = nbformat.read(tmp_path / "book.ipynb", as_version=4).cells
    assert cell.outputs[0].text == "embedded\n"
