"""Mean and spread over seeds of all runs under a folder, as Markdown.

Usage: python experiments/summary.py FOLDER [FOLDER ...]

Runs that differ in nothing but the seed make one line. Spread is the sample standard deviation.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

METRICS = {"oa": "OA %", "f1": "macro F1 %"}


def main(folders: list[Path]) -> None:
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for path in sorted(p for folder in folders for p in folder.rglob("result.json")):
        options = json.loads((path.parent / "run.json").read_text())["options"]
        options.pop("seed")
        groups[json.dumps(options, sort_keys=True)].append(json.loads(path.read_text()))
    head = ["experiment", "method", "kd", "recipe", "teacher", "student", "seeds"]
    head += [*METRICS.values(), "seconds"]
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for results in sorted(groups.values(), key=lambda g: (g[0]["method"], g[0]["kd"])):
        first = results[0]
        cells = [first["experiment"], first["method"], "+".join(first["kd"]) or "-"]
        cells += [first["recipe"], *(_network(first[role]) for role in ("teacher", "student"))]
        cells.append(str(len({result["seed"] for result in results})))
        for metric in METRICS:
            values = [100 * _measured(result)[metric] for result in results]
            spread = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
            cells.append(f"{statistics.mean(values):.1f}{spread}")
        cells.append(f"{statistics.mean(r['seconds']['distill'] for r in results):.0f}")
        print("| " + " | ".join(cells) + " |")


def _network(report: dict[str, Any] | None) -> str:
    if report is None:
        return "-"
    oa = report["metrics"]["oa"]
    return report["backbone"] + (f" ({100 * oa:.1f})" if "fingerprint" in report and oa else "")


def _measured(result: dict[str, Any]) -> dict[str, float]:
    metrics: dict[str, float] = (result["student"] or result["teacher"])["metrics"]
    return metrics


if __name__ == "__main__":
    wanted = [Path(word) for word in sys.argv[1:]]
    if not wanted or not all(folder.is_dir() for folder in wanted):
        raise SystemExit(__doc__)
    main(wanted)
