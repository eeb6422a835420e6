"""``ackd.run`` and ``ackd.compose_config``: any options, in a process that goes on afterwards."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hydra.core.global_hydra import GlobalHydra
from hydra.version import _UNSPECIFIED_, VersionBase

import ackd
from ackd.config.composing import as_words
from ackd.config.programs import SEGMENT, TRAIN
from ackd.errors import AckdError, ConfigError, DivergedError
from ackd.modules import DistillModule
from ackd.segment import check as check_segmentation
from tests.api.state import state
from tests.stages import toy

SMALL: dict[str, Any] = {
    "trainer.accelerator": "cpu", "teacher.max_epochs": 1, "student.max_epochs": 3,
    "teacher.batch_size": 8, "student.batch_size": 8, "method": "kd", "transport": "off",
    "student.optimizer.lr": 0.01,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    toy.small(monkeypatch)


def places(root: Path) -> dict[str, Path]:
    return {"outputs": root / "outputs", "artifacts": root / "artifacts"}


def test_words_and_names_are_one_run(tmp_path: Path) -> None:
    before = state()
    first = ackd.run({**SMALL, **places(tmp_path)})
    assert state() == before
    words = [f"{name}={value}" for name, value in {**SMALL, **places(tmp_path)}.items()]
    assert ackd.run(words).folder == first.folder
    assert ackd.run([*words, "name=again"], reuse=False).folder != first.folder
    assert float(first.metrics["oa"]) == first.result["student"]["metrics"]["oa"]
    assert "went" not in (first.folder / "train.log").read_text()


def test_a_run_that_was_cut_off_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = state()
    call = {**SMALL, **places(tmp_path)}
    with monkeypatch.context() as patch:
        toy.die_at(patch, DistillModule, 2, toy.power_cut)
        with pytest.raises(RuntimeError, match="power cut"):
            ackd.run(call)
    assert state() == before
    (folder,) = (tmp_path / "outputs").glob("*/*/*")
    assert "The run failed: RuntimeError: power cut" in (folder / "train.log").read_text()
    done = ackd.run(call)
    assert done.folder == folder.absolute()
    assert "student epoch 3/3" in (folder / "train.log").read_text()
    assert (folder / "train.log").read_text().count("student epoch 1/3") == 1


def test_signals_reach_the_caller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    def ends(number: int) -> None:
        with monkeypatch.context() as patch:
            toy.die_at(patch, DistillModule, 1, lambda: os.kill(os.getpid(), number))
            ackd.run({**SMALL, **places(tmp_path), "seed": int(number)})

    # A suite in the background of a shell may have been started with Ctrl-C ignored.
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, usual))
    before = state()
    with pytest.raises(KeyboardInterrupt):
        ends(signal.SIGINT)
    assert state() == before
    heard: list[int] = []
    previous = signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    try:
        with pytest.raises(AckdError, match="interrupted by SIGTERM; the same call goes on"):
            ends(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, previous)
    assert heard == [signal.SIGTERM]
    assert state() == before


def test_a_run_in_a_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lightning refuses some of its strategies there, also for one process."""
    monkeypatch.setattr("lightning.fabric.connector._IS_INTERACTIVE", True)
    monkeypatch.setattr(
        "lightning.pytorch.trainer.connectors.accelerator_connector._IS_INTERACTIVE", True
    )
    assert ackd.run({**SMALL, **places(tmp_path)}).metrics


@pytest.mark.slow
def test_a_run_in_a_thread(tmp_path: Path) -> None:
    found: list[Any] = []
    options = {**SMALL, **places(tmp_path), "method": "baseline"}
    worker = threading.Thread(target=lambda: found.append(ackd.run(options)))
    worker.start()
    worker.join(120)
    assert found[0].metrics


def test_a_network_of_ones_own_is_trusted_because_the_call_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    monkeypatch.setattr("ackd.stages.context.build_benchmark", lambda *_: toy.benchmark())
    target = "tests.stages.toy.ToyBackbone"
    call = {**SMALL, **places(tmp_path), "method": "baseline", "student.backbone._target_": target}
    found = ackd.run(call)
    assert type(found.student.network).__name__ == "ToyBackbone"
    assert found.trust == (target,)


