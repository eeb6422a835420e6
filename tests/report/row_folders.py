"""Run folders as ackd.segment leaves them, with their artifacts, without training."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from ackd.data.benchmark import TEST
from ackd.data.tiles import IGNORED, TileSet
from ackd.runs.predictions import Measured
from ackd.tasks import Answers, SegmentationTask, segmentation_task_of
from ackd.utils.io import write_bytes

CLASSES = ("background", "building")
SIZE = 16
LAYERS = {"mid": (["mid"], []), "fin": (["fin"], []), "mid_fin": (["mid"], ["fin"]),
          "int": (["int"], [])}  # fmt: skip
ENDINGS = {"": "none", "_d": "decoder", "_a": "all"}
ROWS = (
    "optical", "sar", *(f"{base}{ending}" for base in LAYERS for ending in ENDINGS), "control4",
    "control10",
)  # fmt: skip
EPOCHS = {"teacher": 6, "reconstruction": 6, "finetune": 4}


def tiles(count: int = 12, classes: tuple[str, ...] = CLASSES) -> TileSet:
    """Squares of the class, more in each tile than in the one before."""
    rng = np.random.default_rng(0)
    masks = np.zeros((count, SIZE, SIZE), np.uint8)
    for number, mask in enumerate(masks):
        mask[2 : 4 + number, 3:9] = 1 + number % (len(classes) - 1)
    valid = np.ones((count, SIZE, SIZE), bool)
    valid[::3, :, :3] = False
    optical = 80 + 90.0 * masks[:, None] + rng.normal(0, 9, (count, 3, SIZE, SIZE))
    sar = -15 + 7.0 * masks[:, None] + rng.normal(0, 3, (count, 2, SIZE, SIZE))
    masks[~valid] = IGNORED
    return TileSet(
        name="synthetic", optical=optical.clip(1, 255).astype(np.uint8),
        sar=sar.astype(np.float32), valid=valid, masks=masks,
        ids=np.array([f"tile_{i:02d}" for i in range(count)]),
        split=np.full(count, TEST, np.int8), classes=classes, optical_bands=("R", "G", "B"),
        sar_bands=("VV", "VH"),
    )  # fmt: skip


class Served:
    """A data module as far as pictures need one."""

    def __init__(self, found: TileSet) -> None:
        self.tiles = found


def options(row: str, seed: int = 0, **changed: Any) -> dict[str, Any]:
    """A resolved configuration; ``changed`` has dotted names with ``__`` for the dot."""
    base = next((name for name in LAYERS if row.removesuffix("_d").removesuffix("_a") == name), "")
    layers, then = LAYERS.get(base, ([], []))
    long = {"sar": EPOCHS["teacher"], "control10": 10}.get(row, EPOCHS["finetune"])
    training = {"optimizer": {"_target_": "torch.optim.AdamW", "lr": 0.001}, "batch_size": 4}
    content: dict[str, Any] = {
        "task": "segmentation", "name": "demo", "method": row, "recipe": "default", "seed": seed,
        "until": "teacher" if row == "optical" else "student", "outputs": "there",
        "network": {"name": "tiny", "width": 8}, "data": {"name": "synthetic", "split_seed": 0},
        "labels": {"fraction": 1.0}, "epochs": EPOCHS,
        "teacher": {"seed": 0, "start": "random", "max_epochs": EPOCHS["teacher"], **training},
        "reconstruction": {"seed": 0, "layers": layers, "max_epochs": 6, **training},
        "reconstruction2": {"seed": 0, "layers": then, "max_epochs": 6, **training},
        "student": {
            "start": "random" if row == "sar" else "reconstruction" if base else "optical",
            "finetune": ENDINGS[row[len(base) :]] if base else "all", "max_epochs": long,
            **training,
        },
    }  # fmt: skip
    for name, value in changed.items():
        node = content
        *parents, last = name.split("__")
        for key in parents:
            node = node.setdefault(key, {})
        node[last] = value
    return content


def predicted(found: TileSet, right: float, seed: int) -> Answers:
    """The truth, but for pixels that are wrong by chance."""
    assert found.masks is not None
    truth = torch.from_numpy(found.masks)
    rng = np.random.default_rng([seed, round(1000 * right)])
    wrong = torch.from_numpy(rng.random(truth.shape) >= right)
    said = torch.where(wrong, 1 - truth.clip(max=1), truth)
    return Answers(torch.arange(len(truth)), said.where(truth != IGNORED, 0), truth)


def measured(folder: Path, task: SegmentationTask, answers: Answers, found: TileSet) -> Any:
    """Write predictions and picture as a test does; the entry of ``result.json``."""
    logits = torch.where(answers.outputs == 1, 1.0, -1.0)[:, None]
    metrics = task.measures("test/")
    metrics.update(logits, answers.targets)
    values = task.values(metrics.compute(), "test/")
    lower = {name: None if v is None else v - 0.01 for name, v in values.items()}
    names = list(map(str, found.ids))
    task.write_predictions(folder, answers, names)
    (picture,) = task.pictures(answers, Served(found))
    (folder / "pictures").mkdir(exist_ok=True)
    save(folder / "pictures" / "test_tiles.png", picture.image)
    interval = {name: [0.1, 0.9] if name == "iou" else None for name in values}
    return {
        "backbone": "tiny", **Measured(task.description(), lower, values, interval, {}).entries(),
        "best_epoch": 1, "stopped_early": None,
    }  # fmt: skip


def save(path: Path, image: Any) -> None:
    import io

    from PIL import Image

    encoded = io.BytesIO()
    Image.fromarray(image).save(encoded, "PNG")
    write_bytes(path, encoded.getvalue())


def write_curves(folder: Path, columns: Iterable[str], epochs: int) -> None:
    names = list(columns)
    with (folder / "metrics.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["epoch", "step", *names])
        for epoch in range(epochs):
            writer.writerow(
                [epoch, epoch, *(0.1 * (epoch + 1) + i / 100 for i in range(len(names)))]
            )


def make_row(
    root: Path, row: str, seed: int = 0, *, right: float = 0.9, fraction: float = 1.0,
    seen: float | None = 0.0, name: str = "", about: Any = None, **changed: Any,
) -> Path:  # fmt: skip
    """Write a finished run of a row, and the artifacts that it used.

    Args:
        root: Gets ``runs/NAME`` and ``artifacts``.
        row: One of :data:`ROWS`.
        seed: Of the student.
        right: The share of the pixels that are predicted as they are.
        fraction: Of the labels.
        seen: The share of the test ground that is seen in training.
        name: Of the folder.
        about: What else ``result.json`` says of the data.
        changed: Options, see :func:`options`.
    """
    config = options(row, seed, labels__fraction=fraction, **changed)
    folder = root / "runs" / (name or f"{row}-{fraction}-s{seed}")
    folder.mkdir(parents=True)
    found, task = tiles(), segmentation_task_of(CLASSES)(CLASSES)
    student = config["student"]
    layers, then = (config[step]["layers"] for step in ("reconstruction", "reconstruction2"))
    needs_teacher = student["start"] in ("reconstruction", "optical")
    stages: dict[str, Any] = dict.fromkeys(("teacher", "reconstruction", "reconstruction2"))
    network = config["network"]["name"]
    if needs_teacher:
        fingerprint = f"{network}-{config['teacher']['seed']}"
        place = root / "artifacts" / "teacher" / fingerprint
        if not place.is_dir():
            place.mkdir(parents=True)
            entry = measured(place, task, predicted(found, 0.97, 1), found)
            (place / "metrics.json").write_text(json.dumps(entry))
            write_curves(place, ["val/iou", "val/loss", "train/loss"], 6)
        entry = json.loads((place / "metrics.json").read_text())
        stages["teacher"] = entry | {
            "fingerprint": fingerprint,
            "artifact": f"../../artifacts/teacher/{fingerprint}",
        }
    for step, names in (("reconstruction", layers), ("reconstruction2", then)):
        if student["start"] == "reconstruction" and names:
            second = then if step == "reconstruction2" else []
            fingerprint = "-".join([network, *layers, *second])
            place = root / "artifacts" / step / fingerprint
            if not place.is_dir():
                place.mkdir(parents=True)
                shown = ["e3", "mid", "d1", "fin"] if names == ["int"] else names
                cosines = [f"{part}/cos_{n}" for part in ("train", "val") for n in shown]
                write_curves(place, ["val/loss", "train/loss", *cosines], 6)
            stages[step] = {
                "metrics": {"cosine_loss": 0.2}, "best_epoch": 3,
                "fingerprint": fingerprint, "artifact": f"../../artifacts/{step}/{fingerprint}",
            }  # fmt: skip
    stages["student"] = None
    if row != "optical":
        # Without labels it is one network whatever the seed is.
        chance = 7 if student["finetune"] == "none" else seed
        stages["student"] = measured(folder, task, predicted(found, right, chance), found)
        if student["finetune"] != "none":
            write_curves(folder, ["val/iou", "val/loss", "train/loss"], student["max_epochs"])
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    images = {"optical": "1", "sar": "2", "masks": "3", "splits": "4"}
    (folder / "run.json").write_text(json.dumps({"images": images, "options": config}))
    sizes = {"train": 40, "val": 8, "test": len(found.ids)}
    data = {
        "name": "synthetic", "classes": list(CLASSES), "split_seed": 0, "fold": None,
        "bands": {"optical": ["R", "G", "B"], "sar": ["VV", "VH"]}, "partial": False,
        "split_sizes": {"optical": sizes, "sar": sizes},
        "split": {"how": "place", "test_ground_seen_in_training": seen},
    } | (about or {})  # fmt: skip
    content = {
        "schema_version": 1, "task": "segmentation", "method": row, "recipe": "default",
        "seed": seed, "kd": [], "network": network,
        "labels": {"fraction": fraction, "tiles": round(40 * fraction)},
        "shown": {"layers": layers, "then": then, "start": student["start"],
                  "finetune": student["finetune"]},
        "data": data, "protocol": None, **stages, "seconds": {}, "device": "cpu",
        "versions": {"ackd": "0.1.0"}, "git": None,
    }  # fmt: skip
    (folder / "result.json").write_text(json.dumps(content))
    return folder
