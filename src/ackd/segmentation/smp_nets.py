"""Any network of segmentation_models_pytorch, listened to at its encoder's and decoder's stages."""

from __future__ import annotations

import copy
import inspect
import logging
from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import Any

import timm
import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from ackd.errors import ConfigError, did_you_mean, unknown
from ackd.segmentation.base import FIN, MID, FrozenNorm, SegmentationNetwork
from ackd.segmentation.transfer import INSTEAD
from ackd.utils.weights import fit_tensors, mean_over_bands, weights_unreachable

__all__ = ["SmpNetwork", "has_imagenet"]

log = logging.getLogger("ackd")

DECODERS: Mapping[str, tuple[str, ...]] = {
    "unet": ("blocks.*",),
    "manet": ("blocks.*",),
    "linknet": ("blocks.*",),
    "fpn": ("p5", "p4", "p3", "p2", "dropout"),
    "pspnet": ("psp", "conv"),
    "deeplabv3": ("0", "3"),
    "deeplabv3plus": ("aspp", "block2"),
    "pan": ("fpa", "gau3", "gau2", "gau1"),
    "upernet": ("psp", "fusion_block"),
}
"""Modules of decoders whose outputs are ``d1``, ``d2``, ...; ``*`` stands for all of a list. A
decoder that is not named here is one layer."""

FILLED = {
    "encoder_name": "encoder", "encoder_weights": "weights", "in_channels": "bands",
    "classes": "classes", "activation": "", "aux_params": "",
}  # fmt: skip
TIMM = "tu-"
IMAGENET = "imagenet"
TRIAL_STRIDES = 2


