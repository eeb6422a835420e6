"""Learning a teacher's features without labels: values, what stays frozen, ranks, faults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from ackd.callbacks import EMA
from ackd.data.tiles import TileSet
from ackd.errors import ConfigError
from ackd.modules import PairedDataModule, ReconstructionModule
from ackd.modules.execution import prepare
from ackd.segmentation import SegmentationNetwork
from tests.losses.test_segmentation_losses import LAYERS, maps, reference
from tests.modules.toy_tiles import BANDS, buffers_and_parameters, network, tile_set

FOUND = tile_set()
SGD = partial(torch.optim.SGD, lr=0.1, momentum=0.9)


def trainer(folder: Path, **options: Any) -> pl.Trainer:
    defaults: dict[str, Any] = {"logger": False, "enable_checkpointing": False, "max_epochs": 1}
    return pl.Trainer(
        accelerator="cpu", enable_progress_bar=False, enable_model_summary=False,
        num_sanity_val_steps=0, default_root_dir=folder, use_distributed_sampler=False,
        **(defaults | options),
    )  # fmt: skip


def student_of(teacher: SegmentationNetwork, norm: bool = True) -> SegmentationNetwork:
    """As the teacher, but for its first convolution."""
    student = network(BANDS["sar"], norm=norm, seed=1)
    theirs = teacher.state_dict()
    ours = student.state_dict()
    student.load_state_dict(
        {name: theirs[name] if theirs[name].shape == t.shape else t for name, t in ours.items()}
    )
    return student


def reconstruct(*layers: str, norm: bool = True, **options: Any) -> ReconstructionModule:
    teacher = network(BANDS["optical"], norm=norm)
    return ReconstructionModule(student_of(teacher, norm), teacher, layers, SGD, **options)


def data(tiles: TileSet = FOUND, **options: Any) -> PairedDataModule:
    return PairedDataModule(
        tiles.without_labels(), "both", options.pop("batch_size", 4), labels=False, stride=2,
        **options,
    )  # fmt: skip


# -- values ------------------------------------------------------------------------------------


class Given(SegmentationNetwork):
    """A network that answers with given maps."""

    def __init__(self, answers: Sequence[Tensor]) -> None:
        super().__init__(1, 1, 1, ("e1", "mid", "fin"))
        self.answers = nn.ParameterList(answers)

    def modules_of(self, layer: str) -> Sequence[nn.Module]:
        return (self.answers,) if layer == "fin" else ()

    def run(self, images: Tensor, layers: Sequence[str]) -> Mapping[str, Tensor]:
        del images
        return dict(zip(self.layers, self.answers, strict=True))


def test_the_loss_and_the_cosines_are_those_of_the_reference(tmp_path: Path) -> None:
    expected = reference("cosine")
    student, teacher = maps()
    module = ReconstructionModule(
        Given(student), Given(teacher), ["fin", "e1", "mid"], SGD
    ).double()
    blank = torch.zeros(2, 1, 6, 5, dtype=torch.float64)
    batch = {"sar": blank, "optical": blank, "valid": torch.ones(2, 6, 5, dtype=torch.bool)}
    loader = DataLoader([batch], batch_size=None)  # type: ignore[arg-type]
    (found,) = trainer(tmp_path).validate(module, loader, verbose=False)
    assert found["val/loss"] == pytest.approx(expected["loss_flatten"], abs=1e-9)
    cosines = [found[f"val/cos_{layer}"] for layer in ("e1", "mid", "fin")]
    assert cosines == pytest.approx(expected["flatten_per_layer"], abs=1e-9)
    runner = trainer(tmp_path)
    runner.fit(module, loader)
    logged = runner.callback_metrics
    assert float(logged["train/loss"]) == pytest.approx(expected["loss_flatten"], abs=1e-7)
    assert float(logged["train/cos_mid"]) == pytest.approx(expected["flatten_per_layer"][1])
    assert len(LAYERS) == len(cosines)


@pytest.mark.parametrize("final", ["logits", "probability"])
@pytest.mark.parametrize("over", ["layer", "position"])
def test_a_teacher_reconstructs_itself(tmp_path: Path, final: Any, over: Any) -> None:
    teacher = network(3, channels=2)
    # Behind a ReLU some positions are zeros, which have no direction.
    layers = ["mid", "fin"] if over == "position" else ["e1", "mid", "d1", "fin"]
    module = ReconstructionModule(
        deepcopy(teacher), teacher, layers, SGD, over=over, final=final, student_side="optical"
    )
    (found,) = trainer(tmp_path).validate(module, datamodule=data(), verbose=False)
    assert found["val/loss"] == pytest.approx(0.0, abs=1e-6)
    assert found["val/cos_mid"] == pytest.approx(1.0, abs=1e-6)


def test_probabilities_are_told_from_logits() -> None:
    batch = next(iter(data().train_dataloader()))
    both = [float(reconstruct("fin", final=final).training_step(batch, 0).detach())
            for final in ("logits", "probability")]  # fmt: skip
    assert both[0] > both[1] + 0.05


# -- what is trained ---------------------------------------------------------------------------


@pytest.mark.parametrize("averaged", [False, True])
def test_mid_leaves_the_decoder_and_the_teacher_as_they_are(tmp_path: Path, averaged: bool) -> None:
    module = reconstruct("mid")
    student, teacher = module.student, module.teacher
    theirs = deepcopy(teacher.state_dict())
    decoder, encoder = (
        buffers_and_parameters(student, layers)
        for layers in (student.decoder_layers, student.encoder_layers)
    )
    for name, value in decoder.items():
        assert torch.equal(value, buffers_and_parameters(teacher, teacher.decoder_layers)[name])
    callbacks = [EMA("reconstruction", 0.5)] if averaged else []
    trainer(tmp_path, max_epochs=2, callbacks=callbacks).fit(module, datamodule=data())
    for name, value in buffers_and_parameters(student, student.decoder_layers).items():
        assert torch.equal(value, decoder[name]), name
    changed = buffers_and_parameters(student, student.encoder_layers)
    assert [name for name in changed if torch.equal(changed[name], encoder[name])] == []
    for name, value in teacher.state_dict().items():
        assert torch.equal(value, theirs[name]), name
    assert not teacher.training
    assert not [name for name in module.state_dict() if not name.startswith("student.")]


def test_the_second_step_leaves_the_encoder_as_it_is(tmp_path: Path) -> None:
    module = reconstruct("fin", trained=network(2).decoder_layers)
    student = module.student
    encoder, decoder = (
        buffers_and_parameters(student, layers)
        for layers in (student.encoder_layers, student.decoder_layers)
    )
    runner = trainer(tmp_path, max_epochs=2)
    runner.fit(module, datamodule=data())
    for name, value in buffers_and_parameters(student, student.encoder_layers).items():
        assert torch.equal(value, encoder[name]), name
    changed = buffers_and_parameters(student, student.decoder_layers)
    assert [name for name in changed if torch.equal(changed[name], decoder[name])] == []
    optimized = sum(len(group["params"]) for group in runner.optimizers[0].param_groups)
    assert optimized == sum(p.requires_grad for p in student.parameters()) > 0


def test_the_loss_comes_down(tmp_path: Path) -> None:
    losses = []

    class Losses(pl.Callback):
        def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
            losses.append(float(trainer.callback_metrics["val/loss"]))

    module = reconstruct("e1", "mid", "d1", "fin")
    trainer(tmp_path, max_epochs=12, callbacks=[Losses()]).fit(module, datamodule=data())
    assert losses[-1] < 0.6 * losses[0]


# -- labels and nodata -------------------------------------------------------------------------


class Sealed:
    """Masks that may not be opened."""

    def __init__(self, like: Any) -> None:
        self.shape, self.dtype, self.ndim = like.shape, like.dtype, like.ndim

    def __getitem__(self, place: Any) -> Any:
        raise AssertionError("a mask was opened")

    __array__ = __iter__ = __len__ = __getitem__


def test_no_mask_is_ever_opened(tmp_path: Path) -> None:
    sealed = TileSet(
        **{name: getattr(FOUND, name) for name in ("name", "optical", "sar", "valid", "ids")},
        split=FOUND.split,
        classes=FOUND.classes,
        optical_bands=FOUND.optical_bands,
        sar_bands=FOUND.sar_bands,
        masks=Sealed(FOUND.masks),  # type: ignore[arg-type]
    )
    served = PairedDataModule(sealed, "both", 4, labels=False, stride=2)
    runner = trainer(tmp_path)
    runner.fit(reconstruct("mid", "fin"), datamodule=served)
    assert runner.global_step == 3
    assert not [key for key in next(iter(served.train_dataloader())) if "target" in key]
    with pytest.raises(AssertionError, match="a mask was opened"):
        PairedDataModule(sealed, "sar", 4, stride=2)


@pytest.mark.parametrize("over", ["layer", "position"])
def test_tiles_without_data_have_no_loss_and_are_counted(tmp_path: Path, over: Any) -> None:
    module = reconstruct("e1", "mid", over=over)
    batch = next(iter(data().train_dataloader()))
    batch["valid"][:] = False
    loss = module.training_step(batch, 0)
    assert loss.item() == 0.0
    loss.backward()
    gradients = [p.grad for p in module.parameters() if p.requires_grad]
    assert all(gradient is not None and not gradient.any() for gradient in gradients)
    valid = FOUND.valid.copy()
    valid[[0, 1, 5]] = False
    optical, sar = (np.where(valid[:, None], image, 0) for image in (FOUND.optical, FOUND.sar))
    tiles = TileSet(
        "holes", optical, sar, valid, None, FOUND.ids, FOUND.split, FOUND.classes,
        FOUND.optical_bands, FOUND.sar_bands,
    )  # fmt: skip
    runner = trainer(tmp_path)
    runner.fit(reconstruct("mid", over=over), datamodule=data(tiles))
    assert float(runner.callback_metrics["train/tiles_without_data"]) == 3.0
    assert 0 < float(runner.callback_metrics["val/loss"]) < 1


# -- ranks -------------------------------------------------------------------------------------


class Weights(pl.Callback):
    """Keeps what was trained, of the first rank."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.is_global_zero:
            logged = {name: float(value) for name, value in trainer.callback_metrics.items()}
            torch.save({"weights": pl_module.state_dict(), "logged": logged}, self.path)


