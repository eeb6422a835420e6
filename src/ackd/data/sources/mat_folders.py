"""Class folders of MATLAB files that hold an image and the vector of its labels."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io
from numpy.typing import NDArray

from ackd.data.options import AS_STORED, PixelOptions
from ackd.data.reading.multispectral import check_type, measured, resize_bands, unreadable
from ackd.data.sources.base import Record
from ackd.data.sources.class_folders import ClassFolders
from ackd.errors import DataError, ImageError, unknown

__all__ = ["MatFolders"]


@dataclass(frozen=True)
class MatFolders(ClassFolders):
    """``<folder>/<class>/*.mat`` with ``msi`` (H, W, bands) and ``label``, a 0/1 vector.

    Attributes:
        vector: The classes in the order of the label vector.
    """

    vector: tuple[str, ...] = ()

    def scan(self, root: Path, classes: Collection[str]) -> list[Record]:
        """List the images of some classes with all their labels, sorted by scene id.

        Raises:
            DataError: As `ClassFolders.scan`, and if a label vector is missing, of the wrong
                length, or without the class in whose folder its file lies.
        """
        return [
            replace(record, labels=self._labels(root / record.file, record.labels[0]))
            for record in super().scan(root, classes)
        ]

    def read(
        self,
        path: Path,
        bands: Sequence[str],
        size: int | None,
        options: PixelOptions = AS_STORED,
    ) -> NDArray[Any]:
        """Read one image as (len(bands), size, size) in its native type; double becomes float32.

        Raises:
            ConfigError: If the file has no such band.
            DataError: If the file is not what the data set promises.
        """
        for name in bands:
            if name not in self.file_bands:
                raise unknown(f"band in {path.name}", name, self.file_bands, "data.bands")
        # both, so that a file cut behind the image is found as well
        image = _load(path, "msi", ("msi", "label"))
        count = len(self.file_bands)
        if image.ndim != 3 or image.shape[2] != count:
            raise ImageError(
                f"{path} has 'msi' of shape {image.shape}; expected (height, width, {count}), the "
                f"bands being {', '.join(self.file_bands)}. Put the file of the archive in its "
                "place.",
                "wrong bands",
            )
        if image.dtype == np.float64:  # MATLAB's own type, whatever the numbers were before
            image = image.astype(np.float32)
        positions = [self.file_bands.index(name) for name in bands]
        pixels = np.ascontiguousarray(image.transpose(2, 0, 1)[positions])
        check_type(path, pixels.dtype, self.dtypes)
        nodata = [None] * len(bands)
        return resize_bands(measured(path, pixels, bands, nodata, None, options), size)

    def _labels(self, path: Path, folder: str) -> tuple[str, ...]:
        vector = _load(path, "label", ("label",)).reshape(-1)
        if len(vector) != len(self.vector) or not np.isin(vector, (0, 1)).all():
            raise DataError(
                f"{path} has 'label' {vector[:20].tolist()}; expected {len(self.vector)} values of "
                f"0 or 1, for {', '.join(self.vector)}."
            )
        labels = tuple(label for label, borne in zip(self.vector, vector, strict=True) if borne)
        if folder not in labels:
            raise DataError(
                f"{path} lies in the folder of class '{folder}', but its label vector says "
                f"{', '.join(labels) or 'none'}. Either the file is in the wrong folder, or the "
                f"vectors of this archive are not in the order {', '.join(self.vector)}."
            )
        return labels


def _load(path: Path, name: str, together: Sequence[str]) -> NDArray[Any]:
    """Return the variable ``name`` of a file once all of ``together`` can be read."""
    try:
        content = scipy.io.loadmat(path, variable_names=list(together))
    except NotImplementedError as error:
        raise DataError(
            f"{path} is a MATLAB file of version 7.3, which scipy does not read; save it as "
            "version 7 (save -v7)."
        ) from error
    # scipy raises almost anything on damaged files: zlib, struct, type and index errors among them
    except Exception as error:
        raise unreadable(path, "a MATLAB file", error) from error
    if name not in content:
        raise DataError(
            f"{path} has no variable '{name}'; expected 'msi' and 'label'. Put the file of the "
            "archive in its place."
        )
    array: NDArray[Any] = np.asarray(content[name])
    if array.dtype.kind not in "iufb":
        raise DataError(f"{path}: '{name}' is {array.dtype}; expected numbers.")
    return array