@pytest.mark.slow
def test_a_training_that_diverges_raises(tmp_path: Path) -> None:
    before = state()
    with pytest.raises(DivergedError):
        ackd.run({**SMALL, **places(tmp_path), "student.optimizer.lr": 1e30})
    assert state() == before


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["student.max_epoch=3"], r"no option 'student.max_epoch'. Did you mean 'student.max_epo"),
        (["seed=0,1"], "seed"),
        (["-m", "seed=0"], "a sweep is a loop over calls"),
        ("method=kd", r"is one text; write \['method=kd'\]"),
        ({"data.bands": {1}}, r"data.bands is a set"),
        ({3: 1}, "is not the name of an option"),
        ({"experiment": "s2s_eu_rr"}, r"is added with a plus: \+experiment=s2s_eu_rr"),
        (["a b"], "is not an option"),
    ],
)
def test_a_wrong_override_is_told_as_on_the_command_line(wrong: Any, said: str) -> None:
    before = state()
    with pytest.raises(ConfigError, match=said):
        ackd.run(wrong)
    with pytest.raises(ConfigError, match=said):
        ackd.compose_config(wrong)
    assert state() == before


def test_a_process_that_has_never_used_hydra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its version is no version then, but a mark."""
    monkeypatch.setattr(VersionBase.instance(), "version_base", _UNSPECIFIED_)
    for _ in range(2):
        assert ackd.compose_config(["method=kd"])["method"] == "kd"
        with pytest.raises(ConfigError, match="There is no option 'nothing'"):
            ackd.run(["nothing=1"])
        assert VersionBase.instance().version_base is _UNSPECIFIED_


def test_a_program_that_does_not_exist() -> None:
    with pytest.raises(ConfigError, match=r"no program 'segmnt' .* Did you mean 'segment'"):
        ackd.run([], program="segmnt")  # type: ignore[arg-type]


def test_values_go_into_a_configuration_as_they_are(tmp_path: Path) -> None:
    odd = tmp_path / "a, b=${c} [d] 'e' \"f\""
    cfg = ackd.compose_config(
        {
            "outputs": odd, "name": "1e5", "seed": 3, "data.augment": True, "data.classes": None,
            "data": {"bands": ["B02", "B03", "B04"]}, "student.optimizer": {"lr": 0.5, "eps": 1e-9},
            "force": ["teacher"], "+experiment": "s2s_eu_tiny",
        }
    )  # fmt: skip
    assert cfg["outputs"] == str(odd)
    assert (cfg["name"], cfg["seed"]) == ("1e5", 3)
    assert cfg["data"]["augment"] is True
    assert cfg["data"]["bands"] == ["B02", "B03", "B04"]
    assert cfg["student"]["optimizer"]["lr"] == 0.5
    assert cfg["student"]["optimizer"]["eps"] == 1e-9
    assert cfg["force"] == ["teacher"]
    assert cfg["data"]["name"] == "s2s_eu"
    assert "hydra" not in cfg
    tiles = {"other": "rest", "built up, dense": [111, 112]}
    words = {"data": "pairs", "data.optical": "a", "data.sar": "b", "data.classes": tiles}
    assert ackd.compose_config(words, program="segment")["data"]["classes"] == tiles
    assert not GlobalHydra.instance().is_initialized()


def test_sections_become_words_and_open_names_stay_together() -> None:
    given = {
        "student": {"max_epochs": 2, "ema": {"decay": 0.9}},
        "+callbacks.x": {"_target_": "a.B"},
    }
    assert as_words(given, TRAIN) == [
        "student.max_epochs=2", "student.ema.decay=0.9", "+callbacks.x={_target_: 'a.B'}",
    ]  # fmt: skip
    assert as_words({"data.sar": Path("x y")}, SEGMENT) == ["data.sar='x y'"]


def test_what_is_composed_is_what_the_command_would_run() -> None:
    from tests.config.composing import compose_config

    shown = ackd.compose_config(["row=mid_fin_d"], program="segment")
    cfg = compose_config("row=mid_fin_d", program=SEGMENT)
    assert check_segmentation(cfg).model_dump()["method"] == shown["method"] == "mid_fin_d"


def test_the_log_of_a_caller_is_left_alone(tmp_path: Path) -> None:
    mine = logging.StreamHandler(sys.stderr)
    logger = logging.getLogger("ackd")
    logger.addHandler(mine)
    before = list(logger.handlers)
    try:
        ackd.run({**SMALL, **places(tmp_path), "method": "baseline"})
        assert logger.handlers == before
    finally:
        logger.removeHandler(mine)
