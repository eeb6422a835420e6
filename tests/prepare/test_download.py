"""``ackd.prepare download``, from a local mirror: no test asks the network."""

from __future__ import annotations

import functools
import hashlib
import http.server
import sys
import threading
import types
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torchvision.datasets.eurosat as vision
from torchvision.datasets.utils import download_and_extract_archive

from ackd.data.sources import SOURCES
from ackd.prepare.download import FETCHERS
from tests.data.layouts import write_eurosat_ms, write_eurosat_rgb
from tests.prepare.running import Command, contents


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Where everything below ``tmp_path`` is served."""
    handler = functools.partial(_Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str) -> Path:
    """An EuroSAT.zip, from which torchvision downloads in place of the publisher's."""
    write_eurosat_rgb(tmp_path / "made", 1, folder="2750")
    archive = tmp_path / "EuroSAT.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted((tmp_path / "made").rglob("*.jpg")):
            file.write(path, path.relative_to(tmp_path / "made"))
    digest = _md5(archive)

    def fetch(_: str, download_root: str, md5: str) -> None:
        assert md5
        download_and_extract_archive(f"{address}/EuroSAT.zip", download_root, md5=digest)

    monkeypatch.setattr(vision, "download_and_extract_archive", fetch)
    return archive


def test_it_is_fetched_verified_and_put_in_place(
    mirror: Path, tmp_path: Path, prepare: Command
) -> None:
    raw = tmp_path / "raw"
    said = prepare("download", "eurosat", "--raw", raw)
    assert said.code == 0
    assert said.out.strip().endswith(f"{raw / 'EuroSAT_RGB'}: 10 images")
    assert [path.name for path in raw.iterdir()] == ["EuroSAT_RGB"]
    assert len(SOURCES["eurosat"].scan(raw, SOURCES["eurosat"].classes)) == 10
    before = contents(raw)
    mirror.unlink()
    assert prepare("download", "eurosat", "--raw", raw).code == 0  # there already
    assert contents(raw) == before


@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_what_cannot_be_verified_is_not_kept(
    mirror: Path, tmp_path: Path, prepare: Command, damage: str
) -> None:
    if damage == "cut":
        mirror.write_bytes(mirror.read_bytes()[:-100])
    else:
        mirror.unlink()
    raw = tmp_path / "raw"
    said = prepare("download", "eurosat", "--raw", raw)
    said.assert_sentence(
        1, "torchvision could not fetch it", "EuroSAT_RGB.zip", str(raw / "EuroSAT_RGB")
    )
    assert not list(raw.iterdir())


def stand_in(monkeypatch: pytest.MonkeyPatch, **classes: Any) -> None:
    """A torchgeo of the test's own."""
    package, datasets = types.ModuleType("torchgeo"), types.ModuleType("torchgeo.datasets")
    for name, made in classes.items():
        setattr(datasets, name, made)
    monkeypatch.setitem(sys.modules, "torchgeo", package)
    monkeypatch.setitem(sys.modules, "torchgeo.datasets", datasets)


def _eurosat_of_torchgeo(root: str, download: bool, checksum: bool) -> None:
    assert download
    assert checksum
    # its own layout, as unpacked
    write_eurosat_ms(Path(root) / "ds/images/remote_sensing/otherDatasets/sentinel_2", 1, "tif")


def test_torchgeo_gets_the_multispectral_images(
    tmp_path: Path, prepare: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(monkeypatch, EuroSAT=_eurosat_of_torchgeo)
    said = prepare("download", "eurosat_ms", "--raw", tmp_path)
    assert f"{tmp_path / 'EuroSAT_MS'}: 10 images" in said.out
    assert [path.name for path in tmp_path.iterdir()] == ["EuroSAT_MS"]


def test_versions_of_torchgeo_that_differ(
    tmp_path: Path, prepare: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(monkeypatch)
    prepare("download", "eurosat_ms", "--raw", tmp_path).assert_sentence(1, "no data set EuroSAT")
    stand_in(monkeypatch, EuroSAT=lambda root, download, checksum: None)
    prepare("download", "eurosat_ms", "--raw", tmp_path).assert_sentence(1, "made no folder ds/")
    monkeypatch.setitem(sys.modules, "torchgeo.datasets", None)
    said = prepare("download", "eurosat_ms", "--raw", tmp_path)
    said.assert_sentence(1, "pip install 'ackd[download]'", "EuroSAT_MS.zip")
    assert not list(tmp_path.iterdir())


def test_names(tmp_path: Path, prepare: Command) -> None:
    said = prepare("download", "eurosat_mss", "--raw", tmp_path)
    said.assert_sentence(2, "Did you mean 'eurosat_ms'?")
    said = prepare("download", "rsi_cb128", "--raw", tmp_path)
    said.assert_sentence(1, "No library fetches RSI-CB128", "RSI-CB128.rar", str(tmp_path))
    assert set(FETCHERS) <= set(SOURCES)


def test_a_real_torchgeo_where_it_is_installed(
    tmp_path: Path, prepare: Command, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    geo = pytest.importorskip("torchgeo.datasets", reason="torchgeo (ackd[download]) is optional")
    made = tmp_path / "mirror"
    home = write_eurosat_ms(made / "ds/images/remote_sensing/otherDatasets/sentinel_2", 1, "tif")
    with zipfile.ZipFile(made / "EuroSATallBands.zip", "w") as file:
        for path in sorted(home.rglob("*.tif")):
            file.write(path, path.relative_to(made))
    names = "\n".join(f"{path.stem}.jpg" for path in home.rglob("*.tif"))
    for part in ("train", "val", "test"):
        (made / f"eurosat-{part}.txt").write_text(names)
    monkeypatch.setattr(geo.EuroSAT, "url", f"{address}/mirror/")
    monkeypatch.setattr(geo.EuroSAT, "md5", _md5(made / "EuroSATallBands.zip"))
    sums = {part: _md5(made / f"eurosat-{part}.txt") for part in ("train", "val", "test")}
    monkeypatch.setattr(geo.EuroSAT, "split_md5s", sums)
    said = prepare("download", "eurosat_ms", "--raw", tmp_path / "raw")
    assert f"{tmp_path / 'raw' / 'EuroSAT_MS'}: 10 images" in said.out


def _md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()
