"""A mistake is told before anything is built: option, value, expectation, nearest right name."""

from __future__ import annotations

from pathlib import Path

import pytest

from ackd.config.messages.options import nearest_option
from ackd.config.messages.overrides import hint
from ackd.errors import ConfigError, nearest, unknown
from tests.config.composing import checked, write

# Overrides, and the words that the message must have.
MISTAKES = [
    # Misspelt, so that Hydra adds it as something new.
    ("+loss.lamda1=0.3", ["'loss.lamda1'", "'loss.lambda1'"]),
    ("+lambda1=0.3", ["'lambda1'", "'loss.lambda1'"]),
    ("+student.lr=0.1", ["'student.lr'", "'student.optimizer.lr'"]),
    ("+dynm.gama=1", ["'dynm.gama'", "'dynm.gamma'"]),
    ("+loss.kd.vanilla.weigth=2", ["'loss.kd.vanilla.weigth'", "'loss.kd.vanilla.weight'"]),
    ("+data.root=x", ["'data.root'", "data=synthetic"]),
    ("logger=wandb +logger.wandb.proj=x", ["'logger.wandb.proj'", "'logger.wandb.project'"]),
    # Options of an earlier version.
    (
        "+kd_defaults.vanilla.temperature=5",
        ["kd_defaults.vanilla.temperature", "loss.kd.vanilla.loss.temperature=VALUE"],
    ),
    # Arguments of what an open node names.
    ("+teacher.optimizer.lrr=1", ["teacher.optimizer.lrr", "Adam", "teacher.optimizer.lr?"]),
    ("+trainer.precison=16", ["trainer.precison", "trainer.precision?"]),
    ("+trainer.max_epochs=3", ["trainer.max_epochs", "student.max_epochs"]),
    ("+trainer.logger=false", ["trainer.logger", "logger=csv"]),
    ("+trainer.callbacks=[x]", ["trainer.callbacks", "+callbacks.NAME._target_="]),
    ("+student.lr_scheduler=cosine", ["'student.lr_scheduler'", "STAGE.scheduler=none"]),
    ("+trainer.early_stopping.patience=3", ["trainer.early_stopping", "Known"]),
    ("student.early_stopping=true", ["student.early_stopping=True", "group of options"]),
    ("student.early_stopping.patience=0", ["student.early_stopping.patience=0", "greater than 0"]),
    ("student.ema.decay=1", ["student.ema.decay=1", "less than 1"]),
    ("student.ema=0.99", ["student.ema=0.99", "group of options"]),
    ("teacher.ema.warmup=true", ["teacher.ema.warmup=true has no effect", "teacher.ema.decay"]),
    ("student.early_stopping.mode=mx", ["student.early_stopping.mode=max?"]),
    ("+callbacks.mine._target_=a.B", ["callbacks.mine._target_=a.B", "cannot be imported"]),
    ("+callbacks.mine._target_=torch.nn.ReLU", ["callbacks.mine", "is not a callback"]),
    ("+callbacks.mine.patience=3", ["callbacks.mine._target_", "missing"]),
    (
        "+callbacks.mine._target_=lightning.pytorch.callbacks.Timer +callbacks.mine.durtion=1",
        ["callbacks.mine.durtion", "callbacks.mine.duration?"],
    ),
    (
        "+callbacks.mine._target_=lightning.pytorch.callbacks.EarlyStopping",
        ["callbacks.mine", "monitor"],
    ),
    (
        "+callbacks.mine._target_=lightning.pytorch.callbacks.Timer +callbacks.mine._stages_=[all]",
        ["callbacks.mine._stages_[0]='all'", "'student'"],
    ),
    (
        "+callbacks.mine._target_=lightning.pytorch.callbacks.EMAWeightAveraging",
        ["callbacks.mine", "student.ema.decay=0.999"],
    ),
    (
        "+callbacks.c._target_=lightning.pytorch.callbacks.ModelCheckpoint "
        "+callbacks.c.save_last=true +callbacks.c.monitor=val/loss",
        ["callbacks.c", "last.ckpt", "callbacks.c.save_last"],
    ),
    (
        "+callbacks.c._target_=lightning.pytorch.callbacks.ModelCheckpoint",
        ["callbacks.c and checkpoints/last.ckpt", "one name"],
    ),
    ("+data.augmentation.rbg._target_=a.B", ["data.augmentation={'rbg'", "ms, rgb or both"]),
    ("+data.augmentation.rgb.p=0.5", ["data.augmentation={'rgb'", "_target_"]),
    ("+data.augmentation.rgb._target_=a.B", ["data.augmentation.rgb._target_=a.B", "imported"]),
    (
        "+data.augmentation.rgb._target_=torchvision.transforms.v2.ColorJitter "
        "+data.augmentation.rgb.brightnes=1",
        ["data.augmentation.rgb.brightnes", "data.augmentation.rgb.brightness?"],
    ),
    (
        "+data.augmentation.ms._target_=collections.Counter",
        ["data.augmentation.ms._target_=collections.Counter", "cannot be called"],
    ),
    (
        "+data.augmentation.ms._target_=torch.nn.Identity student.augment_ms=true",
        ["student.augment_ms=true", "student.teacher=live"],
    ),
    ("data.augment=flips", ["data.augment='flips'", "true or false"]),
    ("+student.callbacks.mine._target_=a.B", ["student.callbacks", "+callbacks.NAME._target_="]),
    (
        "+loss.kd.vanilla.loss.temprature=2",
        ["loss.kd.vanilla.loss.temprature", "loss.kd.vanilla.loss.temperature?"],
    ),
    ("+teacher.optimizer.params=1", ["teacher.optimizer.params", "by ackd itself"]),
    # What an open node names.
    ("teacher.optimizer._target_=torch.optim.Adamm", ["torch.optim.Adamm", "torch.optim.Adam?"]),
    ("teacher.optimizer._target_=torch.optimm.Adam", ["torch.optimm", "cannot be imported"]),
    ("teacher.optimizer._target_=Adam", ["'Adam'", "import path"]),
    ("~teacher.optimizer._target_", ["teacher.optimizer", "_target_"]),
    (
        "~teacher.optimizer.lr teacher.optimizer._target_=collections.Counter",
        ["teacher.optimizer", "collections.Counter", "not an optimizer"],
    ),
    (
        "loss.kd.vanilla.loss._target_=ackd.losses.VanilaKD",
        ["VanilaKD", "ackd.losses.VanillaKD?"],
    ),
    ("kd=none +loss.kd.x.loss._target_=builtins.dict", ["loss.kd.x.loss", "builtins.dict"]),
    # Types.
    ("loss.lambda1=abc", ["loss.lambda1='abc'", "number"]),
    ("student.batch_size=many", ["student.batch_size='many'", "integer"]),
    ("seed=1.5", ["seed=1.5", "integer"]),
    ("dynm.enabled=maybe", ["dynm.enabled='maybe'", "true or false"]),
    ("data.bands=B02", ["data.bands='B02'", "list"]),
    ("force=teacher", ["force='teacher'", "list"]),
    ("loss.kd=1", ["loss.kd=1", "group of options"]),
    ("+loss.kd.foo=1", ["loss.kd.foo=1", "group of options"]),
    ("name=null", ["name=None", "text"]),
    ("~name", ["'name'", "missing", "name=VALUE"]),
    ("teacher.optimizer.lr=abc", ["teacher.optimizer.lr='abc'", "expected a number"]),
    ("loss.kd.vanilla.loss.temperature=abc", ["loss.kd.vanilla.loss", "temperature", "abc"]),
    # Ranges.
    ("loss.lambda1=-0.5", ["loss.lambda1=-0.5", "greater than or equal to 0"]),
    ("loss.lambda1=nan", ["loss.lambda1=nan", "finite"]),
    ("loss.lambda1=inf loss.lambda2=1", ["loss.lambda1=inf", "finite"]),
    ("loss.kd.vanilla.weight=-1", ["loss.kd.vanilla.weight=-1", "greater than or equal to 0"]),
    ("student.batch_size=1", ["student.batch_size=1", "2"]),
    ("data.fold=5", ["data.fold=5", "4"]),
    ("data.size=4", ["data.size=4", "8"]),
    ("data.bands=[]", ["data.bands=[]", "at least 1"]),
    ("seed=-1", ["seed=-1", "0"]),
    ("seed=99999999999", ["seed=99999999999", "4294967295"]),
    ("name=''", ["name=''", "at least one character"]),
    ("dynm.gamma=0", ["dynm.gamma=0", "greater than 0"]),
    ("planner.heads=0", ["planner.heads=0", "greater than 0"]),
    ("planner.heads=7", ["planner.heads=7", "96 channels", "8"]),
    ("planner.dim=30", ["planner.dim=30", "30 channels", "heads that fit: 1, 2, 3, 5, 6"]),
    ("planner.dim=0", ["planner.dim=0", "greater than 0"]),
    ("execution.memory_format=channel_last", ["execution.memory_format=channels_last?"]),
    ("teacher.optimizer.lr=-1", ["teacher.optimizer", "lr=-1"]),
    ("loss.kd.vanilla.loss.temperature=-3", ["loss.kd.vanilla.loss", "temperature", "-3", "> 0"]),
    # Choices.
    ("until=studnt", ["until='studnt'", "'student'", "until=student?"]),
    ("force=[techer]", ["force[0]='techer'", "force=[teacher]?"]),
    ("student.backbone.head=papr", ["student.backbone.head='papr'", "student.backbone.head=paper"]),
    ("planner.kind=inta", ["planner.kind='inta'", "planner.kind=intra?"]),
    ("data.name=s2seu", ["data.name=s2seu", "data=s2s_eu?"]),
    ("data=s2s_eu data.name=m2s_gl_v3", ["data.name=m2s_gl_v3", "data=m2s_gl_v2?"]),
    ("data=s2s_cn data.draw=papr", ["data.draw='papr'", "data.draw=paper?"]),
    ("data=m2s_gl_v2 data.protocol=publishers", ["data.protocol", "data.protocol=publisher?"]),
    ("data=folders data.rgb=x", ["data.ms=", "data.ms=DIR", "data.rgb=DIR"]),
    ("student.backbone.name=resnet43", ["student.backbone", "'resnet43'", "resnet34"]),
    ("trainer.accelerator=gpuu", ["trainer.accelerator=gpuu", "cuda"]),
    ("trainer.precision=17", ["trainer.precision=17", "16-mixed"]),
    # At odds with each other.
    ("loss.lambda1=1.5", ["loss.lambda1=1.5", "loss.lambda2"]),
    ("matching=twins", ["matching=twins", "data.twins=paired"]),
    ("matching=twins data=s2s_eu", ["matching=twins", "data.twins is split"]),
    ("matching.redraw=true", ["matching.redraw=true", "matching=random"]),
    ("matching=random matching.redraw=true", ["matching.redraw=true", "dynm.enabled=true"]),
    ("data.bands=[B02,B02]", ["data.bands", "twice"]),
    ("method=baseline kd=vanilla", ["method=baseline", "loss.kd.vanilla", "method=kd"]),
    ("method=baseline ska.ot2=true", ["method=baseline", "ska.ot1 or ska.ot2"]),
    ("method=kd kd=none", ["method=kd", "kd=vanilla"]),
    # Interpolations.
    ("outputs=${nope}", ["outputs", "nope"]),
    ("outputs=${oc.env:ACKD_NO_SUCH_VARIABLE}", ["outputs", "ACKD_NO_SUCH_VARIABLE"]),
]


