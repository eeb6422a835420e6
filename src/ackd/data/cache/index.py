"""What is known about the images of one side, apart from their pixels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ackd.data.benchmark import TRAIN, Modality, SceneSet
from ackd.data.datasets.listing import Listing
from ackd.data.stored import Images

__all__ = ["SideIndex"]

_ARRAYS = ("labels", "files", "scene_ids", "published", "sources")


@dataclass(frozen=True, eq=False)
class SideIndex:
    """The table of one side: a row an image.

    Attributes:
        modality: ``"ms"`` or ``"rgb"``.
        bands: The channel names.
        sensor: The camera's name.
        labels: (N,) int64 class index, or (N, K) bool.
        files: (N,) str, relative to the archives' root.
        scene_ids: (N,) str.
        published: (N,) the publisher's split, "" where there is none.
        sources: (N,) the name of each image's source.
    """

    modality: Modality
    bands: tuple[str, ...]
    sensor: str
    labels: NDArray[Any]
    files: NDArray[np.str_]
    scene_ids: NDArray[np.str_]
    published: NDArray[np.str_]
    sources: NDArray[np.str_]

    @classmethod
    def of(cls, listing: Listing, bands: tuple[str, ...]) -> SideIndex:
        """Build it from what was found on disk."""
        names = np.array([source.name for source in listing.sources], dtype=np.str_)
        return cls(
            modality=listing.modality,
            bands=bands,
            sensor=listing.sources[0].sensor.name,
            labels=listing.labels,
            files=np.array([record.file for record in listing.records], dtype=np.str_),
            scene_ids=listing.scene_ids,
            published=listing.splits,
            sources=names[listing.origins],
        )

    @classmethod
    def read(cls, path: Path, modality: Modality, bands: tuple[str, ...], sensor: str) -> SideIndex:
        """Read what `arrays` were saved as."""
        with np.load(path) as file:
            arrays = {name: file[name] for name in _ARRAYS}
        return cls(modality=modality, bands=bands, sensor=sensor, **arrays)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What is to be saved as npz."""
        return {name: getattr(self, name) for name in _ARRAYS}

    def with_bands(self, bands: tuple[str, ...]) -> SideIndex:
        """The same images seen in other bands."""
        return replace(self, bands=bands)

    def scenes(self, images: Images) -> SceneSet:
        """Join table and images; all marked as training until the splits are assigned."""
        return SceneSet(
            modality=self.modality,
            images=images,
            labels=self.labels,
            files=self.files,
            scene_ids=self.scene_ids,
            split=np.full(len(self.files), TRAIN, np.int8),
            bands=self.bands,
            sensor=self.sensor,
        )