def fit_on(
    devices: int, folder: Path, module: pl.LightningModule, served: PairedDataModule
) -> dict[str, Any]:
    kept = folder / f"{devices}.pt"
    options = {"devices": 2, "strategy": "ddp_fork"} if devices == 2 else {}
    runner = trainer(folder, max_epochs=2, callbacks=[Weights(kept)], **options)
    runner.fit(module, datamodule=served)
    found: dict[str, Any] = torch.load(kept, weights_only=True)
    return found


def same(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    for name, value in theirs["weights"].items():
        torch.testing.assert_close(ours["weights"][name], value, rtol=1e-4, atol=1e-5, msg=name)
    assert set(ours["logged"]) == set(theirs["logged"])
    for name, value in theirs["logged"].items():
        assert ours["logged"][name] == pytest.approx(value, rel=1e-4, abs=1e-6), name


@pytest.mark.parametrize("over", ["layer", "position"])
def test_two_ranks_train_like_one(tmp_path: Path, over: Any) -> None:
    valid = FOUND.valid.copy()
    valid[[0, 2, 5]] = False  # so that ranks have different numbers of tiles and pixels
    tiles = TileSet(
        "holes", FOUND.optical, FOUND.sar, valid, None, FOUND.ids, FOUND.split, FOUND.classes,
        FOUND.optical_bands, FOUND.sar_bands,
    )  # fmt: skip
    layers = ("e1", "mid") if over == "position" else ("e1", "mid", "d1", "fin")
    one, two = (
        fit_on(
            devices,
            tmp_path,
            reconstruct(*layers, norm=False, over=over),
            data(tiles, batch_size=4 // devices),
        )
        for devices in (1, 2)
    )
    same(two, one)


# -- options -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layers", "options", "said"),
    [
        (["mid", "fin"], {"over": "position"}, r"fin has one channel.*Set over=layer, or"),
        (["mid", "d9"], {}, r"no layer 'd9'.*e1, mid, d1"),
        ([], {}, r"layers=\[\] is not a list of layers; those of LayeredNetwork are e1, mid"),
        ("mid", {}, r"layers='mid' is not a list of layers"),
        (["mid"], {"trained": ["mid", "d1"]}, r"layers d1 would be trained, but nothing"),
        (["fin"], {"final": "logit"}, r"no final 'logit'.*Did you mean 'logits'"),
        (["mid"], {"over": "pixel"}, r"no cosine 'pixel'"),
        (["mid"], {"frozen_norm": "kep"}, r"Did you mean 'keep'"),
    ],
)  # fmt: skip
def test_options_that_do_not_fit_are_refused(layers: Any, options: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        ReconstructionModule(network(2), network(3), layers, SGD, **options)


def test_a_network_cannot_teach_itself() -> None:
    alone = network(3)
    with pytest.raises(ValueError, match="the same object"):
        ReconstructionModule(alone, alone, ["mid"], SGD)


def test_other_widths_are_refused_with_both_shapes() -> None:
    module = ReconstructionModule(network(2), network(3, width=8), ["mid"], SGD)
    with pytest.raises(ValueError, match=r"\(4, 6, 8, 8\) \(student\) and \(4, 8, 8, 8\)"):
        module.training_step(next(iter(data().train_dataloader())), 0)


# -- how it is computed ------------------------------------------------------------------------


def test_bfloat16_and_compiled_networks_train(tmp_path: Path) -> None:
    module = reconstruct("mid", "fin")
    prepare(module.student, "channels_last", compiled=True, backend="eager")  # type: ignore[arg-type]
    runner = trainer(tmp_path, precision="bf16-mixed")
    runner.fit(module, datamodule=data())
    loss = runner.callback_metrics["train/loss"]
    assert loss.dtype == torch.float32
    plain = trainer(tmp_path)
    plain.fit(reconstruct("mid", "fin"), datamodule=data())
    assert float(loss) == pytest.approx(float(plain.callback_metrics["train/loss"]), rel=0.05)


def test_layers_whose_parameters_belong_to_a_deeper_one_name_it() -> None:
    class Whole(type(network(2))):  # type: ignore[misc]
        """An encoder that cannot be divided, as those of a library."""

        def modules_of(self, layer: str) -> Sequence[nn.Module]:
            if layer == "e1":
                return ()
            inner = super().modules_of(layer)
            return (*super().modules_of("e1"), *inner) if layer == "mid" else inner

    student, teacher = network(BANDS["sar"]), network(BANDS["optical"])
    for one in (student, teacher):
        one.__class__ = Whole
    with pytest.raises(ConfigError, match=r"of e1 belong to mid,.*layers=\[e1,mid\]"):
        ReconstructionModule(student, teacher, ["e1"], SGD)
    module = ReconstructionModule(student, teacher, ["e1", "mid"], SGD)
    assert all(p.requires_grad for m in student.modules_of("mid") for p in m.parameters())
    assert module.layers == ("e1", "mid")
