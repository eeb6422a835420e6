"""How much is measured: everything, a quick look, or a toy that only shows that it runs."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SCALES", "Scale"]


@dataclass(frozen=True)
class Scale:
    """Sizes of all benchmarks.

    Attributes:
        name: As the JSON has it.
        turns: How often all arms of a comparison take turns.
        long_turns: The same where an arm is a whole training.
        pairings: Teacher and student of the steps and epochs, by their letters.
        stages: Those of whole student stages.
        batches: Pixels of an image's side -> images a batch.
        epoch_batches: Batches of an epoch through the Trainer.
        stage_batches: Batches of an epoch of a student stage.
        stage_epochs: Epochs of a student stage.
        matched: Students (and teachers) of a re-match.
        embeddings: The same for SSM's search in 256 dimensions; empty leaves it out.
        naive: The same for the loop that looks at one student after the other.
        coral: Rows and columns of the batches that CORAL compares.
        packed: Images a class and side that are packed.
        passes: Over the packed images, reading.
        memory_arms: Whose steps are looked at for their peak memory.
        data_sizes: Images a side of two packed data sets that are trained on.
        networks: Of segmentation.
        tiles: Pixels of a tile's side, and tiles a batch.
        scene: Pixels of a side of a raster that is predicted.
        photographs: That are predicted.
        train_steps: Of the network that segments it.
    """

    name: str
    turns: int
    long_turns: int
    pairings: tuple[str, ...]
    stages: tuple[str, ...]
    batches: dict[int, int]
    epoch_batches: int
    stage_batches: int
    stage_epochs: int
    matched: tuple[int, ...]
    embeddings: tuple[int, ...]
    naive: tuple[int, ...]
    coral: tuple[tuple[int, int], ...]
    packed: int
    passes: int
    memory_arms: tuple[str, ...]
    data_sizes: tuple[int, int]
    networks: tuple[str, ...]
    tiles: tuple[int, int]
    scene: int
    photographs: int
    train_steps: int


EVERY_ARM = ("plain", "kd live", "kd stored", "sembridge live", "sembridge stored")
SHAPES = ((128, 512), (128, 1024), (128, 2048), (128, 4096), (128, 8192), (512, 512), (512, 64))

SCALES = {
    "full": Scale(
        name="full",
        turns=15,
        long_turns=3,
        pairings=("R/R", "M/M", "S/S", "R/S"),
        stages=("R/R", "R/M", "R/S"),
        batches={64: 128, 120: 32},
        epoch_batches=8,
        stage_batches=4,
        stage_epochs=4,
        matched=(10_000, 27_000, 100_000, 1_000_000),
        embeddings=(100_000,),
        naive=(2_000, 10_000),
        coral=SHAPES,
        packed=80,
        passes=9,
        memory_arms=EVERY_ARM,
        data_sizes=(6_000, 24_000),
        networks=("unet_mobilenetv2", "tiny"),
        tiles=(256, 8),
        scene=10_000,
        photographs=2_000,
        train_steps=200,
    ),
    "quick": Scale(
        name="quick",
        turns=3,
        long_turns=3,
        pairings=("R/R", "M/M", "S/S", "R/S"),
        stages=("R/R", "R/M", "R/S"),
        batches={64: 32, 120: 8},
        epoch_batches=3,
        stage_batches=3,
        stage_epochs=3,
        matched=(10_000, 27_000, 100_000),
        embeddings=(),
        naive=(2_000,),
        coral=SHAPES,
        packed=20,
        passes=5,
        memory_arms=EVERY_ARM,
        data_sizes=(4_000, 8_000),
        networks=("unet_mobilenetv2", "tiny"),
        tiles=(256, 4),
        scene=3_000,
        photographs=500,
        train_steps=200,
    ),
    "toy": Scale(
        name="toy",
        turns=1,
        long_turns=1,
        pairings=("T/T",),
        stages=("T/T",),
        batches={16: 8},
        epoch_batches=2,
        stage_batches=2,
        stage_epochs=2,
        matched=(300,),
        embeddings=(200,),
        naive=(300,),
        coral=((8, 16),),
        packed=4,
        passes=1,
        memory_arms=("sembridge stored",),
        data_sizes=(100,),
        networks=("tiny",),
        tiles=(32, 2),
        scene=300,
        photographs=20,
        train_steps=2,
    ),
}