@pytest.mark.parametrize(("overrides", "words"), MISTAKES, ids=[m[0] for m in MISTAKES])
def test_a_mistake_is_named(overrides: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as raised:
        checked(*overrides.split())
    for word in words:
        assert word in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "overrides",
    [
        "loss.lambda1=1",
        "loss.lambda1=1.5 loss.lambda2=0.5",
        "planner.heads=4",
        "matching=random matching.redraw=true dynm.enabled=false",
        "matching=twins data=s2s_eu data.twins=paired",
        "method=sembridge kd=none",
        "+trainer.limit_train_batches=2",
        "+teacher.optimizer.weight_decay=0.1",
        "teacher.optimizer._target_=torch.optim.SGD +teacher.optimizer.momentum=0.9",
        "seed=4294967295",
        "loss.kd.vanilla.loss.temperature=5",
    ],
)
def test_what_is_no_mistake_passes(overrides: str) -> None:
    checked(*overrides.split())


def test_all_mistakes_of_a_configuration_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as raised:
        checked("seed=-1", "dynm.gamma=0", "+student.batchsize=3")
    lines = str(raised.value).splitlines()
    assert len(lines) == 3
    assert all(any(word in line for line in lines) for word in ("seed", "gamma", "batch_size"))


def test_a_loss_of_ones_own_at_the_wrong_place_is_told_the_right_one() -> None:
    with pytest.raises(ConfigError) as raised:
        checked("+loss.kd.mine._target_=a.B")
    assert "+loss.kd.mine.loss._target_=package.module.Class" in str(raised.value)
    assert "Did you mean" not in str(raised.value)


