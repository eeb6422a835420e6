"""Which timm networks serve as backbones, at which sizes: ``python -m benchmarks.timm_networks``.

One small network per family is built and tried as a run tries it. Where it serves, its logits must
be timm's own. Where its patches are tokens, whose order nothing tells, a change in one corner of
the image must move a token of that corner most.

Results are added to a file as they come, so that a second call goes on where the first one ended.
"""

from __future__ import annotations

import argparse
import json
import re
import time
import warnings
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import timm
import torch

from ackd.backbones import Backbone, build_backbone, checked_outputs
from ackd.errors import ConfigError

__all__ = ["families", "outcome"]

SIZES = (32, 48, 64, 120, 128, 224)
BANDS, CLASSES = 4, 3
SMALL = (
    "test", "atto", "femto", "pico", "nano", "xxs", "xtiny", "tiny", "micro", "mini", "xs", "_s0",
    "_t0", "small", "050", "035", "b0", "lite", "s12", "18", "_0",
)  # fmt: skip
LARGE = ("large", "huge", "giant", "enormous", "_xl", "base", "_b_", "101", "152", "200", "384")


def families(most_parameters: float) -> list[str]:
    """A small network of each family, a family being a module of timm and a beginning of names."""
    found: dict[tuple[str, str], list[str]] = {}
    for module in timm.list_modules():
        for name in timm.list_models(module=module):
            stem = re.match(r"[a-z]+(?:v\d+)?|\w+", name)
            found.setdefault((module, stem[0] if stem else name), []).append(name)
    chosen = (min(names, key=_rank) for _, names in sorted(found.items()))
    return [name for name in chosen if _parameters(name) <= most_parameters]


def _rank(name: str) -> tuple[int, int]:
    early = [50 - i for i, word in enumerate(SMALL) if word in name]
    return (40 * sum(word in name for word in LARGE) - sum(early), len(name))


def _parameters(name: str) -> float:
    try:
        with torch.device("meta"):
            return sum(p.numel() for p in timm.create_model(name).parameters())
    except (RuntimeError, NotImplementedError):
        return 0.0  # it computes with values while it is built


def outcome(name: str, size: int) -> tuple[str, str]:
    """``("ran" | "refused" | "wrong", why)`` of a network for images of a size.

    A run says every reason as a sentence, with the sizes that fit.
    """
    try:
        net = build_backbone(name, BANDS, CLASSES, size=(size, size))
        images = torch.zeros(2, BANDS, size, size)
        checked_outputs(net.train()(images), net, name, images)
        return _right(net.eval(), name, size)
    except ConfigError as error:
        return "refused", str(error)
    except Exception as error:
        return "refused", f"{type(error).__name__}: {error}"


@torch.no_grad()
def _right(net: Backbone, name: str, size: int) -> tuple[str, str]:
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(2, BANDS, size, size, generator=generator)
    out = checked_outputs(net(images), net, name, images)
    library = net.net(images) if hasattr(net, "net") else out.logits
    if not torch.allclose(out.logits, library, rtol=1e-4, atol=1e-5):
        return "wrong", "its logits are not timm's"
    height, width = out.grid
    features = net.net.forward_features(images) if hasattr(net, "net") else None
    if min(out.grid) < 4 or not isinstance(features, torch.Tensor) or features.ndim != 3:
        return "ran", ""
    changed = images.clone()
    step = (size // height, size // width)
    changed[..., : step[0], -step[1] :] = torch.randn(2, BANDS, *step, generator=generator) * 3
    moved = (net(changed).z - out.z).norm(dim=-1).reshape(2, height, width)
    corner = moved[:, : height // 2, -(width // 2) :].amax((1, 2))
    if bool((corner < moved.amax((1, 2))).any()):
        return "wrong", "a change in the upper right corner moves another patch most"
    return "ran", ""


def _report(rows: Iterable[dict[str, str]]) -> None:
    listed = list(rows)
    for size in SIZES:
        counts = Counter(row["outcome"] for row in listed if row["size"] == str(size))
        print(f"{size:4d} px  " + "  ".join(f"{k} {v}" for k, v in sorted(counts.items())))
    for row in listed:
        if row["outcome"] != "ran":
            why = row["why"].splitlines()[0][:120]
            print(f"{row['outcome']:8s} {row['name']} {row['size']}: {why}")


def main() -> None:
    """Try, add to the file, and count."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--file", type=Path, default=Path("timm_networks.jsonl"))
    parser.add_argument("--seconds", type=float, default=float("inf"), help="end after so long")
    parser.add_argument("--most-parameters", type=float, default=6e7)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    began = time.monotonic()
    lines = given.file.read_text().splitlines() if given.file.exists() else []
    rows = [json.loads(line) for line in lines]
    done = {(row["name"], row["size"]) for row in rows}
    names = given.file.with_suffix(".names")
    if not names.exists():
        names.write_text("\n".join(families(given.most_parameters)))
    with given.file.open("a") as file:
        for name in names.read_text().split():
            for size in SIZES:
                if (name, str(size)) in done or time.monotonic() - began > given.seconds:
                    continue
                found, why = outcome(name, size)
                rows.append({"name": name, "size": str(size), "outcome": found, "why": why})
                file.write(json.dumps(rows[-1]) + "\n")
    _report(rows)


if __name__ == "__main__":
    main()
