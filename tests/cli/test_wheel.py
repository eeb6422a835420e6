"""A wheel, installed elsewhere and run from another folder, brings its configuration along."""

from __future__ import annotations

import json
import os
import site
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

import ackd
from tests.cli.running import TINY

CHECKOUT = Path(ackd.__file__).resolve().parents[2]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (CHECKOUT / "pyproject.toml").is_file(), reason="not a checkout: nothing to build from"
    ),
]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    words = ["-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder)]
    done = subprocess.run(
        [sys.executable, *words, str(CHECKOUT)], capture_output=True, text=True, check=False
    )
    if done.returncode and "hatchling" in done.stderr:
        pytest.skip("the build backend cannot be had here: " + done.stderr.strip()[-200:])
    assert done.returncode == 0, done.stderr
    return next(folder.glob("ackd-*.whl"))


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the wheel and this environment's other packages."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    found = folder / "bin" / "python"
    packages = next(folder.glob("lib/python*/site-packages"))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    # Plain sys.path entries: the .pth files in there, an editable install's too, stay unread.
    here = [path for path in (*site.getsitepackages(), site.getusersitepackages()) if path]
    (packages / "others.pth").write_text("\n".join(here) + "\n")
    return found


def run(python: Path, *words: str, cwd: Path) -> str:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ACKD_", "PYTHON"))}
    done = subprocess.run(
        [str(python), *words], cwd=cwd, env=kept | {"OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_holds_the_whole_configuration(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for path in (CHECKOUT / "conf").rglob("*.yaml"):
        if path.name != "default.yaml" or path.parent.name != "local":
            assert f"ackd/conf/{path.relative_to(CHECKOUT / 'conf').as_posix()}" in names
    for name in (
        "ackd/data/datasets/classmaps/s2s_eu.yaml",
        "ackd/report/published.yaml",
        "ackd/report/templates/page.html.j2",
        "ackd/report/templates/page.css",
        "hydra_plugins/ackd_local_pool/local_pool.py",
    ):
        assert name in names
    assert not [name for name in names if name.startswith(("tests", "experiments", "outputs"))]


def test_it_runs_from_elsewhere(python: Path, tmp_path: Path) -> None:
    where = run(
        python, "-c", "import ackd.config.location as c; print(c.config_dir())", cwd=tmp_path
    )
    assert Path(where.strip()).parts[-3:] == ("site-packages", "ackd", "conf")
    assert str(CHECKOUT) not in where
    shown = run(python, "-m", "ackd.train", "--cfg", "job", "+experiment=s2s_eu_rr", cwd=tmp_path)
    assert "name: s2s_eu_rr" in shown
    run(python, "-m", "ackd.train", *TINY, "method=baseline", cwd=tmp_path)
    (result,) = tmp_path.rglob("result.json")
    content = json.loads(result.read_text())
    assert content["git"] is None
    assert content["versions"]["ackd"] == ackd.__version__
    pytest.importorskip("jinja2", reason="the report needs ackd[report]")
    run(python, "-m", "ackd.report", ".", "--out", "pages", cwd=tmp_path)
    assert "<html" in (tmp_path / "pages" / "report.html").read_text()
