"""What only a configuration of scene classification can have wrong.

Options that are each right and contradict each other are here: a rule and its text are together.
"""

from __future__ import annotations

from pathlib import Path

from ackd.config.check.places import require_path
from ackd.config.schema import Config
from ackd.config.schema.data import ArchivesConfig
from ackd.errors import ConfigError

__all__ = ["check_buildable", "check_options", "look"]


def check_options(config: Config) -> None:
    """Check what takes more than one option to see.

    Raises:
        ConfigError: Two options contradict each other.
    """
    for rule in (_consistent_matching, _consistent_teacher, _consistent_loss, _consistent_data):
        rule(config)


def look(config: Config) -> None:
    """Look for the weights and the archives of a run, and at a user's own images.

    What is in them is read later; this takes well under a second and no torch.

    Raises:
        ConfigError: A file of weights does not exist, a class map or a class is wrong, or something
            must be said before a user's own images can train.
        DataError: The folder of the archives, in it that of the MS images, or a folder of a user's
            own images is not what it should be.
    """
    for stage in config.stages:
        pretrained = getattr(config, stage).backbone.pretrained
        if isinstance(pretrained, str):
            option = f"{stage}.backbone.pretrained"
            require_path(option, pretrained, "true, false or a file of weights")
    if isinstance(config.data, ArchivesConfig):
        _find_archives(config.data)
    # Late: this imports NumPy and rasterio, which --cfg and --help do without.
    from ackd.config.check.own_data import check_data

    check_data(config)


def check_buildable(config: Config) -> None:
    """Build losses, augmentations and networks once, to see that they can be built.

    Raises:
        ConfigError: One of them cannot; the option is named.
    """
    # Late: this imports torch.
    from ackd.config.check.scene_networks import check_networks

    check_networks(config)


def _find_archives(data: ArchivesConfig) -> None:
    # Late: a run on scenes of its own needs none of the readers.
    from ackd.data.cache import is_pack
    from ackd.data.datasets.benchmarks import find_benchmark

    root = Path(data.root).expanduser()
    if is_pack(root):
        return
    class_map, known = find_benchmark(data.name, data.layout)
    for name in class_map.ms:
        if not (root / known[name].folder).is_dir():
            known[name].scan(root, ())  # says what is missing and where it is published


def _consistent_matching(config: Config) -> None:
    twins = getattr(config.data, "twins", None)
    if config.matching.initial == "twins" and twins != "paired":
        found = twins or f"not an option of {config.data.name}"
        raise ConfigError(
            f"matching=twins pairs an RGB image with the MS image of the same scene, which needs "
            f"data.twins=paired, but data.twins is {found}."
        )
    if config.matching.redraw and config.matching.initial != "random":
        raise ConfigError(
            f"matching.redraw=true draws new random pairs in each epoch, which needs "
            f"matching=random, but matching.initial is {config.matching.initial}."
        )
    if config.matching.redraw and config.dynm.enabled:
        raise ConfigError(
            "matching.redraw=true and dynm.enabled=true would both change the pairs; "
            "switch one of them off."
        )


def _consistent_teacher(config: Config) -> None:
    student = config.student
    augments = config.data.augment or "ms" in config.data.augmentation
    if config.distils and augments and student.augment_ms and student.teacher != "live":
        raise ConfigError(
            "student.augment_ms=true augments the teacher's images differently in each epoch, so "
            f"its outputs cannot be stored (student.teacher={student.teacher}); use "
            "student.teacher=live."
        )


def _consistent_loss(config: Config) -> None:
    loss = config.loss
    if loss.lambda2 is None and loss.lambda1 > 1:
        raise ConfigError(
            f"loss.lambda1={loss.lambda1} makes lambda2 = 1 - lambda1 negative; choose "
            "lambda1 between 0 and 1, or give loss.lambda2 as well."
        )
    if loss.teacher_logits != "raw" and not config.distils:
        raise ConfigError(
            f"loss.teacher_logits={loss.teacher_logits} says how a teacher's logits are read, but "
            f"method={config.method} has no teacher with the other options given; leave it out "
            "(loss.teacher_logits=raw) or choose a loss that distils, e.g. kd=vanilla."
        )
    # The name of the method goes into result.json and into every table.
    if config.method == "baseline" and (loss.kd or config.distils):
        terms = [f"loss.kd.{name}" for name in loss.kd] or ["ska.ot1 or ska.ot2"]
        raise ConfigError(
            f"method=baseline is the student alone, but {', '.join(terms)} asks for a teacher; "
            "use method=kd or method=sembridge, or leave that out (kd=none)."
        )
    if config.method == "kd" and not loss.kd and not config.aligns:
        raise ConfigError(
            "method=kd with kd=none has nothing to distil; choose a loss, e.g. kd=vanilla, or "
            "method=baseline for the student alone."
        )


def _consistent_data(config: Config) -> None:
    bands = config.data.bands or ()
    if len(set(bands)) != len(bands):
        raise ConfigError(f"data.bands=[{','.join(bands)}] names a band twice.")
