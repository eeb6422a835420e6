"""Smaller ONNX models: 8-bit integers calibrated on images, or weights of half precision."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ackd.export.extra import require_onnx
from ackd.export.graph import INPUT, AnyStudent
from ackd.export.samples import Samples, whole_strides
from ackd.students import SegmentationStudent

__all__ = ["half_weights", "to_int8"]

#: What is computed with integers. The normalization is not: it reads pixels of any range. Neither
#: are the outputs of softmax and sigmoid, whose small numbers would all become 0.
_INTEGER: Final = (
    "Conv", "ConvTranspose", "Gemm", "MatMul", "Add", "Concat", "Relu", "LeakyRelu", "Clip",
    "MaxPool", "AveragePool", "GlobalAveragePool", "Resize",
)  # fmt: skip
#: Smaller tensors are scalars and statistics; halving them saves nothing.
_SMALL: Final = 64
_HALF_MAX: Final = float(np.finfo(np.float16).max)


def to_int8(
    model: Any, student: AnyStudent, samples: Samples, static: tuple[int, int] | None
) -> Any:
    """Quantize a model statically: weights per output channel, activations per tensor.

    The ranges of activations are the smallest and largest values on the images. The graph keeps
    floating-point operators between pairs of QuantizeLinear and DequantizeLinear (QDQ), which
    runtimes fuse. Weights have 7 bits: sums of two products of 8 bits overflow in the 16-bit
    instructions of x86 machines without VNNI, so a file would say other things there than here.

    Args:
        model: Of :func:`ackd.export.onnx_file.to_onnx`.
        student: Whose.
        samples: To calibrate with: training images.
        static: As in :func:`ackd.export.onnx_file.to_onnx`.

    Returns:
        A model with the same inputs and outputs.
    """
    onnx, _ = require_onnx("int8")
    from onnxruntime.quantization import (
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quant_pre_process,
        quantize_static,
    )

    logging.getLogger("onnxruntime.quantization").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        plain, ready, done = (Path(folder) / name for name in ("plain", "ready", "done"))
        onnx.save(model, plain)
        # Folds batch normalization into convolutions, and finds the shapes in between.
        quant_pre_process(str(plain), str(ready), skip_symbolic_shape=True)
        quantize_static(
            str(ready),
            str(done),
            _Reader(student, samples, static),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(_INTEGER),
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )
        return onnx.load(done)


class _Reader:
    """Gives one image after the other to the calibration; a CalibrationDataReader."""

    def __init__(
        self, student: AnyStudent, samples: Samples, static: tuple[int, int] | None
    ) -> None:
        self._images = self._each(student, samples, static)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """The next image by the name of the input; None after the last."""
        return next(self._images, None)

    @staticmethod
    def _each(
        student: AnyStudent, samples: Samples, static: tuple[int, int] | None
    ) -> Iterator[dict[str, NDArray[np.float32]]]:
        for sample in samples.images:
            ready = sample
            if isinstance(student, SegmentationStudent):
                ready = whole_strides(sample, student.stride, static)
            yield {INPUT: ready.pixels[None]}


def half_weights(model: Any) -> Any:
    """Store weights in half precision; everything is computed in float32 as before.

    A cast stands behind each weight, which runtimes do once when they read the file: a CPU has no
    arithmetic of half precision that would be worth it, and no number can overflow. A tensor with a
    number beyond 65504 stays as it is.

    Args:
        model: Of :func:`ackd.export.onnx_file.to_onnx`; a copy is changed.
    """
    onnx, _ = require_onnx("fp16")
    found = onnx.ModelProto()
    found.CopyFrom(model)
    graph = found.graph
    casts = []
    for tensor in graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT:
            continue
        values = onnx.numpy_helper.to_array(tensor)
        if values.size < _SMALL or not (np.abs(values) <= _HALF_MAX).all():
            continue
        name = tensor.name
        half = onnx.numpy_helper.from_array(values.astype(np.float16), f"{name}_half")
        tensor.CopyFrom(half)
        casts.append(
            onnx.helper.make_node(
                "Cast", [half.name], [name], f"{name}_cast", to=onnx.TensorProto.FLOAT
            )
        )
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(found)
    return found
