"""Asymmetric cross-modal knowledge distillation for remote sensing.

What is used from Python is imported when it is asked for, so that ``import ackd`` takes no time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ackd.utils.targets import lazily

if TYPE_CHECKING:
    from ackd.students import load_student

__all__ = ["__version__", "load_student"]

__version__ = "0.1.0"

__getattr__ = lazily(__name__, {"students": "load_student"})
