"""A segmentation network that is written down layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from ackd.segmentation.base import FIN, MID, SegmentationNetwork

__all__ = ["IMAGES", "LayeredNetwork"]

IMAGES = "images"
"""The source of a layer that reads the images."""

PARTS = "parts"


class LayeredNetwork(SegmentationNetwork):
    """One module for each layer, and the names of what it reads.

    ::

        LayeredNetwork(
            {
                "e1": (first, ["images"]),
                "mid": (second, ["e1"]),
                "d1": (upwards, ["mid", "e1"]),  # called as upwards(mid, e1)
                "fin": (head, ["d1"]),
            },
            bands=4, channels=1, stride=2,
        )

    Args:
        parts: Layer -> its module, and the layers (or the images) that it is called with, in order
            of depth. A module that reads features and images gets the images last, and joins them
            to the features as the last channels.
        bands: Of the images.
        channels: K, of the logits.
        stride: Sides of images have to be divisible by it.

    Raises:
        ValueError: A layer reads one that does not come before it, or ``mid`` or ``fin`` is
            missing.
    """

    def __init__(
        self,
        parts: Mapping[str, tuple[nn.Module, Sequence[str]]],
        bands: int,
        channels: int,
        stride: int,
    ) -> None:
        super().__init__(bands, channels, stride, tuple(parts))
        self.sources = {name: tuple(sources) for name, (_, sources) in parts.items()}
        self.parts = nn.ModuleDict({name: module for name, (module, _) in parts.items()})
        self._require_order()

    def modules_of(self, layer: str) -> Sequence[nn.Module]:
        """The module of a layer."""
        return (self.parts[layer],)

    def run(self, images: Tensor, layers: Sequence[str]) -> Mapping[str, Tensor]:
        """Compute the layers, and those that they read."""
        needed = self._needed(layers)
        found = {IMAGES: images}
        for name in self.layers:
            if name in needed:
                found[name] = self.parts[name](*(found[source] for source in self.sources[name]))
        return found

    def bands_begin(self, parameter: str, inputs: int) -> int | None:
        """Where the bands begin among the inputs of a convolution of this network."""
        layer = parameter.removeprefix(f"{PARTS}.").partition(".")[0]
        sources = self.sources.get(layer, ())
        if IMAGES not in sources or (sources == (IMAGES,) and inputs != self.bands):
            return None
        return inputs - self.bands

    def _needed(self, layers: Sequence[str]) -> set[str]:
        needed = set(layers)
        for name in reversed(self.layers):
            if name in needed:
                needed.update(self.sources[name])
        return needed

    def _require_order(self) -> None:
        known = {IMAGES}
        for name, sources in self.sources.items():
            late = [source for source in sources if source not in known]
            if late:
                raise ValueError(
                    f"The layer {name} reads {', '.join(late)}, which does not come before it; "
                    "give layers in order of depth."
                )
            known.add(name)
        for name in (MID, FIN):
            if name not in known:
                raise ValueError(
                    f"There is no layer {name} among {', '.join(self.layers)}; the output of the "
                    f"encoder is called {MID}, and the logits are called {FIN}."
                )
