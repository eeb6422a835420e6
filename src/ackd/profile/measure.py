"""The device budget of a student: size, work, time, memory, and what quantization costs."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

import ackd
from ackd import __version__
from ackd.errors import AckdError, ConfigError, DataError
from ackd.export.about import about_file, plain
from ackd.export.build import TOLERANCES
from ackd.export.compare import Agreement, Run, compare, run_graph
from ackd.export.extra import EXTRA, has_onnx
from ackd.export.graph import AnyStudent, StudentGraph, example, static_size
from ackd.export.onnx_file import onnx_session, run_session, serialized, to_onnx
from ackd.export.quantise import half_weights, to_int8
from ackd.export.samples import Samples, drawn
from ackd.export.torch_files import halved, safetensors_bytes, whole
from ackd.profile import child
from ackd.profile.count import count
from ackd.students import SegmentationStudent

__all__ = ["Profile", "Variant", "profile_size", "profile_student"]

#: Images that are drawn to compare on where there are none.
_DRAWN: Final = 8
_TIMEOUT: Final = 3600


@dataclass(frozen=True)
class Variant:
    """One way to run a student.

    Attributes:
        runtime: ``"torch"`` or ``"onnx"``.
        weights: ``"float32"``, ``"fp16"`` or ``"int8"``.
        file_bytes: Of its file: student.pt, safetensors or onnx.
        p50: Median time of a run at batch 1, in seconds.
        p95: 95th percentile of it.
        load: Time to read the file, in seconds.
        peak_memory: Of the process at its peak, in bytes; None where that cannot be measured.
        own_memory: The same without what the process had after its imports.
        agreement: With the student in torch and float32; None of this one itself.
    """

    runtime: str
    weights: str
    file_bytes: int
    p50: float
    p95: float
    load: float
    peak_memory: int | None
    own_memory: int | None
    agreement: Agreement | None


@dataclass(frozen=True)
class Profile:
    """All of them.

    Attributes:
        student: What it is.
        size: (H, W) of the image.
        parameters: Of the network.
        multiply_adds: For one image.
        threads: That computed.
        warmup: Runs before the first that counts.
        runs: That count, of each variant.
        memory_how: How memory was measured.
        machine: What it ran on.
        compared_on: Images that variants were compared on.
        metrics: Of the student itself on these, where they have labels.
        variants: In the order of the table.
        missing: Why variants are not there, a sentence each.
        versions: Of what computed.
    """

    student: str
    size: tuple[int, int]
    parameters: int
    multiply_adds: int
    threads: int
    warmup: int
    runs: int
    memory_how: str
    machine: str
    compared_on: str
    metrics: dict[str, float | None] | None
    variants: tuple[Variant, ...]
    missing: tuple[str, ...]
    versions: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """Plain values; times in seconds, memory in bytes."""
        found: dict[str, Any] = plain(asdict(self))
        return found


def profile_student(
    student: AnyStudent,
    *,
    size: tuple[int, int] | None = None,
    threads: int | None = None,
    warmup: int = 10,
    runs: int = 100,
    calibrate: Samples | None = None,
    data: Samples | None = None,
    trust: Sequence[str] = (),
    progress: Callable[[int, int], None] | None = None,
) -> Profile:
    """Measure what a student costs at batch 1 on this machine's processor.

    Each variant runs in a process of its own, which does nothing else. Variants of ONNX need the
    extra ``export``, and int8 also training images.

    Args:
        student: Of :func:`ackd.load_student`; its file is read again by the processes.
        size: (H, W) of the image; that of training where None.
        threads: That compute; as many as torch takes where None.
        warmup: Runs before the first that counts.
        runs: That count.
        calibrate: Training images for int8; it is left out where None.
        data: Images that variants are compared on, with labels or without; drawn where None.
        trust: As in :func:`ackd.load_student`.
        progress: Called with how many variants are done, of how many.

    Returns:
        The profile.

    Raises:
        ConfigError: An option cannot be.
        DataError: A variant cannot be made, or says other things than the student.
    """
    for name, value, least in (("--runs", runs, 1), ("--warmup", warmup, 0)):
        if value < least:
            raise ConfigError(f"{name} {value}; expected {least} or more.")
    threads = torch.get_num_threads() if threads is None else threads
    if threads < 1:
        raise ConfigError(f"--threads {threads}; expected 1 or more.")
    shape = profile_size(student, size)
    samples = data or drawn(student, _DRAWN)
    counts = count(student, shape)
    wanted, missing = _wanted(calibrate)
    variants: list[Variant] = []
    how = ""
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "image.npy"
        np.save(image, example(student, shape)[:1].numpy())
        task = {
            "image": str(image), "threads": threads, "warmup": warmup, "runs": runs,
            "trust": list(trust),
        }  # fmt: skip
        metrics: dict[str, float | None] | None = None
        files = _Files(student, Path(folder), calibrate, threads)
        for done, (runtime, weights) in enumerate(wanted):
            if progress is not None:
                progress(done, len(wanted))
            half = weights == "fp16"
            try:
                path, length, run = files.make(runtime, weights)
                found = _started(task | {"runtime": runtime, "path": str(path), "half": half})
                agreement = compare(student, _torch_run(student, half=False), run, samples)
                tolerance = TOLERANCES.get(None if weights == "float32" else weights)
                if tolerance is not None:
                    tolerance.require(agreement, f"{runtime} {weights} variant")
            except DataError as error:
                if runtime == "torch":
                    raise
                missing.append(f"{runtime} {weights}: {error}")
                continue
            how, metrics = found["how"], agreement.before
            variants.append(_variant(runtime, weights, length, found, agreement))
        if progress is not None:
            progress(len(wanted), len(wanted))
    return Profile(
        repr(student), shape, counts.parameters, counts.multiply_adds, threads, warmup, runs, how,
        _machine(), samples.told(), metrics, tuple(variants), tuple(missing), _versions(),
    )  # fmt: skip


def profile_size(student: AnyStudent, asked: tuple[int, int] | None) -> tuple[int, int]:
    """(H, W) of the image.

    Raises:
        ConfigError: It cannot be.
    """
    if asked is None and isinstance(student, SegmentationStudent) and student.size is None:
        side = -(-256 // student.stride) * student.stride
        return side, side
    return static_size(student, asked)


def _wanted(calibrate: Samples | None) -> tuple[list[tuple[str, str]], list[str]]:
    wanted = [("torch", "float32"), ("torch", "fp16")]
    missing = ["torch int8: torch has no quantization of its own left; see onnx int8."]
    if not has_onnx():
        missing.append(f"onnx: {', '.join(EXTRA)} are needed (pip install 'ackd[export]').")
        return wanted, missing
    wanted += [("onnx", "float32"), ("onnx", "fp16")]
    if calibrate is None:
        missing.append("onnx int8: it needs training images (--calibrate DIR).")
    else:
        wanted.append(("onnx", "int8"))
    return wanted, missing


class _Files:
    """Makes the files of variants.

    Args:
        student: Whose.
        folder: Where they go.
        calibrate: Training images for int8.
        threads: That compute.
    """

    def __init__(
        self, student: AnyStudent, folder: Path, calibrate: Samples | None, threads: int
    ) -> None:
        self.student = student
        self.folder = folder
        self.calibrate = calibrate
        self.threads = threads
        self._model: Any = None

    def make(self, runtime: str, weights: str) -> tuple[Path, int, Run]:
        """What a process reads, the bytes of its file, and the same in this process.

        Raises:
            DataError: There is no such file of this network.
        """
        student, half = self.student, weights == "fp16"
        if runtime == "torch":
            length = student.path.stat().st_size
            if half:
                about = about_file(student, format="safetensors", quantize="fp16", static=None)
                length = len(safetensors_bytes(student, about, quantize="fp16"))
            return student.path, length, _torch_run(student, half=half)
        if self._model is None:
            self._model = to_onnx(student)
        model = self._model
        if weights == "int8":
            assert self.calibrate is not None
            model = to_int8(model, student, self.calibrate, None)
        elif half:
            model = half_weights(model)
        quantize = None if weights == "float32" else weights
        about = about_file(student, format="onnx", quantize=quantize, static=None)
        content = serialized(model, about)
        path = self.folder / f"{weights}.onnx"
        path.write_bytes(content)
        return path, len(content), run_session(onnx_session(content, self.threads))


def _torch_run(student: AnyStudent, *, half: bool) -> Run:
    graph = StudentGraph(student).eval()
    if not half:
        return run_graph(graph)
    state = student.network.state_dict()
    rounded = {f"network.{name}": whole(halved(value)) for name, value in state.items()}

    def run(pixels: Any) -> Any:
        with torch.inference_mode():
            given = (torch.from_numpy(pixels),)
            return torch.func.functional_call(graph, rounded, given)[0].numpy()

    return run


def _started(task: dict[str, Any]) -> dict[str, Any]:
    """Run one variant in a process of its own.

    Raises:
        AckdError: It did not come to an end.
    """
    source = str(Path(ackd.__file__).parents[1])
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import runpy; "
        "runpy.run_path(sys.argv[2], run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, source, str(Path(child.__file__))],
        input=json.dumps(task), capture_output=True, text=True, timeout=_TIMEOUT, check=False,
    )  # fmt: skip
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise AckdError(
            f"The process that runs {task['path']} with {task['runtime']} ended with "
            f"{done.returncode}: {last}"
        )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _variant(
    runtime: str, weights: str, size: int, found: dict[str, Any], agreement: Agreement | None
) -> Variant:
    p50, p95 = np.percentile(found["seconds"], [50, 95]).tolist()
    peak, before = found["peak"], found["memory"]
    own = None if peak is None or before is None else peak - before
    itself = (runtime, weights) == ("torch", "float32")
    return Variant(
        runtime, weights, size, p50, p95, found["load_seconds"], peak, own,
        None if itself else agreement,
    )  # fmt: skip


def _machine() -> str:
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        model = names[0] if names else model
    except OSError:
        pass
    return f"{model}, {platform.system()}"


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    names = ["torch", *(["onnxruntime"] if has_onnx() else [])]
    return {"ackd": __version__, "python": platform.python_version()} | {
        name: version(name) for name in names
    }
