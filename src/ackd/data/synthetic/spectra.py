"""Surface reflectance of common materials in the thirteen Sentinel-2 bands.

The numbers are typical values, rounded, of the kind that the USGS and ECOSTRESS spectral
libraries and Sentinel-2 surface-reflectance products show for these materials. No row is a copy
of one measured spectrum. What makes a row what it is:

* Green leaves absorb blue and red (chlorophyll), climb steeply between 665 and 783 nm (red edge)
  and fall again in the shortwave infrared, where leaf water absorbs. Conifers are darker than
  broadleaf crowns because needles shade one another.
* Dry grass has lost chlorophyll and water: in the visible it looks like soil, but cellulose and
  lignin absorb near 2.1 um, so B12 falls below B11 more than it does for soil.
* Soil rises steadily to the shortwave infrared; moisture darkens it everywhere and most of all
  in B11 and B12. Peat is dark and wet.
* Water is nearly black beyond 800 nm; sediment raises green to near infrared a little.
* Char is as dark as water or conifers in the visible, but keeps rising into the shortwave
  infrared: low near infrared with a high B12 is the classical burn signal.
* Asphalt, concrete and metal are spectrally flat; clay tiles carry the iron edge between green
  and red; green paint and artificial turf are green without a red edge.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ackd.data.sensors import SENTINEL2

__all__ = ["BANDS", "RESOLUTION", "SPECTRA", "WAVELENGTH", "Array"]

Array = NDArray[np.float32]

BANDS: Final[tuple[str, ...]] = SENTINEL2.names

WAVELENGTH: Final[Array] = np.array(
    [wavelength / 1000.0 for wavelength in SENTINEL2.wavelengths], dtype=np.float32
)
"""Centre of each band in micrometres, in the order of `BANDS`."""

RESOLUTION: Final[tuple[int, ...]] = tuple(int(band.resolution or 10) for band in SENTINEL2.bands)
"""Ground sampling of each band in metres, in the order of `BANDS`."""

_ROWS: Final[dict[str, tuple[float, ...]]] = {
    #                B01   B02   B03   B04   B05   B06   B07   B08   B8A   B09   B10   B11   B12
    "conifer":      (.018, .021, .035, .022, .055, .150, .185, .200, .212, .210, .150, .095, .042),
    "broadleaf":    (.022, .026, .052, .029, .092, .290, .375, .400, .415, .405, .310, .190, .085),
    "crop":         (.026, .032, .068, .034, .110, .340, .435, .460, .475, .460, .350, .205, .098),
    "meadow":       (.030, .038, .078, .052, .125, .270, .330, .350, .365, .355, .300, .230, .125),
    "dry_grass":    (.062, .082, .125, .165, .195, .225, .250, .270, .288, .298, .325, .345, .245),
    "dry_soil":     (.072, .092, .135, .180, .205, .222, .240, .255, .268, .280, .325, .355, .325),
    "moist_soil":   (.042, .053, .078, .108, .126, .143, .158, .170, .180, .182, .180, .215, .178),
    "peat":         (.030, .036, .048, .060, .072, .088, .100, .110, .117, .112, .070, .092, .060),
    "sand":         (.135, .165, .225, .285, .305, .325, .342, .355, .368, .372, .415, .455, .430),
    "reed":         (.026, .031, .055, .044, .085, .170, .205, .220, .230, .212, .140, .122, .060),
    "clear_water":  (.032, .036, .030, .016, .011, .008, .007, .006, .005, .004, .002, .002, .001),
    "turbid_water": (.048, .062, .088, .072, .062, .034, .034, .027, .021, .014, .005, .004, .002),
    "humic_water":  (.014, .017, .024, .024, .019, .012, .011, .009, .008, .006, .003, .003, .002),
    "char":         (.030, .033, .038, .044, .051, .059, .067, .075, .082, .088, .112, .140, .142),
    "ash":          (.088, .098, .112, .126, .134, .140, .147, .153, .158, .162, .185, .205, .205),
    "asphalt":      (.066, .073, .083, .091, .096, .101, .106, .110, .114, .117, .132, .147, .142),
    "concrete":     (.165, .188, .220, .248, .262, .272, .279, .285, .291, .295, .320, .338, .318),
    "clay_tile":    (.052, .062, .084, .165, .205, .226, .238, .250, .264, .270, .305, .342, .325),
    "metal":        (.185, .198, .215, .228, .234, .239, .244, .249, .253, .255, .268, .280, .270),
    "green_paint":  (.034, .042, .080, .050, .058, .082, .118, .145, .160, .165, .185, .195, .150),
    "plastic":      (.290, .335, .380, .402, .415, .425, .435, .442, .445, .440, .400, .375, .300),
}  # fmt: skip

SPECTRA: Final[dict[str, Array]] = {
    name: np.array(row, dtype=np.float32) for name, row in _ROWS.items()
}
"""Reflectance in [0, 1] of each material, one value a band in the order of `BANDS`."""
