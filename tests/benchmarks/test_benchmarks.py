"""Every benchmark runs at a toy size and says what it promises; the numbers mean nothing here."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from benchmarks.arms import step_of, teacher_of
from benchmarks.floor import operations, products
from benchmarks.matching import GAMMA, draw, naive
from benchmarks.measure import ROOT, Seconds, compare, peak_gb
from benchmarks.profiling import profiled
from benchmarks.scale import SCALES
from benchmarks.section import Section, markdown, table
from benchmarks.steps import step_arm
from rich.console import Console

from ackd.matching import match_by_divergence
from benchmarks import __main__ as command

ARM_COLUMNS = {
    f"{arm}{end}"
    for arm in ("kd live", "kd stored", "sembridge live", "sembridge stored")
    for end in ("", " ±")
}
COLUMNS = {
    "steps": ARM_COLUMNS
    | {"plain s", "arithmetic", "floor", "over floor", "images/s", "plain share", "share"},
    "approximations": {"step s", "ratio"},
    "epochs": ARM_COLUMNS | {"plain s", "plain images/s", "with transport"},
    "stages": {
        "kd live s", "kd stored", "sembridge stored", "kd stored at 200", "sembridge stored at 200",
        "Table 8", "matcher epoch",
    },
    "matching": {"wall s", "cpu s", "peak GB", "of it data GB", "per pair"},
    "coral": {"gram ms", "direct", "difference"},
    "packing": {"packed", "plain", "share"},
    "startup": {"wall s", "cpu s", "ratio"},
    "memory": {"peak GB", "peak ratio"},
    "predict": {"network s", "ratio", "network GB", "more GB"},
    "segmentation": {
        "networks s", "reconstruct", "plain s", "fine-tune", "step images/s", "loader images/s",
    },
}  # fmt: skip


def measured(name: str, path: Path, *more: str) -> dict[str, Any]:
    command.main(["--toy", "--only", name, "--threads", "1", "--json", str(path), *more])
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


# They start Pythons of their own, each of which imports torch, or train for whole epochs.
SLOW = ("memory", "matching", "startup", "epochs", "stages", "predict")


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in command.BENCHMARKS],
)
def test_a_benchmark_runs_and_its_json_has_the_keys(name: str, tmp_path: Path) -> None:
    found = measured(name, tmp_path / "found.json")
    assert found["scale"] == "toy"
    assert {"cpu", "cores", "threads", "torch", "date"} <= found["machine"].keys()
    (rows,) = found["sections"].values()
    assert rows
    for row in rows.values():
        assert row.keys() >= COLUMNS[name]
        assert all(math.isfinite(value) and value >= 0 for value in row.values())


def test_a_device_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["--toy", "--only", "coral", "--device", "tpu"])
    assert "--device tpu is not on this machine; it has cpu" in capsys.readouterr().err


def test_every_benchmark_is_described() -> None:
    assert COLUMNS.keys() == set(command.BENCHMARKS)


@pytest.mark.slow
def test_the_command_prints_a_table_and_a_json() -> None:
    words = [sys.executable, "-m", "benchmarks", "--toy", "--only", "coral"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    *shown, last = done.stdout.splitlines()
    assert "8 x 16" in "".join(shown)
    assert "8 x 16" in json.loads(last)["sections"]["coral"]


def test_what_is_saved_are_ratios_beside_those_of_other_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = {"full": {"steps": {"ratios": {"a": {"kd": 1.0}}}}}
    kept["toy"] = {"coral": {"ratios": {"another shape": {"direct": 2.0}}}}
    last = tmp_path / "last.json"
    last.write_text(json.dumps(kept), encoding="utf-8")
    monkeypatch.setattr(command, "LAST", last)
    measured("coral", tmp_path / "found.json", "--save")
    saved = json.loads(last.read_text(encoding="utf-8"))
    assert saved["full"] == kept["full"]
    ratios = saved["toy"]["coral"]["ratios"]
    assert ratios.keys() == {"another shape", "8 x 16"}
    assert ratios["8 x 16"].keys() == {"direct", "direct ±"}


def test_the_last_release_is_there_as_ratios_only() -> None:
    saved = json.loads(command.LAST.read_text(encoding="utf-8"))
    assert saved.keys() <= SCALES.keys()
    assert saved
    for scale in saved.values():
        assert scale.keys() <= set(command.BENCHMARKS)
        for section in scale.values():
            for row in section["ratios"].values():
                assert not any(c.endswith((" s", " ms", "GB", "/s")) for c in row)


def test_the_table_tells_the_difference() -> None:
    section = Section(
        "x", "title", {"row": {"s": 2.0, "ratio": 1.5, "ratio ±": 0.25}}, frozenset({"s"})
    )
    console = Console(width=80)
    with console.capture() as capture:
        console.print(table(section, {"row": {"s": 1.0, "ratio": 1.25}}))
    assert "1.5 ±0.25 (+0.25)" in capture.get()
    assert "+1" not in capture.get()
    assert markdown(section).splitlines()[-1] == "| row | 2 | 1.5 ±0.25 |"


def test_ratios_are_taken_turn_by_turn() -> None:
    # The machine is ten times slower in the second turn.
    found = {
        "first": [Seconds(1, 1), Seconds(10, 10), Seconds(1, 1)],
        "second": [Seconds(2, 2), Seconds(30, 30), Seconds(2, 2)],
    }
    timing = compare(found)["second"]
    assert (timing.ratio, timing.spread, timing.wall) == (2, 0.5, 2)


def test_the_naive_loop_finds_the_same_pairs() -> None:
    data = draw(200, 10)
    assert naive(*data).equal(match_by_divergence(*data, temperature=GAMMA))


@pytest.mark.parametrize("pairing", ["T/T", "T/S"])
def test_the_floor_counts_what_sembridge_adds(pairing: str, tmp_path: Path) -> None:
    arms = {arm: step_arm(arm, pairing, 64, 8, tmp_path) for arm in ("plain", "sembridge stored")}
    plain, bridged = (operations(step_of(made)) for made in arms.values())
    taught = arms["sembridge stored"]
    alone = products(taught.lesson.module.backbone, teacher_of(taught.context), 8, patches=4)
    # The attention among four patches is the little that the floor leaves out.
    assert 0.95 * (bridged - plain) < operations(alone) <= bridged - plain


def test_the_profile_names_operators() -> None:
    torch.set_num_threads(1)
    assert "aten::" in profiled("T/T", "sembridge stored", 16, 4, rows=5, steps=1)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's status of a process")
def test_a_child_does_not_inherit_its_parents_peak() -> None:
    large = np.ones(2**27)  # 1.07 GB
    script = "from benchmarks.measure import peak_gb; print(peak_gb())"
    words = [sys.executable, "-c", script]
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=ROOT)
    assert float(done.stdout) < 0.9 < 1 < large.nbytes / 1e9 < peak_gb()