def test_a_misspelt_key_in_an_experiment_file(tmp_path: Path) -> None:
    write(tmp_path, "experiment/typo", "loss: {lamda1: 0.3}")
    with pytest.raises(ConfigError, match=r"'loss\.lamda1'.*'loss\.lambda1'"):
        checked("+experiment=typo", extra=tmp_path)


# Overrides that Hydra itself refuses, and the words of the advice.
REFUSED = [
    ("loss.lamda1=0.3", ["'loss.lamda1'", "'loss.lambda1'"]),
    ("lambda1=0.3", ["'lambda1'", "'loss.lambda1'"]),
    ("student.lr=0.3", ["'student.lr'", "'student.optimizer.lr'"]),
    ("metod=kd", ["'metod'", "'method'"]),
    ("data=s2s_cm", ["'s2s_cm'", "data=s2s_cn"]),
    ("~loss.lamda1", ["'loss.lamda1'", "'loss.lambda1'"]),
    ("method=sembrige", ["'sembrige'", "method=sembridge", "baseline"]),
    ("-m method=kd,sembrige", ["'sembrige'", "method=sembridge"]),
    ("-m loss.lamda1=0.2,0.4", ["'loss.lamda1'", "'loss.lambda1'"]),
    ("backbone@student.backbone=resnet43", ["'resnet43'", "backbone@student.backbone=resnet34"]),
    ("+experiment=s2s_eu_rrr", ["'s2s_eu_rrr'", "+experiment=s2s_eu_rr"]),
    ("experiment=s2s_eu_rr", ["+experiment=s2s_eu_rr"]),
    ("+recipe=official", ["recipe=official", "without the plus"]),
    ("trainer=3", ["'3'", "trainer", "default"]),
    ("data.root=x", ["'data.root'", "data=s2s_eu"]),
    ("logger.wandb.mode=offline", ["'logger.wandb.mode'", "logger=wandb"]),
    ("loss.lambda1=[", ["'loss.lambda1=['", "key=value"]),
    ("kd_defaults.rkd.factor=1", ["kd_defaults.rkd.factor", "loss.kd.rkd.loss.factor=VALUE"]),
    ("foo", ["'foo'", "key=value"]),
    ("nothing_like_it=1", ["'nothing_like_it'", "--cfg job"]),
    ("kd=zzzz", ["'zzzz'", "kd/zzzz.yaml", "--config-dir", "# @package loss.kd", "_target_"]),
    ("loss.kd.mine=1", ["'loss.kd.mine'", "+loss.kd.mine.loss._target_="]),
    ("loss.kd.mine.loss._target_=a.B", ["+loss.kd.mine.loss._target_="]),
    ("trainer.gradient_clip_val=1", ["+trainer.gradient_clip_val=VALUE"]),
    ("teacher.optimizer.weight_decay=1", ["+teacher.optimizer.weight_decay=VALUE"]),
    ("student.backbone.depth=3", ["backbone._target_", "+student.backbone.depth=VALUE"]),
    ("trainer.precison=16", ["'trainer.precision'"]),
    ("scheduler=cosine", ["STAGE.scheduler=none", "warmup_cosine"]),
    ("student.lr_scheduler=cosine", ["'student.lr_scheduler'", "STAGE.scheduler=none"]),
    ("trainer.callbacks=[x]", ["'trainer.callbacks'", "+callbacks.NAME._target_="]),
    ("data.augmentation.ms._target_=a.B", ["+data.augmentation.ms._target_=package"]),
    ("callbacks.mine._target_=a.B", ["+callbacks.mine._target_=package.module.Class"]),
    ("callbacks=mine", ["'mine'", "callbacks/mine.yaml", "--config-dir", "_target_"]),
    ("student.early_stop=5", ["'student.early_stop'", "STAGE.early_stopping.patience=N"]),
    ("early_stopping.patience=5", ["'early_stopping.patience'", "STAGE.early_stopping.pat"]),
    ("student.ema_decay=0.9", ["'student.ema_decay'", "STAGE.ema.decay=0.999"]),
    ("ema.decay=0.9", ["'ema.decay'", "STAGE.ema.decay=0.999"]),
    ("student.ema.decai=0.9", ["'student.ema.decay'"]),
    ("student.early_stopping.patince=5", ["'student.early_stopping.patience'"]),
    ("pretrained=weights.pt", [".backbone.pretrained'"]),
]

