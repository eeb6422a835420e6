"""Asymmetric cross-modal knowledge distillation for remote sensing."""

__version__ = "0.1.0"
