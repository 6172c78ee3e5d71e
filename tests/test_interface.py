"""What the loop offers to systems beyond one image from one noise: each is a toy GAN that uses one part of the interface."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ganbench import data
from ganbench.config import TrainConfig
from ganbench.data.folder import Conditions, Split
from ganbench.errors import UserError
from ganbench.gan import Batch, DataSpec, Gan, Unsupported
from ganbench.training import loop, outputs, sampling
from ganbench.training.checkpoint import State
from ganbench.training.order import TrainingData, reseed

CPU = torch.device("cpu")


class Config(TrainConfig):
    batch: int = 4
    z: int = 3


class Plain(Gan):
    """One linear layer per player, for data of any rank."""

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        size = torch.Size(spec.shape).numel()
        self.G: nn.Module = nn.Sequential(nn.Linear(config.z, size), nn.Tanh(), nn.Unflatten(1, spec.shape))
        self.D: nn.Module = nn.Sequential(nn.Flatten(), nn.Linear(size, 1), nn.Flatten(0))

    def d_loss(self, real: Batch) -> dict[str, Tensor]:
        with torch.no_grad():
            fake = self.sample(len(real.x), cond=real.cond)
        return {"loss": softplus(-self.D(real.x)).mean() + softplus(self.D(fake)).mean()}

    def g_loss(self, real: Batch) -> dict[str, Tensor]:
        return {"loss": softplus(-self.D(self.sample(len(real.x), cond=real.cond))).mean()}


class Translator(Plain):
    """G makes x from a condition, as pix2pix and CycleGAN do; its D is a container without a `forward`."""

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        size = torch.Size(spec.cond).numel()
        self.G = nn.ModuleDict({"ab": nn.Sequential(nn.Flatten(), nn.Linear(size, self.size), nn.Tanh())})
        self.D = nn.ModuleDict({"b": nn.Sequential(nn.Flatten(), nn.Linear(self.size, 1), nn.Flatten(0))})

    @property
    def size(self) -> int:
        return torch.Size(self.spec.shape).numel()

    def generate(self, z: Tensor, y: Tensor | None = None, cond: Tensor | None = None) -> Tensor:
        assert cond is not None
        made: Tensor = self.G["ab"](cond)  # type: ignore[index]
        return made.reshape(-1, *self.spec.shape)

    def d_loss(self, real: Batch) -> dict[str, Tensor]:
        with torch.no_grad():
            fake = self.sample(len(real.x), cond=real.cond)
        D = self.D["b"]  # type: ignore[index]
        return {"loss": softplus(-D(real.x)).mean() + softplus(D(fake)).mean()}

    def g_loss(self, real: Batch) -> dict[str, Tensor]:
        D = self.D["b"]  # type: ignore[index]
        return {"loss": softplus(-D(self.sample(len(real.x), cond=real.cond))).mean()}


class Staged(Plain):
    """Trains G alone for 8 images, as SRGAN's first stage does, then D alone."""

    seen: Tensor

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        self.register_buffer("seen", torch.tensor(0))

    @property
    def stage(self) -> int:
        return int(self.seen >= 8)

    def d_loss(self, real: Batch) -> dict[str, Tensor]:
        return super().d_loss(real) if self.stage else {}

    def g_loss(self, real: Batch) -> dict[str, Tensor]:
        losses = {} if self.stage else {"loss": self.sample(len(real.x)).square().mean()}
        self.seen += len(real.x)  # here and not after D's step, so that a step belongs to one stage
        return losses


class Boosted(Staged):
    """Draws only samples above 0 in the second stage, as AdaGAN draws what its mixture misses."""

    def data_weights(self, x: Tensor) -> Tensor | None:
        return (x[:, 0] > 0).float() if self.stage else None


class Inferring(Plain):
    """G is a decoder with an encoder beside it, as in BiGAN."""

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        self.G = nn.ModuleDict({"decoder": self.G, "encoder": nn.Sequential(nn.Flatten(), nn.Linear(2, config.z))})

    def generate(self, z: Tensor, y: Tensor | None = None, cond: Tensor | None = None) -> Tensor:
        made: Tensor = self.G["decoder"](z)  # type: ignore[index]
        return made

    def encode(self, x: Tensor) -> Tensor:
        code: Tensor = self.G["encoder"](x)  # type: ignore[index]
        return code


def pixels(n: int, *shape: int) -> np.ndarray:
    """Random pixels whose first value is the number of the sample."""
    x = np.random.default_rng(len(shape)).integers(0, 256, (n, *shape), dtype=np.uint8)
    x.reshape(n, -1)[:, 0] = np.arange(n)
    return x


def edges(x: np.ndarray) -> np.ndarray:
    return np.abs(np.diff(x.astype(np.int16), axis=1)).astype(np.uint8)