# Names that are near to nothing: a guess would lead to a wrong neighbour.
NO_GUESS = ["student.schedule_free=1", "data.folder_names=x", "nothing_like_it=1", "loss.focal=1"]


@pytest.mark.parametrize("word", NO_GUESS)
def test_a_guess_that_is_far_away_is_not_made(word: str) -> None:
    advice = hint([word])
    assert advice is not None
    assert "Did you mean" not in advice
    with pytest.raises(ConfigError) as raised:
        checked(f"+{word}")
    assert "Did you mean" not in str(raised.value)


@pytest.mark.parametrize(("arguments", "words"), REFUSED, ids=[r[0] for r in REFUSED])
def test_what_hydra_refuses_gets_advice(arguments: str, words: list[str]) -> None:
    advice = hint(arguments.split())
    assert advice is not None
    for word in words:
        assert word.lstrip("+") in advice


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "seed=3",
        "-m seed=1,2 method=kd,baseline",
        "+experiment=s2s_eu_rr data.root=x",
        "logger=[wandb,tensorboard] logger.wandb.mode=offline",
        "hydra.run.dir=x",
        "~data.augment",
        "+trainer.limit_train_batches=3",
    ],
)
def test_what_is_right_gets_no_advice(arguments: str) -> None:
    assert hint(arguments.split()) is None


