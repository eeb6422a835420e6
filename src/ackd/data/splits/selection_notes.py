"""What a result must say about the images it was measured on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ackd.data.datasets.class_map import ClassMap
from ackd.data.datasets.listing import Listing
from ackd.data.splits.twins import shared_scenes

__all__ = ["count_notes", "partial_reasons", "twin_notes"]


def partial_reasons(
    class_map: ClassMap,
    chosen: Sequence[str],
    ms: Listing,
    rgb: Listing,
    dropped: Mapping[str, str],
    absent: Mapping[str, Sequence[str]],
) -> list[str]:
    """Say in what the images found fall short of the benchmark; empty where in nothing.

    Args:
        class_map: The benchmark, cut already.
        chosen: The RGB sources in use.
        ms: All MS images found, before twins and draw.
        rgb: All RGB images found.
        dropped: Classes left out -> the side that has no image of them.
        absent: Source -> its classes that are not on disk.
    """
    reasons = []
    unused = [name for name in class_map.rgb if name not in chosen]
    if unused:
        reasons.append(f"without the RGB images of {', '.join(unused)}")
    if dropped:
        reasons.append(
            "without the classes "
            + ", ".join(f"{label} (no {sides} image)" for label, sides in dropped.items())
        )
    reasons += [f"without {name}'s {', '.join(labels)}" for name, labels in absent.items()]
    for column, side in enumerate((ms, rgb)):
        found = side.counts(class_map.classes)
        short = [
            f"{label} {found[label]} of {counts[column]}"
            for label, counts in class_map.paper_counts.items()
            if found[label] < counts[column]
        ]
        if short:
            reasons.append(
                f"fewer {side.modality.upper()} images than in the paper's Table 10: "
                + ", ".join(short)
            )
    return reasons


def twin_notes(
    mode: str, all_ms: Listing, all_rgb: Listing, ms: Listing, rgb: Listing
) -> dict[str, Any]:
    """Count the twins that were found, and where they went."""
    twins = shared_scenes(all_ms.scene_ids, all_rgb.scene_ids)
    return {
        "mode": mode,
        "found": len(twins),
        "kept_as_ms": int(np.isin(twins, ms.scene_ids).sum()),
        "kept_as_rgb": int(np.isin(twins, rgb.scene_ids).sum()),
        "on_both_sides": len(shared_scenes(ms.scene_ids, rgb.scene_ids)),
    }


def count_notes(
    class_map: ClassMap, all_ms: Listing, all_rgb: Listing, ms: Listing, rgb: Listing
) -> dict[str, Any]:
    """Count images a class: found, used, and in the paper."""
    classes = class_map.classes
    return {
        "found": {side.modality: side.counts(classes) for side in (all_ms, all_rgb)},
        "used": {side.modality: side.counts(classes) for side in (ms, rgb)},
        "rgb_used_by_source": {
            source.name: rgb.counts(classes, origin) for origin, source in enumerate(rgb.sources)
        },
        "paper": {
            modality: {label: counts[column] for label, counts in class_map.paper_counts.items()}
            for column, modality in enumerate(("ms", "rgb"))
        },
    }
