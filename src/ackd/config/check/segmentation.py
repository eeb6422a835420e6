"""What only a configuration of segmentation can have wrong."""

from __future__ import annotations

from ackd.config.check.places import require_path
from ackd.config.schema.segmentation import STARTS, SegmentConfig
from ackd.errors import ConfigError

__all__ = ["check_buildable", "check_options", "look"]

#: Arguments of a network that other options decide, with how they do.
DECIDED = {
    "bands": "a network has the bands of its tiles",
    "classes": "a network has the classes of the masks",
    "channels": "a network has a logit for each class of the masks, or one for two classes",
    "weights": "teacher.start=imagenet or teacher.start=FILE is what the teacher starts from",
    "imagenet": "teacher.start=imagenet starts the teacher from ImageNet weights",
}


def check_options(config: SegmentConfig) -> None:
    """Check what takes more than one option to see.

    Raises:
        ConfigError: Two options contradict each other.
    """
    for name in config.network.model_extra or {}:
        if name in DECIDED:
            raise ConfigError(f"network.{name} is filled in by ackd itself: {DECIDED[name]}.")
    student = config.student
    if student.finetune == "none" and student.start in STARTS and "student" in config.stages:
        raise ConfigError(
            f"student.start={student.start} with student.finetune=none is a network that nobody "
            "has trained; choose finetune=all, or a start that has learned: "
            "student.start=reconstruction or student.start=optical."
        )
    first, second = config.reconstruction.layers, config.reconstruction2.layers
    if student.start == "reconstruction" and not first:
        raise ConfigError(
            "student.start=reconstruction needs layers to reconstruct, but reconstruction.layers "
            "is empty; choose reconstruction=mid, fin, mid_fin or int, or another start: "
            "student.start=optical."
        )
    if second and not first:
        raise ConfigError(
            f"reconstruction2.layers=[{','.join(second)}] is a second step, but there is no first "
            "one (reconstruction.layers is empty); choose reconstruction=mid_fin."
        )
    if second and config.reconstruction2.start != "optical":
        raise ConfigError(
            f"reconstruction2.start={config.reconstruction2.start} has no effect: the second step "
            "goes on from the first one; leave it out, or give reconstruction.start."
        )
    for number, stage in enumerate(("reconstruction", "reconstruction2")):
        if config.until == stage and not (first, second)[number]:
            raise ConfigError(
                f"until={stage} asks for a stage that this run does not have, as {stage}.layers is "
                f"empty; choose reconstruction={'int' if number == 0 else 'mid_fin'}."
            )


def look(config: SegmentConfig) -> None:
    """Look for the weights, the folders and the files of a run.

    Raises:
        ConfigError: One does not exist.
    """
    if "teacher" in config.stages and config.teacher.start not in STARTS:
        require_path("teacher.start", config.teacher.start, "random, imagenet or a file of weights")
    data = config.data
    if data.split_file is not None:
        require_path("data.split_file", data.split_file, "a file with a tile and its part per line")
    for name in ("root", "optical", "sar", "masks"):
        given = getattr(data, name, None)
        if given is not None:
            require_path(f"data.{name}", given, "a folder" if name != "masks" else "masks")


def check_buildable(config: SegmentConfig) -> None:
    """Build the network once, to see that it can be built and has the layers that are named.

    Raises:
        ConfigError: It cannot, or it has not.
    """
    # Late: this imports torch.
    from ackd.config.check.segmentation_network import check_network

    check_network(config)