class SmpNetwork(SegmentationNetwork):
    """A network of segmentation_models_pytorch.

    Layers ``e1``, ``e2``, ... and ``mid`` are what its encoder gives at strides 2, 4, ...; a stage
    that an encoder does not have (transformers begin with a stride of 4) is left out of the names.
    ``d1``, ``d2``, ... are outputs of the decoder's blocks, as :data:`DECODERS` names them, and
    ``fin`` is the head. Encoders come from many places and cannot be divided into stages: all of
    their parameters belong to ``mid``, so that the encoder is trained or frozen as a whole.

    Parameters that no output depends on (stages of an encoder that the decoder does not read) are
    never trained: training on several devices waits for the gradients of all that are.

    Args:
        model: That the library built, without an activation and without a second head.
        arch: Its name in lower case.
        bands: Of the images.
        channels: K, of the logits.
    """

    def __init__(self, model: nn.Module, arch: str, bands: int, channels: int) -> None:
        parts: Any = model
        stages = [i for i, width in enumerate(parts.encoder.out_channels) if i and width]
        taps = _taps(parts.decoder, DECODERS.get(arch, ()))
        blocks = [f"d{i}" for i in range(1, max(len(taps), 1) + 1)]
        names = [*(f"e{i}" for i in stages[:-1]), MID, *blocks, FIN]
        super().__init__(bands, channels, int(parts.encoder.output_stride), names)
        self.model = model
        self._stages = dict(zip(names, stages, strict=False))
        self._last_block = blocks[-1]
        self._heard: dict[str, Tensor] = {}
        for name, tap in zip(blocks, taps, strict=False):
            # A bound method, so that a deep copy hears itself.
            parts.decoder.get_submodule(tap).register_forward_hook(partial(self._hear, name))
        for module in parts.decoder.modules():
            if isinstance(module, _DropoutNd):
                module.inplace = False  # it would change what was heard
        self._modules_of = _share_out(parts.decoder, dict(zip(taps, blocks, strict=False)), blocks)
        self._idle: tuple[str, ...] = ()
        self._idle = self._unreached()
        self._leave_idle()

    @classmethod
    def create(
        cls,
        bands: int,
        channels: int,
        *,
        arch: str = "unet",
        encoder: str = "mobilenet_v2",
        imagenet: bool = False,
        **options: Any,
    ) -> SmpNetwork:
        """Build a network by the library's names.

        Args:
            bands: Of the images.
            channels: K, of the logits.
            arch: ``"unet"``, ``"deeplabv3plus"``, ``"segformer"``, ...
            encoder: ``"resnet34"``, ``"mit_b0"``, ...; ``"tu-NAME"`` is any network of timm.
            imagenet: Start the encoder from the library's ImageNet weights. Convolutions that read
                the images are the mean over their three inputs, times 3 / bands.
            **options: Of the library's class, e.g. ``encoder_depth`` or ``decoder_channels``.

        Raises:
            ConfigError: A name or an option is unknown, the library refuses the combination, or the
                weights do not exist or cannot be reached.
        """
        build = _architecture(arch)
        _check_encoder(encoder)
        _check_options(build, encoder, options)
        if imagenet and not has_imagenet(encoder):
            raise ConfigError(
                f"weights=imagenet: the encoder {encoder} has no ImageNet weights. Choose another "
                "encoder (network.encoder), leave weights out, or give a file (weights=FILE)."
            )
        try:
            model = build(
                encoder_name=encoder, encoder_weights=None, in_channels=bands, classes=channels,
                **options,
            )  # fmt: skip
        except Exception as error:
            # Whatever a constructor raises is about this combination.
            said = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ConfigError(
                f"segmentation_models_pytorch does not build {arch} with the encoder {encoder}"
                f"{_listed(options)}: {said} Choose another encoder (network.encoder) or another "
                "architecture (network.arch)."
            ) from error
        if imagenet:
            _start_encoder(model.encoder, encoder, bands)
        return cls(model, arch.lower(), bands, channels)

    def modules_of(self, layer: str) -> Sequence[nn.Module]:
        """The encoder for ``mid``, the head for ``fin``, blocks of the decoder, else nothing."""
        model: Any = self.model
        if layer == MID:
            return (model.encoder,)
        if layer == FIN:
            return (model.segmentation_head,)
        return [self.model.get_submodule(name) for name in self._modules_of.get(layer, ())]

    def run(self, images: Tensor, layers: Sequence[str]) -> Mapping[str, Tensor]:
        """Compute the encoder, and the decoder where one of its layers is asked for."""
        model: Any = self.model
        stages = model.encoder(images)
        found = {name: stages[place] for name, place in self._stages.items()}
        if all(name in found for name in layers):
            return found
        self._heard.clear()
        decoded = model.decoder(stages)
        found |= self._heard
        self._heard.clear()
        found.setdefault(self._last_block, decoded)
        if FIN in layers:
            found[FIN] = model.segmentation_head(decoded)
            self._require_size(found[FIN], images)
        return found

    def train_only(self, layers: Any, frozen_norm: FrozenNorm = "keep") -> None:
        """Freeze everything but some layers; see :meth:`SegmentationNetwork.train_only`."""
        super().train_only(layers, frozen_norm)
        self._leave_idle()

    def _hear(self, name: str, module: nn.Module, inputs: Any, output: Tensor) -> None:
        self._heard[name] = output

    def _require_size(self, logits: Tensor, images: Tensor) -> None:
        if logits.shape[2:] != images.shape[2:]:
            raise ConfigError(
                f"{type(self.model).__name__} gives logits of {logits.shape[2]} x "
                f"{logits.shape[3]} for images of {images.shape[2]} x {images.shape[3]}; set "
                "network.upsampling to the stride at which its decoder ends."
            )

    def _leave_idle(self) -> None:
        for name in self._idle:
            self.get_parameter(name).requires_grad_(False)

    def _unreached(self) -> tuple[str, ...]:
        """Names of the parameters that neither a layer nor the logits depend on."""
        side = TRIAL_STRIDES * self.stride
        for device in ("meta", "cpu"):  # a few networks compute with values that meta lacks
            try:
                trial = copy.deepcopy(self).eval().to(device)
                images = torch.zeros(1, self.bands, side, side, device=device)
                found = trial.run(images, trial.layers)
            except ConfigError:
                raise
            except Exception:
                # Whatever it raises about black images, a real batch tells in its own words.
                log.debug("no trial on %s at %d px", device, side, exc_info=True)
                continue
            total = torch.stack([found[name].float().sum() for name in trial.layers]).sum()
            names, parameters = zip(*trial.named_parameters(), strict=True)
            reached = torch.autograd.grad(total, parameters, allow_unused=True)
            return tuple(n for n, gradient in zip(names, reached, strict=True) if gradient is None)
        return ()


def _taps(decoder: nn.Module, wanted: Sequence[str]) -> list[str]:
    """Names of the decoder's modules that are listened to, if it has all of them."""
    known = dict(decoder.named_modules())
    taps: list[str] = []
    for name in wanted:
        whole = name.removesuffix(".*")
        if whole not in known:
            return []  # another version of the library
        inner = [f"{whole}.{child}" for child, _ in known[whole].named_children()]
        taps += inner if name.endswith(".*") else [name]
    return taps


