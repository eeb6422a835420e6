"""Where steps, epochs and stages are computed: the processor, unless an accelerator is asked for.

As with torch's number of threads, it is chosen once for the whole process.
"""

from __future__ import annotations

import torch

__all__ = ["accelerator", "chosen", "describe", "settle", "use"]

_chosen = torch.device("cpu")


def available() -> list[str]:
    """What may be asked for on this machine."""
    found = torch.accelerator.current_accelerator(check_available=True)
    return ["cpu", *([found.type] if found is not None else [])]


def use(name: str) -> None:
    """Choose a device by torch's name for its kind, such as ``"cuda"``.

    Raises:
        ValueError: The machine has none.
    """
    global _chosen
    if name not in available():
        raise ValueError(f"--device {name} is not on this machine; it has {', '.join(available())}")
    _chosen = torch.device(name)


def chosen() -> torch.device:
    """The device in use."""
    return _chosen


def accelerator() -> str:
    """Its name for a Trainer."""
    return {"cuda": "gpu"}.get(_chosen.type, _chosen.type)


def settle() -> None:
    """Wait until it has done all that it was given."""
    if _chosen.type != "cpu":
        torch.accelerator.synchronize()


def describe() -> str:
    """What it is called."""
    return torch.cuda.get_device_name() if _chosen.type == "cuda" else _chosen.type
