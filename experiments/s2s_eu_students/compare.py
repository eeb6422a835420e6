"""Paired differences between the students of several methods on the same test images.

Usage: python experiments/s2s_eu_students/compare.py FOLDER [FOLDER ...]

An image counts with its mean over the seeds; the bootstrap draws images.
"""

from __future__ import annotations

import csv
import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
from scipy.stats import bootstrap


def main(folders: list[Path]) -> None:
    hits: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for path in sorted(p for folder in folders for p in folder.rglob("result.json")):
        method = json.loads(path.read_text())["method"]
        with (path.parent / "predictions.csv").open(newline="") as file:
            for row in csv.DictReader(file):
                hits[method][row["file"]].append(row["true"] == row["predicted"])
    images = sorted(next(iter(hits.values())))
    means = {m: np.array([np.mean(found[i]) for i in images]) for m, found in hits.items()}
    names = sorted(means)
    for first, second in ((a, b) for k, a in enumerate(names) for b in names[k + 1 :]):
        gain = means[second] - means[first]
        interval = bootstrap((gain,), np.mean, rng=np.random.default_rng(0)).confidence_interval
        print(
            f"{second} - {first}: {100 * gain.mean():+.1f} points of OA, 95 % "
            f"{100 * interval.low:+.1f} to {100 * interval.high:+.1f}, {len(images)} images"
        )


if __name__ == "__main__":
    wanted = [Path(word) for word in sys.argv[1:]]
    if not wanted or not all(folder.is_dir() for folder in wanted):
        raise SystemExit(__doc__)
    main(wanted)
