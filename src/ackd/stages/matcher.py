"""Stage two: the encoders that find similar scenes across modalities."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ackd.backbones import Backbone
from ackd.config.schema import MatcherConfig
from ackd.data.normalise import rgb_normaliser
from ackd.data.pseudo_rgb import pseudo_rgb_bands, pseudo_rgb_remark
from ackd.matching.matcher import Matcher
from ackd.modules import MatcherModule
from ackd.modules.loading import Side
from ackd.stages.fitting import finite_weights
from ackd.stages.scene_training import SceneTraining
from ackd.stages.stage import Done, KeptStage
from ackd.stages.trial import Role, image_size
from ackd.utils.io import save_tensors, write_json

if TYPE_CHECKING:
    from ackd.stages.context import SceneContext

__all__ = ["MatcherStage"]

log = logging.getLogger("ackd")


class MatcherStage(KeptStage[Matcher]):
    """Trains the matcher on MS images alone; leaves ``weights.pt`` and ``metrics.json``."""

    name = "matcher"

    def __init__(
        self, training: SceneTraining, options: MatcherConfig, pseudo_rgb: Mapping[str, Any]
    ) -> None:
        """Say what is trained.

        Args:
            training: Serves MS images with their pseudo-RGB.
            options: Of the matcher.
            pseudo_rgb: What shapes pseudo-RGB, for the fingerprint.
        """
        self.training = training
        self.options = options
        self.pseudo_rgb = pseudo_rgb

    @classmethod
    def check(cls, context: SceneContext) -> None:
        """See that the images fit, and say where their pseudo-RGB is doubtful."""
        context.training(cls.name, pseudo_rgb=True).check()  # looks for its bands as well
        data = context.config.data
        said = pseudo_rgb_remark(context.benchmark.ms, data.pseudo_rgb_bands, data.pseudo_rgb)
        if said:
            log.warning("%s", said)

    @classmethod
    def networks(cls, context: SceneContext) -> Sequence[Role]:
        """Both encoders; that of RGB is trained on pseudo-RGB, which is as large as MS images."""
        options, option = context.config.matcher.backbone, f"{cls.name}.backbone"
        ms, rgb = image_size(context.benchmark.ms), image_size(context.benchmark.rgb)
        return (
            Role(option, options, "ms", 0, (ms,)),
            Role(option, options, "rgb", 0, tuple(dict.fromkeys((rgb, ms)))),
        )

    @classmethod
    def of(cls, context: SceneContext, done: Done) -> Self:
        """It needs nothing of earlier stages."""
        training = context.training(cls.name, pseudo_rgb=True)
        return cls(training, context.config.matcher, _pseudo_rgb(context))

    def shaped_by(self) -> dict[str, Any]:
        """The MS images, what becomes of them, and the matcher's own options."""
        return {
            "ms": self.training.scenes.fingerprint,
            "pseudo_rgb": dict(self.pseudo_rgb),
            **self.training.shape(),
        }

    def build(self, *, fresh: bool = True) -> Matcher:
        """The matcher; ``fresh`` for the weights that training starts from."""
        options, networks = self.options, self.training.networks

        def encoder(side: Side) -> Backbone:
            return networks.build(options.backbone, side, 0, "matcher.backbone", fresh=fresh)

        return Matcher(
            encoder("ms"), encoder("rgb"), options.dim, options.dropout, options.logit_scale
        )

    def train(self, folder: Path, *, resume: bool) -> None:
        """Train; the epoch with the lowest validation loss is kept."""
        training, options = self.training, self.options
        training.seed_everything()
        module = MatcherModule(
            self.build(), training.optimizer(),
            loss=options.loss, temperature=options.temperature, unit_length=options.unit_length,
            schedule=training.schedule(),
        )  # fmt: skip
        with training.session(folder, resume=resume) as session:
            fitted = session.fit(module, monitor="val/loss", mode="min")
        if fitted.trainer.is_global_zero:
            save_tensors(folder / "weights.pt", module.matcher.state_dict())
            write_json(
                folder / "metrics.json",
                {"metrics": {options.loss: fitted.score}}
                | fitted.entries()
                | {"seconds": fitted.seconds},
            )

    def load(self, folder: Path) -> Matcher:
        """Read a finished matcher."""
        matcher = self.build(fresh=False)
        matcher.load_state_dict(finite_weights(folder / "weights.pt", self.name))
        return matcher


def _pseudo_rgb(context: SceneContext) -> dict[str, Any]:
    """What shapes pseudo-RGB, and nothing that the chosen kind does not look at."""
    data, benchmark = context.config.data, context.benchmark
    shaped: dict[str, Any] = {
        "kind": data.pseudo_rgb,
        "bands": list(pseudo_rgb_bands(benchmark.ms, data.pseudo_rgb_bands)),
    }
    if data.pseudo_rgb == "stretch":
        rgb = rgb_normaliser(benchmark.rgb, data.normalise)
        shaped["reflectance"] = data.pseudo_rgb_reflectance
        shaped["rgb_statistics"] = [rgb.mean.flatten().tolist(), rgb.std.flatten().tolist()]
    return shaped