KINDS = ("points", "waves", "images", "video")
LABELS = np.arange(10)
SPLITS = {
    "points": Split(np.random.default_rng(0).normal(size=(10, 2)).astype(np.float32), LABELS),
    "waves": Split(np.random.default_rng(0).normal(size=(10, 16, 1)).astype(np.float32), LABELS),
    "images": Split(pixels(10, 8, 8, 3), LABELS),
    "video": Split(pixels(10, 4, 8, 8, 3), LABELS),
    "grey": Split(pixels(10, 8, 8, 1), LABELS),
}
CONDITIONS = {
    "paired": Conditions(pixels(10, 8, 8, 3)),
    "unpaired": Conditions(pixels(7, 8, 8, 3), paired=False),
    "made": Conditions(edges),
    "captions": Conditions(np.random.default_rng(0).normal(size=(10, 5)).astype(np.float32)),
}
SHAPES = {
    "points": ((2,), ()),
    "waves": ((1, 16), ()),
    "images": ((3, 8, 8), ()),
    "video": ((3, 4, 8, 8), ()),
    "paired": ((1, 8, 8), (3, 8, 8)),
    "unpaired": ((1, 8, 8), (3, 8, 8)),
    "made": ((1, 8, 8), (1, 7, 8)),
    "captions": ((1, 8, 8), (5,)),
}
SYSTEMS = [
    *[(Plain, kind) for kind in KINDS],
    *[(Translator, kind) for kind in ("paired", "unpaired", "made", "captions")],
    (Staged, "points"),
    (Boosted, "points"),
    (Inferring, "points"),
]


def source(kind: str) -> TrainingData:
    return TrainingData.of(SPLITS.get(kind, SPLITS["grey"]), CONDITIONS.get(kind), CPU)


def training(system: type[Gan], kind: str, **settings: Any) -> loop.Training:
    reseed("test", 0)
    data = source(kind)
    return loop.Training(system(data.spec, Config.model_validate(settings)), data, 3, budget=100)


@pytest.mark.parametrize("kind", SHAPES)
def test_rank_and_shapes_come_from_the_split(kind: str) -> None:
    spec = source(kind).spec
    assert (spec.shape, spec.cond) == SHAPES[kind]
    assert spec.kind == (kind if kind in KINDS else "images")


@pytest.mark.parametrize("settings", [{}, {"ema": 0.9, "schedule": "linear"}, {"precision": "bf16"}], ids=str)
@pytest.mark.parametrize(("system", "kind"), SYSTEMS)
def test_system_trains_and_resumes_to_the_bit(system: type[Gan], kind: str, settings: dict[str, Any]) -> None:
    whole, half, other = (training(system, kind, **settings) for _ in range(3))
    for _ in range(5):
        losses = whole.step()
        assert {value.dtype for value in losses.values()} == {torch.float32}
    for _ in range(3):
        half.step()
    state = half.state
    other.restore(State({k: v.clone() for k, v in state.tensors.items()}, *state[1:]))
    for _ in range(2):
        other.step()
    tensors = other.state.tensors
    assert all(torch.equal(value, tensors[name]) for name, value in whole.state.tensors.items())
    fault = loop.probe(other)
    assert fault is None


def test_paired_condition_belongs_to_its_sample() -> None:
    batch = source("paired").batch(0, 0, 10)
    assert batch.cond is not None
    assert torch.equal(batch.x[:, 0, 0, 0], batch.cond[:, 0, 0, 0])


def test_unpaired_conditions_have_their_own_order_and_all_appear() -> None:
    data = source("unpaired")
    batches = [data.batch(0, seen, 7) for seen in range(0, 70, 7)]
    conds = torch.stack([batch.cond[:, 0, 0, 0] for batch in batches if batch.cond is not None])
    assert all(len(set(epoch.tolist())) == 7 for epoch in conds)
    assert not torch.equal(torch.stack([batch.x[:, 0, 0, 0] for batch in batches]), conds)


def test_made_condition_is_made_of_its_sample() -> None:
    data = source("made")
    batch = data.batch(0, 0, 4)
    stored = ((batch.x + 1) * 127.5).round().to(torch.uint8).movedim(1, -1).numpy()
    assert batch.cond is not None
    assert torch.equal(batch.cond, torch.from_numpy(edges(stored)).movedim(-1, 1) / 127.5 - 1)


def test_stage_without_a_loss_trains_one_player_alone() -> None:
    run = training(Staged, "points")

    def weights() -> list[list[Tensor]]:
        return [[p.detach().clone() for p in player.parameters()] for player in (run.gan.G, run.gan.D)]

    def same(a: list[Tensor], b: list[Tensor]) -> bool:
        return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))

    start = weights()
    run.step(), run.step()
    first = weights()
    assert not same(start[0], first[0])
    assert same(start[1], first[1])
    run.step()
    second = weights()
    assert same(first[0], second[0])
    assert not same(first[1], second[1])


