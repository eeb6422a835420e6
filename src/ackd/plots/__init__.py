"""Pictures of a benchmark: functions from data to a matplotlib figure (extra ``notebooks``)."""

from ackd.plots.asymmetry import pair_asymmetry
from ackd.plots.composites import Composite, infrared, true_colour
from ackd.plots.counts import counts
from ackd.plots.png import png
from ackd.plots.sheets import contact_sheet, example_pairs
from ackd.plots.spectra import spectra

__all__ = [
    "Composite",
    "contact_sheet",
    "counts",
    "example_pairs",
    "infrared",
    "pair_asymmetry",
    "png",
    "spectra",
    "true_colour",
]
