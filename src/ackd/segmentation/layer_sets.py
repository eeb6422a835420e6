"""The sets of layers that Nair and Haensch reconstruct: Mid, Fin and Int."""

from __future__ import annotations

from collections.abc import Sequence

from ackd.errors import ConfigError, unknown
from ackd.segmentation.base import FIN, MID, SegmentationNetwork

__all__ = ["LAYER_SETS", "layer_set"]

INT = "int"
LAYER_SETS = (MID, FIN, INT)
ENCODER_LAYERS = 3
DECODER_LAYERS = 2


def layer_set(network: SegmentationNetwork, layers: str | Sequence[str]) -> tuple[str, ...]:
    """The names of layers that a set stands for, in order of depth.

    - ``mid``: the encoder's output.
    - ``fin``: the logits.
    - ``int``: six layers "from en- and decoder": the last two stages of the encoder before ``mid``,
      ``mid``, the first two of the decoder, and ``fin``. A network whose decoder has only one
      layer before the logits has five.

    Args:
        network: Whose layers they are.
        layers: One of these sets, or names of layers.

    Raises:
        ConfigError: There is no such set or layer, or none is named; those that exist are named.
    """
    if layers == INT:
        encoder, decoder = network.encoder_layers, network.decoder_layers
        return (*encoder[-ENCODER_LAYERS:], *decoder[:-1][:DECODER_LAYERS], FIN)
    names = [layers] if isinstance(layers, str) else list(layers)
    known = dict.fromkeys((*LAYER_SETS, *network.layers) if len(names) < 2 else network.layers)
    for name in names or [""]:
        if name == INT and len(names) > 1:
            raise ConfigError(
                f"'{INT}' is a set of layers and stands alone; beside others name its layers: "
                f"{','.join(layer_set(network, INT))}."
            )
        if name not in network.layers:
            raise unknown("layer", name, known)
    return tuple(name for name in network.layers if name in names)
