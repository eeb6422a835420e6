"""A dashboard never ends a run: whatever goes wrong with one is a warning, told once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["Guarded", "lenient"]

log = logging.getLogger("ackd")

_told: set[str] = set()


@contextmanager
def lenient(dashboard: str) -> Iterator[None]:
    """Turn an error inside into a warning, the same one only once in a process.

    Args:
        dashboard: Its name, e.g. ``"W&B"``.
    """
    try:
        yield
    except Exception as error:
        said = f"{type(error).__name__}: {' '.join(str(error).split())}"
        if (key := f"{dashboard} {said}") not in _told:
            _told.add(key)
            log.warning(
                "%s could not take something (%s); the run goes on, metrics.csv has its numbers",
                dashboard, said,
            )  # fmt: skip


class Guarded:
    """A run of W&B or a writer of TensorBoard, whose methods never raise; they return None then.

    Without anything to write to, every call does nothing.
    """

    def __init__(self, target: Any, dashboard: str) -> None:
        """Guard ``target``, or stand in for one that could not be made (None)."""
        self._target = target
        self._dashboard = dashboard

    def __getattr__(self, name: str) -> Any:
        """Find an attribute; one that is called or looked into is guarded as well."""
        if self._target is None:
            return Guarded(None, self._dashboard)
        value = getattr(self._target, name)
        return self._guard(value) if callable(value) else value

    def __call__(self, *args: Any, **kwargs: Any) -> Guarded:
        """Do nothing; what can be called is handed out as a function of its own."""
        return self

    def _guard(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def called(*args: Any, **kwargs: Any) -> Any:
            with lenient(self._dashboard):
                return method(*args, **kwargs)

        return called
