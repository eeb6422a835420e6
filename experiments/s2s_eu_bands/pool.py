"""Pool the held-out predictions of all folds and compare ten bands with three.

Usage: python experiments/s2s_eu_bands/pool.py SWEEP_FOLDER

Every MS image is a test image once a seed. An image counts with its mean over the seeds, and the
bootstrap draws images, so that the seeds of one image stay together.
"""

from __future__ import annotations

import csv
import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
from scipy.stats import bootstrap

RESAMPLES = 9999


def main(folder: Path) -> None:
    # correct[arm][image][seed]
    correct: dict[int, dict[str, dict[int, bool]]] = defaultdict(lambda: defaultdict(dict))
    runs = sorted(folder.rglob("result.json"))
    for path in runs:
        result = json.loads(path.read_text())
        config = json.loads((path.parent / "run.json").read_text())["options"]
        arm, seed = len(result["data"]["bands"]["ms"]), config["teacher"]["seed"]
        predictions = path.parent / result["teacher"]["artifact"] / "predictions.csv"
        with predictions.open(newline="") as file:
            for row in csv.DictReader(file):
                known = correct[arm][row["file"]]
                if seed in known:
                    raise SystemExit(f"{row['file']} was held out twice under seed {seed}")
                known[seed] = row["true"] == row["predicted"]
    images = sorted(correct[10])
    seeds = sorted(correct[10][images[0]])
    table = {
        arm: np.array([[correct[arm][image][seed] for seed in seeds] for image in images])
        for arm in (10, 3)
    }
    report = {"runs": len(runs), "images": len(images), "seeds": seeds}
    for arm, hits in table.items():
        per_seed = hits.mean(axis=0)
        low, high = interval(hits.mean(axis=1))
        report[f"{arm} bands"] = {
            "pooled_oa": float(hits.mean()), "interval_95": [low, high],
            "oa_per_seed": per_seed.tolist(),
        }  # fmt: skip
    gain = table[10].mean(axis=1) - table[3].mean(axis=1)
    low, high = interval(gain)
    report["difference"] = {"oa": float(gain.mean()), "interval_95": [low, high]}
    print(json.dumps(report, indent=2))


def interval(values: np.ndarray) -> tuple[float, float]:
    found = bootstrap(
        (values,), np.mean, n_resamples=RESAMPLES, method="BCa", rng=np.random.default_rng(0)
    ).confidence_interval
    return float(found.low), float(found.high)


if __name__ == "__main__":
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]))
