"""An augmentation of the user's own, between the numbers of the files and those it expects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ackd.data.benchmark import SceneSet
from ackd.errors import ConfigError

__all__ = ["Augmentation"]

WHITE = 255.0
PER_IMAGE = "torchvision.transforms"


class Augmentation:
    """Calls the user's augmentation on a batch of training images.

    It gets float32 of about 0..1, as torchvision's and Kornia's color operations expect: RGB over
    255, MS as reflectance (1 = all light). Where nobody knows the scale of the MS numbers, 0 is a
    band's mean less two standard deviations of the training images, and 1 its mean plus two.

    An augmentation draws for each image of a batch by itself, as Kornia's do. Those of torchvision
    draw once per call, so they are called image by image. Random numbers are those of torch, NumPy
    and Python, which are seeded by run, epoch and rank.
    """

    def __init__(self, augment: Callable[..., Any], scenes: SceneSet, option: str) -> None:
        """Take the augmentation of a side.

        Args:
            augment: (B, C, H, W) to the same shape, or a transform of torchvision.
            scenes: The side, for the meaning of its numbers.
            option: Where it is chosen, e.g. ``"data.augmentation.rgb"``, for messages.
        """
        self.augment = augment
        self.option = option
        self.by_image = _draws_once(augment)
        self.shift, self.scale = _range(scenes)

    def __call__(self, images: Tensor, *maps: Tensor) -> Any:
        """Augment images, and any maps that move with them.

        Args:
            images: (B, C, H, W) float32 digital numbers, NaN where invalid.
            maps: (B, ..., H, W) whose entries move with their image, e.g. masks.

        Returns:
            The images as digital numbers; with maps a tuple of images and maps.

        Raises:
            ConfigError: The augmentation returns something else than float images of that shape,
                or cannot move maps.
        """
        if isinstance(self.augment, nn.Module):
            self.augment.to(images.device)
        shift, scale = self.shift.to(images.device), self.scale.to(images.device)
        with torch.no_grad():
            changed, *moved = self._called((images + shift) / scale, maps)
            self._require_images(changed, images)
            numbers = changed.to(torch.float32) * scale - shift
        return (numbers, *moved) if maps else numbers

    def _called(self, images: Tensor, maps: tuple[Tensor, ...]) -> tuple[Any, ...]:
        if not maps:
            if not self.by_image:
                return (self.augment(images),)
            found = [self.augment(image) for image in images]
            shapes = {tuple(image.shape) for image in found if isinstance(image, Tensor)}
            if len(shapes) != 1:
                raise self._wrong(f"images of {len(shapes)} shapes from one batch", images)
            return (torch.stack(found),)
        if not (self.by_image and type(self.augment).__module__.startswith(f"{PER_IMAGE}.v2")):
            raise ConfigError(
                f"{self.option}: labels that are maps must move with their images, which those "
                "of torchvision.transforms.v2 can do; name one of them."
            )
        from torchvision.tv_tensors import Image, Mask

        rows = [
            self.augment(Image(image), *(Mask(each[n]) for each in maps))
            for n, image in enumerate(images)
        ]
        return tuple(torch.stack([part.as_subclass(Tensor) for part in column])
                     for column in zip(*rows, strict=True))  # fmt: skip

    def _require_images(self, changed: object, images: Tensor) -> None:
        if not isinstance(changed, Tensor):
            raise self._wrong(f"a {type(changed).__name__}", images)
        if changed.shape != images.shape or not changed.is_floating_point():
            raise self._wrong(f"{tuple(changed.shape)} of {changed.dtype}", images)

    def _wrong(self, got: str, images: Tensor) -> ConfigError:
        return ConfigError(
            f"{self.option}: {type(self.augment).__name__} returned {got}, but expected is a float "
            f"tensor of the shape that it was given, {tuple(images.shape)}; an image keeps its "
            "bands and its size."
        )


def _draws_once(augment: object) -> bool:
    """Whether an augmentation draws one set of random numbers per call, as torchvision's do."""
    parts = augment if isinstance(augment, nn.Sequential) else (augment,)
    return any(type(part).__module__.startswith(PER_IMAGE) for part in parts)


def _range(scenes: SceneSet) -> tuple[Tensor, Tensor]:
    """What is added to digital numbers, and by what they are divided: each (C, 1, 1) float32."""
    count = len(scenes.bands)
    if scenes.modality == "rgb":
        return torch.zeros(count, 1, 1), torch.full((count, 1, 1), WHITE)
    known = scenes.camera.scale
    if known is not None:
        return torch.full((count, 1, 1), scenes.offset), torch.full((count, 1, 1), known)
    mean, deviation = (torch.from_numpy(each).float() for each in scenes.band_statistics())
    return (2 * deviation - mean).reshape(-1, 1, 1), (4 * deviation).reshape(-1, 1, 1)
