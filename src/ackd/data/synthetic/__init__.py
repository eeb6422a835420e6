"""Synthetic landscapes: a two-modality benchmark made on the spot, without any download."""

from ackd.data.synthetic.generate import make_synthetic, make_synthetic_twins
from ackd.data.synthetic.layouts import CLASSES

__all__ = ["CLASSES", "make_synthetic", "make_synthetic_twins"]
