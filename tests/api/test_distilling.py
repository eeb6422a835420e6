"""``ackd.distill``: plain folders in, a student and its results out, and nothing else changed."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

import ackd
from ackd.command import Trained, check
from ackd.config.location import config_dir
from ackd.data.sensors import EUROSAT_BANDS
from ackd.errors import ConfigError, DataError
from ackd.modules import DistillModule
from tests.api.folders import QUICK, write_scenes
from tests.api.state import state
from tests.stages.segmentation.test_own_pairs import write as write_pairs


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders whose files do not say what their bands are."""
    return write_scenes(tmp_path_factory.mktemp("scenes"))


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_folders_become_a_student_and_the_process_stays_what_it_was(
    scenes: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    out = tmp_path / "out, of=${all} [runs]"
    call = {**scenes, **QUICK, "out": out, "sensor": "sentinel2", "bands": EUROSAT_BANDS}
    # Somebody who uses Hydra finds it as it was.
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        before, inputs = state(), len(files(scenes["ms"].parent))
        found = ackd.distill(**call)
        assert state() == before
        assert compose("train").seed == 0
    assert "run folder:" in capsys.readouterr().out
    assert found.folder.is_relative_to(out)
    assert json.loads((found.folder / "result.json").read_text()) == found.result
    assert found.result["method"] == "sembridge"
    assert (found.folder / "config.yaml").is_file()
    assert (out / "artifacts" / "teacher").is_dir()
    assert (out / "artifacts" / "packed").is_dir()
    assert not files(tmp_path / "here")
    assert len(files(scenes["ms"].parent)) == inputs

    measured = found.metrics["oa"]
    assert float(measured) == found.result["student"]["metrics"]["oa"]
    assert measured.interval == tuple(found.result["student"]["interval"]["oa"])
    assert str(measured) in str(found)
    assert float(found.validation["oa"]) == found.result["student"]["validation"]["oa"]
    assert found.validation["oa"].interval is None
    with (found.folder / "predictions.csv").open(newline="") as file:
        row = next(csv.DictReader(file))
    path = next(scenes["rgb"].rglob(Path(row["file"]).name))
    assert found.student.predict(path).label == row["predicted"]

    # Again: nothing is trained, and nothing written.
    with monkeypatch.context() as patch:
        patch.setattr(DistillModule, "training_step", None)
        written = {path: path.stat().st_mtime_ns for path in files(found.folder)}
        again = ackd.distill(**call)
        assert again == found
        assert {path: path.stat().st_mtime_ns for path in files(found.folder)} == written


@pytest.mark.slow
def test_another_seed_is_another_run_of_the_same_teacher(
    scenes: dict[str, Path], tmp_path: Path
) -> None:
    call = {**scenes, **QUICK, "out": tmp_path, "sensor": "sentinel2", "bands": EUROSAT_BANDS}
    found = ackd.distill(**call)
    other = ackd.distill(**call, seed=1)
    assert other.folder != found.folder
    assert {"teacher", "matcher"} <= set(other.result["reused"])
    # What a run needs to be one is gone: it is trained again.
    (found.folder / "student.pt").unlink()
    assert ackd.distill(**call).folder not in (found.folder, other.folder)


def test_what_the_bands_are_is_asked_in_words_of_python(
    scenes: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError) as raised:
        ackd.distill(**scenes, out=tmp_path / "out", epochs=3)
    said = str(raised.value)
    assert "does not say which band is which" in said
    assert 'sensor="sentinel2", bands=["B01", "B02"' in said
    assert 'sensor="generic")' in said
    assert said.count('method="kd")') == 1
    assert f'ackd.distill(ms="{scenes["ms"]}"' in said
    assert "epochs=3" in said
    assert not [word for word in ("data.", "python -m", "[B01") if word in said]
    assert_calls_work(said, monkeypatch)
    with pytest.raises(ConfigError, match="not in which order") as raised:
        ackd.distill(**scenes, out=tmp_path / "out", sensor="sentinel2")
    assert "bands=[...]" in str(raised.value)
    assert_calls_work(str(raised.value), monkeypatch)
    assert not (tmp_path / "out").exists()


def assert_calls_work(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call that an error offers is one that would train."""
    offered = [line.strip() for line in said.splitlines() if "ackd.distill(" in line]
    assert len(offered) > 2
    with monkeypatch.context() as patch:
        patch.setattr(
            "ackd.command.trained",
            lambda cfg, folder, reuse: Trained(folder, {}, check(cfg, look=True)),
        )
        for line in offered:
            arguments: dict[str, Any] = eval(line.replace("ackd.distill(", "dict(", 1))
            assert (
                ackd.distill(**arguments)
                .folder.parts[-2]
                .startswith(arguments.get("method", "sembridge"))
            )


@pytest.mark.slow
def test_plain_distillation_needs_no_bands(scenes: dict[str, Path], tmp_path: Path) -> None:
    found = ackd.distill(**scenes, **QUICK, out=tmp_path, method="kd")
    assert found.result["method"] == "kd"
    assert found.result["data"]["bands"]["ms"][:2] == ["b1", "b2"]
    assert not (tmp_path / "artifacts" / "matcher").exists()


@pytest.mark.slow
def test_files_that_say_their_bands_need_no_word(tmp_path: Path) -> None:
    folders = write_scenes(tmp_path, described=True)
    options = ackd.distill(
        **folders, **{**QUICK, "epochs": {"teacher": 1, "matcher": 1}}, out=tmp_path / "out",
        until="teacher",
    )  # fmt: skip
    assert options.result["data"]["bands"]["ms"] == list(EUROSAT_BANDS)
    assert options.metrics
    with pytest.raises(DataError, match="has no student"):
        _ = options.student


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"epoch": 3}, r"ackd\.distill has no argument 'epoch'\. Did you mean 'epochs'\?"),
        ({"epochs": 0}, r"epochs=0 is not valid: expected whole numbers from 1 on"),
        ({"epochs": 2.5}, r"epochs=2\.5 is not valid"),
        ({"ms": 3}, r"ms=3 is a int; expected the path of a folder"),
        ({"ms": "nowhere"}, r"There is no folder nowhere \(ms=\"?nowhere"),
        ({"bands": "B02"}, r"bands='B02' is one text; expected a list"),
        ({"bands": ["B02"]}, r"bands names 1 bands, but .* has 13"),
        ({"sensor": "sentinel3"}, r"There is no sensor 'sentinel3'.*Did you mean 'sentinel2'"),
        (
            {"student": "resnet43"},
            r"student: There is no backbone 'resnet43' .*Did you mean 'resnet34'",
        ),
        ({"student__batch_size": 0}, r"student__batch_size=0 is not valid: expected"),
        ({"student__batch_sice": 8}, r"no option 'student__batch_sice'.*student__batch_size"),
        ({"method": "kdd"}, r"There is no 'kdd' in method\. Did you mean method=kd\?"),
        ({"kd": "dkt"}, r"There is no 'dkt' in kd\. Did you mean kd=dkd\?"),
        ({"outputs": "x"}, r"outputs is set by the argument out of ackd\.distill"),
        ({"teacher__max_epochs": 3, "epochs": 1}, r"is set by the argument epochs"),
        ({"seed": {1}}, r"seed is a set"),
        ({"trainer__devices": 2, "trainer__accelerator": "cpu"}, r"1 more times, whatever else"),
    ],
)
def test_what_is_wrong_is_said_in_words_of_python(
    scenes: dict[str, Path], tmp_path: Path, wrong: dict[str, Any], said: str
) -> None:
    before = state()
    given = {**scenes, "out": tmp_path / "out", "sensor": "sentinel2", "bands": EUROSAT_BANDS}
    with pytest.raises((ConfigError, DataError), match=said):
        ackd.distill(**(given | wrong))
    assert not (tmp_path / "out").exists()
    assert state() == before


def test_sections_and_networks_by_their_options(scenes: dict[str, Path], tmp_path: Path) -> None:
    shown = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ackd.api.distilling.run", lambda given, **_: shown.append(given))
        ackd.distill(
            **scenes, out=tmp_path, data={"size": 24}, loss={"lambda1": 0.3},
            student={"name": "resnet18", "pretrained": False},
            teacher={"_target_": "mine.Net", "width": 4},
        )  # fmt: skip
    cfg = ackd.compose_config(shown[0])
    assert (cfg["data"]["size"], cfg["data"]["name"]) == (24, "folders")
    assert cfg["loss"]["lambda1"] == 0.3
    assert cfg["student"]["backbone"]["name"] == "resnet18"
    assert cfg["student"]["backbone"]["head"] == "stock"
    assert cfg["teacher"]["backbone"]["_target_"] == "mine.Net"
    assert cfg["teacher"]["backbone"]["width"] == 4


@pytest.mark.slow
def test_pairs_become_a_student_of_segmentation(tmp_path: Path) -> None:
    root = write_pairs(tmp_path / "pairs")
    call: dict[str, Any] = {
        "optical": root / "optical", "sar": str(root / "sar"), "masks": root / "masks",
        "out": tmp_path / "out", "network": {"name": "tiny", "width": 4}, "epochs": 1,
        "labels_fraction": 0.5, "data__val": 4, "data__test": 4, "row": "fin_d",
        "trainer__accelerator": "cpu",
    }  # fmt: skip
    before = state()
    found = ackd.distill_segmentation(**call)
    assert state() == before
    assert not GlobalHydra.instance().is_initialized()
    assert found.metrics["iou"].interval
    assert found.result["labels"]["tiles"] == 8
    assert found.folder.is_relative_to(tmp_path / "out")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ackd.stages.pipeline.run_pipeline", None)
        assert ackd.distill_segmentation(**call) == found
    mask = found.student.predict(root / "sar" / "t00_sar.tif").mask
    assert mask.shape == (16, 16)
    for wrong, said in (
        ({"network": "tinny"}, r"network=\"tinny\"|network 'tinny'"),
        ({"labels_fraction": 2.0}, "labels_fraction=2.0 is not valid"),
        ({"masks": root / "mask"}, r"masks=.* there is no .*Did you mean"),
        ({"label_fraction": 0.2}, "Did you mean 'labels_fraction'"),
    ):
        with pytest.raises((ConfigError, DataError), match=said):
            ackd.distill_segmentation(**(call | wrong))
