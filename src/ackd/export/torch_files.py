"""A student as a saved program of torch (pt2), or as bare weights (safetensors)."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save
from torch import Tensor, nn
from torch.func import functional_call

from ackd.errors import DataError
from ackd.export.about import KEY, as_text
from ackd.export.compare import Run
from ackd.export.graph import AnyStudent, StudentGraph, dynamic_shapes, example

__all__ = ["EXTRA_FILE", "HalfGraph", "pt2_bytes", "run_pt2", "safetensors_bytes"]

#: In a pt2 file, with what :func:`ackd.export.about.about_file` says.
EXTRA_FILE: Final = f"{KEY}.json"

Quantize = Literal["int8", "fp16"] | None


class HalfGraph(nn.Module):
    """A graph whose weights are stored in half precision, and become float32 before they are used.

    Args:
        graph: It stays as it is.
    """

    def __init__(self, graph: StudentGraph) -> None:
        super().__init__()
        self.graph = [graph]  # in a list: its float32 weights are not to be stored as well
        self.names: dict[str, str] = {}
        for number, (name, value) in enumerate(graph.network.state_dict().items()):
            self.names[name] = f"weight_{number}"
            self.register_buffer(f"weight_{number}", halved(value))

    def forward(self, image: Tensor) -> Any:
        """As :class:`StudentGraph`."""
        weights = {f"network.{name}": whole(getattr(self, own)) for name, own in self.names.items()}
        return functional_call(self.graph[0], weights, (image,))


def halved(value: Tensor) -> Tensor:
    """In half precision, if it is float32, more than a scalar, and no number is beyond 65504."""
    fits = value.dtype == torch.float32 and value.ndim > 0
    if fits and bool((value.abs() <= torch.finfo(torch.float16).max).all()):
        return value.detach().half()
    return value.detach().clone()


def whole(value: Tensor) -> Tensor:
    """In float32 where it is in half precision."""
    return value.float() if value.dtype == torch.float16 else value


def pt2_bytes(
    student: AnyStudent,
    about: Mapping[str, Any],
    *,
    quantize: Quantize,
    static: tuple[int, int] | None,
) -> bytes:
    """A file of :func:`torch.export.save`; :func:`torch.export.load` reads it without ackd.

    Args:
        student: Whose.
        about: What the file says of itself.
        quantize: ``"fp16"`` or None.
        static: (H, W) of a program for one image of this size; None for any batch, and for any
            size that the stride divides where a student takes any.

    Raises:
        DataError: The network does something that torch cannot export.
    """
    graph: nn.Module = StudentGraph(student).eval()
    device = student.device
    try:
        student.to("cpu")
        if quantize == "fp16":
            assert isinstance(graph, StudentGraph)
            graph = HalfGraph(graph).eval()
        with torch.no_grad():
            program = torch.export.export(
                graph,
                (example(student, static),),
                dynamic_shapes=None if static else dynamic_shapes(student),
            )
        for node in program.graph.nodes:
            # Where in the code an operator comes from: it names folders of this machine.
            node.meta.pop("stack_trace", None)
        file = io.BytesIO()
        torch.export.save(program, file, extra_files={EXTRA_FILE: as_text(about)})
    except Exception as error:
        # torch.export has errors of every kind.
        said = " ".join(str(error).split())[:300]
        raise DataError(
            f"The network of {student.path} cannot be exported by torch ({type(error).__name__}: "
            f"{said}). Try --static, or --format safetensors."
        ) from error
    finally:
        student.to(device)
    return file.getvalue()


def run_pt2(content: bytes) -> Run:
    """Read a file of :func:`pt2_bytes` again and let it compute the logits."""
    program: Any = torch.export.load(io.BytesIO(content)).module()

    def run(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            logits, _ = program(torch.from_numpy(pixels))
        found: NDArray[np.float32] = logits.float().numpy()
        return found

    return run


def safetensors_bytes(
    student: AnyStudent, about: Mapping[str, Any], *, quantize: Quantize
) -> bytes:
    """The weights of the bare network by the names of ``student.network.state_dict()``."""
    tensors = {
        name: (halved(value) if quantize == "fp16" else value.detach()).cpu().clone().contiguous()
        for name, value in student.network.state_dict().items()
    }
    return save(tensors, metadata={KEY: as_text(about)})
