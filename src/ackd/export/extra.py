"""The libraries of the extra ``export``, asked for when they are needed."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

from ackd.errors import ConfigError

__all__ = ["EXTRA", "has_onnx", "require_onnx"]

EXTRA: Final = ("onnx", "onnxscript", "onnxruntime")


def has_onnx() -> bool:
    """Whether all of the extra is installed."""
    return all(find_spec(name) is not None for name in EXTRA)


def require_onnx(what: str) -> tuple[Any, Any]:
    """Import what ONNX needs.

    Args:
        what: That needs it, a subject for the message, e.g. ``"--format onnx"``.

    Returns:
        The modules onnx and onnxruntime.

    Raises:
        ConfigError: One of them is not installed, or cannot be imported.
    """
    missing = [name for name in EXTRA if find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"{what} needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not "
            "installed: pip install 'ackd[export]'. --format pt2 and --format safetensors need "
            "nothing else."
        )
    try:
        return import_module("onnx"), import_module("onnxruntime")
    except ImportError as error:
        raise ConfigError(
            f"{what} needs onnx and onnxruntime, and they cannot be imported ({error}); install "
            "them again: pip install --force-reinstall 'ackd[export]'."
        ) from error
