"""One file of a student in a process of its own: how long it takes, and how much memory.

Started as a script, ``python child.py``, with its task as JSON on stdin; the answer is JSON on
stdout. For ONNX it imports onnxruntime and numpy alone, as a device would.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def peak_memory() -> tuple[int | None, str]:
    """The largest resident memory of this process so far, in bytes, and how it was found out.

    ``getrusage`` would also count the process that started this one: Linux hands its peak on.
    """
    try:
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1]), "VmHWM of /proc/self/status"
    except OSError:
        pass
    try:
        import resource
    except ImportError:  # Windows
        return None, "not measured on this system"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Bytes on macOS, kilobytes elsewhere.
    return peak * (1 if sys.platform == "darwin" else 1024), "ru_maxrss of getrusage"


def measure(task: dict[str, Any]) -> dict[str, Any]:
    """Run one file.

    Args:
        task: ``runtime`` (``"torch"`` or ``"onnx"``), ``path``, ``image`` (a file of NumPy),
            ``threads``, ``warmup`` and ``runs``; for torch also ``trust`` and ``half``.

    Returns:
        ``seconds`` of each run, ``load_seconds``, ``memory`` after the imports and ``peak``, in
        bytes, and how they were found out.
    """
    import numpy as np

    prepare = _torch(task) if task["runtime"] == "torch" else _onnx(task)
    image = np.load(task["image"], allow_pickle=False)
    before, how = peak_memory()
    began = time.perf_counter()
    run = prepare(image)
    loaded = time.perf_counter() - began
    for _ in range(task["warmup"]):
        run()
    seconds = []
    for _ in range(task["runs"]):
        began = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - began)
    peak, _ = peak_memory()
    return {
        "seconds": seconds, "load_seconds": loaded, "memory": before, "peak": peak, "how": how,
    }  # fmt: skip


def _torch(task: dict[str, Any]) -> Callable[[Any], Callable[[], Any]]:
    import torch

    from ackd.export.graph import StudentGraph
    from ackd.export.torch_files import halved, whole
    from ackd.students import load_student

    torch.set_num_threads(task["threads"])

    def prepare(image: Any) -> Callable[[], Any]:
        student = load_student(task["path"], trust=tuple(task["trust"]))
        if task["half"]:
            state = student.network.state_dict()
            student.network.load_state_dict({n: whole(halved(v)) for n, v in state.items()})
        graph, given = StudentGraph(student).eval(), torch.from_numpy(image)

        def run() -> None:
            with torch.inference_mode():
                graph(given)

        return run

    return prepare


def _onnx(task: dict[str, Any]) -> Callable[[Any], Callable[[], Any]]:
    import onnxruntime

    def prepare(image: Any) -> Callable[[], Any]:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = task["threads"]
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(
            task["path"], options, providers=["CPUExecutionProvider"]
        )
        name = session.get_inputs()[0].name
        return lambda: session.run(None, {name: image})

    return prepare


if __name__ == "__main__":
    print(json.dumps(measure(json.load(sys.stdin))))
