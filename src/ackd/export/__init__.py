"""Trained students for other programs and devices: ``python -m ackd.export``.

`graph` is what is exported, `about` what a file says of itself. `onnx_file`, `quantise` and
`torch_files` make the formats; `samples` and `of_run` find images to calibrate with and to compare
on, `compare` holds a file against its student, and `build` writes it with its `card`.

What is used from Python is imported when it is asked for: ``--help`` needs no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ackd.utils.targets import lazily

if TYPE_CHECKING:
    from ackd.export.build import Exported, export_student
    from ackd.export.samples import Sample, Samples, from_folder

__all__ = ["Exported", "Sample", "Samples", "export_student", "from_folder"]

__getattr__ = lazily(
    __name__, {"build": "Exported export_student", "samples": "Sample Samples from_folder"}
)
