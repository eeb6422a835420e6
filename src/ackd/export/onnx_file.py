"""A student as an ONNX graph, and ONNX Runtime that runs it."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from ackd.errors import DataError
from ackd.export.about import KEY, as_text
from ackd.export.compare import Run
from ackd.export.extra import require_onnx
from ackd.export.graph import INPUT, OUTPUTS, AnyStudent, StudentGraph, dynamic_shapes, example

__all__ = ["onnx_session", "run_session", "serialized", "to_onnx"]

#: What ONNX Runtime of all versions since 1.14 reads, and every converter for devices.
OPSET: Final = 18


def to_onnx(student: AnyStudent, static: tuple[int, int] | None = None) -> Any:
    """Make an ONNX model of a student with float32 weights.

    Args:
        student: Whose network goes in; it stays as it is.
        static: (H, W) for a graph of one image of this size; None for any batch, and for any size
            that the stride divides where a student takes any.

    Returns:
        An ``onnx.ModelProto`` with the input ``image`` and the outputs ``logits`` and
        ``probabilities``.

    Raises:
        ConfigError: The extra ``export`` is not installed.
        DataError: The network does something that ONNX does not know.
    """
    onnx, _ = require_onnx("ONNX")
    graph = StudentGraph(student).eval()
    device = student.device
    try:
        with _quiet():
            student.to("cpu")
            program: Any = torch.onnx.export(
                graph,
                (example(student, static),),
                input_names=[INPUT],
                output_names=list(OUTPUTS),
                opset_version=OPSET,
                dynamo=True,
                dynamic_shapes=None if static else dynamic_shapes(student),
                verbose=False,
            )
        model = _bare(program.model_proto)
        onnx.checker.check_model(model, full_check=True)
    except Exception as error:
        # The exporter and the libraries below it have errors of every kind.
        said = " ".join(str(error).split())[:300]
        raise DataError(
            f"The network of {student.path} cannot be written as ONNX ({type(error).__name__}: "
            f"{said}). Try --static, or --format pt2."
        ) from error
    finally:
        student.to(device)
    return model


def serialized(model: Any, about: Mapping[str, Any]) -> bytes:
    """The bytes of a model that says what it is."""
    onnx, _ = require_onnx("ONNX")
    onnx.helper.set_model_props(model, {KEY: as_text(about)})
    found: bytes = model.SerializeToString()
    return found


def onnx_session(model: bytes, threads: int | None = None) -> Any:
    """Let ONNX Runtime read a model, on the CPU.

    Args:
        model: A whole file.
        threads: That compute; None for as many as torch takes.

    Raises:
        DataError: It cannot read the model.
    """
    _, runtime = require_onnx("ONNX")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads or torch.get_num_threads()
    options.log_severity_level = 3
    try:
        return runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise DataError(
            f"ONNX Runtime cannot read the graph of this network ({_first(error)}). --format pt2 "
            "is a program of torch."
        ) from error


def run_session(session: Any) -> Run:
    """Let a session compute the logits; it raises DataError where the session cannot."""

    def run(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        try:
            (logits,) = session.run([OUTPUTS[0]], {INPUT: pixels})
        except Exception as error:
            # E.g. adaptive pooling, which ONNX knows for fixed sizes alone.
            count, _, height, width = pixels.shape
            raise DataError(
                f"ONNX Runtime cannot compute the graph of this network for {count} images of "
                f"{height}x{width} pixels ({_first(error)}). --static writes a graph for one size, "
                "and --format pt2 a program of torch."
            ) from error
        found: NDArray[np.float32] = np.asarray(logits, dtype=np.float32)
        return found

    return run


def _first(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _bare(model: Any) -> Any:
    """Take out where in the code each operator comes from: it names folders of this machine."""
    graph = model.graph
    for part in (*graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
    del graph.metadata_props[:]
    graph.doc_string = ""
    return model


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's diary from the user: what it warns of, the comparison finds out."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