def test_weights_of_the_data_decide_what_is_drawn() -> None:
    run = training(Boosted, "points")
    assert run.weights is None
    run.step(), run.step()
    assert run.weights is not None
    drawn = run.source.batch(0, 0, 1000, run.weights).x
    assert (drawn[:, 0] > 0).all()
    share = (run.source.x[:, 0] > 0).sum()
    assert len(torch.unique(drawn, dim=0)) == share


@pytest.mark.parametrize(
    "weights", [torch.zeros(10), torch.full((10,), -1.0), torch.ones(3), torch.full((10,), float("nan"))]
)
def test_weights_that_are_none_are_refused(weights: Tensor) -> None:
    wrong = type("Wrong", (Plain,), {"data_weights": lambda self, x: weights})
    with pytest.raises(UserError, match="10 finite weights"):
        training(wrong, "points")


def test_encoder_is_optional() -> None:
    x = torch.zeros(4, 2)
    assert training(Inferring, "points").gan.encode(x).shape == (4, 3)
    with pytest.raises(Unsupported, match="Plain has no encoder"):
        training(Plain, "points").gan.encode(x)


@pytest.mark.parametrize(("kind", "dtype", "shape"), [("waves", "float32", (16, 1)), ("video", "uint8", (4, 8, 8, 3))])
def test_files_have_the_channels_last(kind: str, dtype: str, shape: tuple[int, ...]) -> None:
    gan = training(Plain, kind).gan
    with torch.no_grad():
        x = sampling.to_files(gan, gan.sample(5))
    assert (x.dtype.name, x.shape) == (dtype, (5, *shape))


TRANSLATOR = '''
"""A toy."""

import torch
from torch import nn
from torch.nn.functional import softplus

from ganbench.config import TrainConfig
from ganbench.gan import Gan


class Config(TrainConfig):
    z: int = 1


class Toy(Gan):
    def __init__(self, spec, config):
        super().__init__(spec, config)
        self.G, self.D = nn.Conv2d(1, 1, 1), nn.Sequential(nn.Flatten(), nn.Linear(64, 1))

    def generate(self, z, y=None, cond=None):
        return cond * 1.0 + 0 * self.G(cond)

    def d_loss(self, real):
        return {"loss": softplus(-self.D(real.x)).mean()}

    def g_loss(self, real):
        return {"loss": self.G(real.cond).square().mean()}
'''


def test_sample_has_a_condition_of_the_held_out_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "conditions", lambda name, split: Conditions(lambda x: 16 * (x // 16)))
    (tmp_path / "toy.py").write_text(TRANSLATOR)
    run = loop.train(tmp_path / "toy.py", "digits", tmp_path / "run", seed=0, images=128, overrides={})
    assert run.cond == (1, 8, 8)
    x = [
        sampling.sample(tmp_path / "run", sampling.Drawing(n, seed, trust=True))
        for n, seed in ((300, 0), (7, 0), (7, 1))
    ]
    held_out = np.asarray(data.load("digits", "test").x)
    numbers = []
    for drawn in x:
        assert drawn.condition is not None
        assert np.array_equal(np.asarray(drawn.x), 16 * (held_out[drawn.condition] // 16))
        numbers.append(drawn.condition)
    assert np.array_equal(numbers[0][:7], numbers[1])
    assert not np.array_equal(numbers[1], numbers[2])
    assert len(set(numbers[0])) == 300  # no condition twice before all were used


class TestFault:
    spec = DataSpec((1, 8, 8))
    gan = Plain(spec, Config.model_validate({}))

    def test_nothing_is_wrong_with_images_in_range(self) -> None:
        assert outputs.fault(self.gan, torch.rand(5, 1, 8, 8) * 2 - 1, 5) is None

    def test_linear_outputs_that_stray_a_little_are_no_fault(self) -> None:
        assert outputs.fault(self.gan, torch.randn(100, 1, 8, 8), 100) is None

    @pytest.mark.parametrize(
        ("x", "words"),
        [
            ([1, 2], r"must give a float32 tensor \[N, 1, 8, 8\], but it gives list"),
            (None, "but it gives NoneType"),
            (torch.zeros(4, 1, 8, 8), "a sample for each input, but it gives 4 samples for 5 inputs"),
            (torch.zeros(5, 8, 8), r"must give a float32 tensor \[N, 1, 8, 8\], but it gives float32 \[N, 8, 8\]"),
            (torch.zeros(5, 1, 8, 8).double(), "float64"),
            (torch.full((5, 1, 8, 8), float("nan")), "5 of 5 samples are not finite"),
            (torch.zeros(5, 1, 8, 8) + 5, "outside of it by 4.0 on average"),
            (torch.rand(5, 1, 8, 8) * 255, r"pixels must lie in \[-1, 1\]"),
        ],
    )
    def test_samples_that_cannot_be_scored_have_a_reason(self, x: Tensor, words: str) -> None:
        fault = outputs.fault(self.gan, x, 5)
        assert fault is not None
        assert re.search(words, fault)