def test_groups_of_the_users_own_folder_are_known(tmp_path: Path) -> None:
    write(tmp_path, "method/mine", "method: mine")
    given = ["--config-dir", str(tmp_path)]
    assert hint([*given, "method=mine"]) is None
    advice = hint([*given, "method=mien"])
    assert advice is not None
    assert "method=mine" in advice


def test_nearest_option_prefers_the_same_section() -> None:
    known = ["loss.lambda1", "loss.kd.*.weight", "student.optimizer.lr", "teacher.optimizer.lr"]
    assert nearest_option("loss.lamda1", known) == "loss.lambda1"
    assert nearest_option("loss.kd.dkd.wieght", known) == "loss.kd.dkd.weight"
    assert nearest_option("teacher.lr", known) == "teacher.optimizer.lr"
    assert nearest_option("techer.optimizer.lr", known) == "teacher.optimizer.lr"
    assert nearest_option("loss.zzz", known) is None


def test_nearest_and_unknown() -> None:
    assert nearest("SSM", ["ssm", "random"]) == "ssm"
    assert nearest("bogus", ["outputs", "seed"]) is None
    text = str(unknown("backbone", "resnet43", ["resnet34", "tiny"], "student.backbone.name"))
    assert "'resnet43'" in text
    assert "student.backbone.name=resnet43" in text
    assert "Did you mean 'resnet34'?" in text
    assert "resnet34, tiny" in text