def _share_out(
    decoder: nn.Module, taps: Mapping[str, str], blocks: Sequence[str]
) -> dict[str, list[str]]:
    """Layer -> modules of the decoder; what stands before a tap belongs to its layer."""
    shares: dict[str, list[str]] = {block: [] for block in blocks}
    lists = {tap.rpartition(".")[0] for tap in taps} - {""}
    waiting: list[str] = []
    last = blocks[-1]
    names = []
    for name, child in decoder.named_children():
        names += [f"{name}.{n}" for n, _ in child.named_children()] if name in lists else [name]
    for name in names:
        waiting.append(f"decoder.{name}")
        if name in taps:
            shares[taps[name]] += waiting
            waiting = []
    shares[last] += waiting
    return shares


@cache
def _library() -> Any:
    """The library itself, late: it takes a second that only its own networks need wait for."""
    import segmentation_models_pytorch

    return segmentation_models_pytorch


def _architecture(arch: str) -> Any:
    # DPT's decoder reads the class token of a vision transformer beside the features.
    known = {n: b for n, b in _library().MODEL_ARCHITECTURES_MAPPING.items() if n != "dpt"}
    name = arch.lower()
    if name == "dpt":
        raise ConfigError(
            "network.arch=dpt is not served: its decoder reads tokens of a vision transformer "
            f"beside the features. Choose one of {', '.join(known)}."
        )
    if name not in known:
        raise unknown("architecture", arch, known, "network.arch")
    return known[name]


def _check_encoder(name: str) -> None:
    own = _library().encoders.get_encoder_names()
    if name in own or (name.startswith(TIMM) and timm.is_model(name.removeprefix(TIMM))):
        return
    names = [TIMM + n for n in timm.list_models()] if name.startswith(TIMM) else own
    instead = f" It is a network of timm: write {TIMM}{name}." if timm.is_model(name) else ""
    raise ConfigError(
        f"segmentation_models_pytorch has no encoder '{name}' (network.encoder={name})."
        f"{instead or did_you_mean(name, names)} Known: {', '.join(own)}, and {TIMM}NAME for any "
        "network of timm with features."
    )


def _check_options(build: Any, encoder: str, options: Mapping[str, Any]) -> None:
    parameters = inspect.signature(build.__init__).parameters.values()
    known = [p.name for p in parameters if p.kind is not p.VAR_KEYWORD and p.name != "self"]
    for name in options:
        if name in FILLED:
            instead = f"; see {FILLED[name]}" if FILLED[name] else ""
            raise ConfigError(f"network.{name} is filled in by ackd itself{instead}.")
        if name not in known and not encoder.startswith(TIMM):  # timm's encoders have their own
            mine = ["arch", "encoder", *(n for n in known if n not in FILLED)]
            raise ConfigError(
                f"network.{name} is no option of {build.__name__} with the encoder {encoder}."
                f"{did_you_mean(name, mine, 'network.{}')} Known: {', '.join(mine)}."
            )


def has_imagenet(name: str) -> bool:
    """Whether the library has ImageNet weights of an encoder; nothing is downloaded."""
    if name.startswith(TIMM):
        return bool(timm.models.is_model_pretrained(name.removeprefix(TIMM)))
    return IMAGENET in _library().encoders.encoders[name]["pretrained_settings"]


def _start_encoder(encoder: nn.Module, name: str, bands: int) -> None:
    """Copy the library's ImageNet weights into an encoder."""
    weights: Any = True if name.startswith(TIMM) else IMAGENET
    depth = len(encoder.out_channels) - 1  # type: ignore[arg-type]
    get = _library().encoders.get_encoder
    try:
        published = get(name, in_channels=3, depth=depth, weights=weights)
    except Exception as error:
        # The libraries that load have many errors for one thing.
        raise weights_unreachable(f"the encoder {name}", error, INSTEAD) from error

    def adapt(tensor_name: str, given: Tensor, own: Tensor) -> Tensor | None:
        if given.ndim != 4 or given.shape[1] != 3:
            return None
        made = mean_over_bands(given, bands)
        return made if made.shape == own.shape else None

    fit = fit_tensors(encoder.state_dict(), published.state_dict(), adapt)
    nn.Module.load_state_dict(encoder, dict(fit.loaded), strict=False)
    fit.tell(f"ImageNet weights of {name}")


def _listed(options: Mapping[str, Any]) -> str:
    return "".join(f", {name}={value}" for name, value in options.items())
