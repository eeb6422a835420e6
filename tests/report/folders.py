"""Run folders as ackd.train leaves them, without training."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import yaml

CLASSES = ("Forest", "River", "Sea")


def config(method: str = "sembridge", kd: str = "vanilla", seed: int = 0, **changed: Any) -> Any:
    """A resolved configuration; ``changed`` has dotted names with ``__`` for the dot."""
    on = method == "sembridge"
    content: dict[str, Any] = {
        "data": {"name": "synthetic", "root": "somewhere", "split_seed": 0},
        "teacher": {"backbone": {"name": "resnet34"}, "seed": 0},
        "matcher": {"seed": 0, "dim": 256},
        "student": {"backbone": {"name": "resnet34"}, "max_epochs": 3},
        "loss": {"kd": {} if method == "baseline" else {kd: {"weight": 1.0}}, "lambda1": 0.4},
        "matching": {"initial": "ssm" if on else "random"},
        "dynm": {"enabled": on, "gamma": 3.0},
        "planner": {"heads": 8},
        "ska": {"ot1": on, "ot2": on, "coral": "paper", "patches": "flatten"},
        "recipe": "paper", "method": method, "name": "a", "seed": seed, "outputs": "there",
    }  # fmt: skip
    if method == "baseline":
        content["loss"]["lambda1"] = 0.0
    for name, value in changed.items():
        node = content
        *parents, last = name.split("__")
        for key in parents:
            node = node.setdefault(key, {})
        node[last] = value
    return content


def make_run(
    folder: Path, options: Any, *, right: float = 0.8, n: int = 60, about: Any = None,
    result: Any = None, noise: int = 0, val: float | None = None,
) -> Path:  # fmt: skip
    """Write a finished run whose student is right on about ``right`` of ``n`` test images.

    On validation images it is right on ``val`` of them, else on ``right``.
    """
    folder.mkdir(parents=True)
    seed, kd = options["seed"], sorted(options["loss"]["kd"])
    rng = np.random.default_rng([seed, int(1000 * right), noise])
    truth = [CLASSES[i % len(CLASSES)] for i in range(n)]
    correct = rng.random(n) < right
    said = [CLASSES[(i + (not c)) % 3] for i, c in enumerate(correct)]
    with (folder / "predictions.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "true", "predicted", *CLASSES])
        writer.writerows([f"{i}.jpg", truth[i], said[i], 0, 0, 0] for i in range(n))
    with (folder / "metrics.csv").open("w", newline="") as file:
        names = [
            "epoch", "val/oa", "val/loss", "train/loss", "loss/task", "weighted/task", "dynm/epoch",
            "dynm/share_changed", "dynm/kl_before", "dynm/kl_after", "transport/features",
        ]  # fmt: skip
        writer = csv.writer(file)
        writer.writerow(names)
        for epoch in range(3):
            writer.writerow([epoch, 0.5 + epoch / 10, 1, 2 - epoch / 2, 1, 1, "", "", "", "", 7])
        writer.writerow([1, "", "", "", "", "", 2, 0.5, 0.3, 0.1, ""])
    (folder / "config.yaml").write_text(yaml.safe_dump(options))
    (folder / "run.json").write_text(json.dumps({"images": {"ms": "1", "rgb": "2"}}))
    data = {
        "name": options["data"]["name"], "classes": list(CLASSES), "split_seed": 0, "fold": 0,
        "bands": {"ms": ["B02", "B03"], "rgb": ["R", "G", "B"]}, "partial": False,
        "split_sizes": {"ms": {"train": 9, "val": 3, "test": 3}, "rgb": {"train": 9, "test": n}},
    } | (about or {})  # fmt: skip
    content = {
        "schema_version": 1, "method": options["method"], "kd": kd, "seed": seed, "data": data,
        "protocol": "strict",
        "teacher": None if options["method"] == "baseline" else {
            "backbone": "resnet34", "metrics": {"oa": 0.9, "f1": 0.89}, "fingerprint": "t",
        },
        "student": {
            "backbone": "resnet34", "metrics": {"oa": float(correct.mean()), "f1": right},
            "validation": {"oa": right if val is None else val, "f1": right},
            "best_epoch": 2, "transport": None,
        },
        "seconds": {"teacher": 5, "matcher": 4, "distill": 100, "dynm": 6, "planner": 4},
        "device": "cpu", "versions": {"ackd": "0.1.0"}, "git": None,
    }  # fmt: skip
    (folder / "result.json").write_text(json.dumps(content | (result or {})))
    return folder


def three_methods(
    root: Path, *, seeds: int = 3, about: Any = None, name: str = "synthetic"
) -> None:
    """Baseline, Vanilla KD and SemBridge over seeds."""
    for method, right in (("baseline", 0.6), ("kd", 0.7), ("sembridge", 0.9)):
        for seed in range(seeds):
            options = config(method, seed=seed, data__name=name)
            make_run(root / f"{method}-{seed}", options, right=right, about=about)
