"""GANs that see labels, each against its paper: losses worked out by hand, and which labels reach them."""

# mypy: disable-error-code="func-returns-value, no-any-return, operator"

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganbench import baseline
from ganbench.gan import Batch, DataSpec, Unsupported
from ganbench.training import loop
from ganbench.training.order import TrainingData, indices, reseed

POINTS = DataSpec((2,), classes=3)
DIGITS = DataSpec((1, 8, 8), classes=10)


def build(name: str, spec: Any = POINTS, **overrides: object) -> Any:
    reseed("test", 0)
    return baseline.create(baseline.folder() / f"{name}.py", spec, overrides)


def zeros(y: list[int]) -> Batch:
    """Real points, all at 0, where no generated one is."""
    return Batch(torch.zeros(len(y), 2), torch.tensor(y))


def is_real(x: Tensor) -> Tensor:
    return (x == 0).all(1)


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def log_softmax(logits: list[float], k: int) -> float:
    return logits[k] - math.log(sum(math.exp(v) for v in logits))


class Recorder(nn.Module):
    """Keeps the arguments of every call and returns what `function` makes of them."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function
        self.calls: list[tuple[Tensor, ...]] = []
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, *args: Tensor) -> Tensor:
        self.calls.append(args)
        return self.weight * self.function(*args)


@pytest.mark.parametrize("name", ["cgan", "acgan", "semi_supervised"])
def test_data_without_labels_are_unsupported(name: str) -> None:
    with pytest.raises(Unsupported, match="labels"):
        build(name, DataSpec((2,)))


@pytest.mark.parametrize("name", ["cgan", "acgan"])
def test_classes_are_drawn_evenly_where_none_are_asked_for(name: str) -> None:
    narrow = {"units": 8} if name == "acgan" else {"units_g": 8, "units_g_y": 8}
    gan = build(name, **narrow)
    draws = torch.randint
    asked: list[Tensor] = []
    with pytest.MonkeyPatch.context() as patch, torch.no_grad():
        patch.setattr(torch, "randint", lambda *a, **k: asked.append(draws(*a, **k)) or asked[-1])
        gan.sample(9000)
    counts = torch.bincount(torch.cat(asked), minlength=3)
    assert counts.sum() == 9000
    assert (counts - 3000).abs().max() < 5 * math.sqrt(9000 * (1 / 3) * (2 / 3))


# ---------------------------------------------------------------------------------------------------------------- cGAN


def cgan_with_logits(real: float, fake: float) -> Any:
    gan = build("cgan")
    gan.D = Recorder(lambda x, y: torch.where(is_real(x), real, fake))
    return gan


def test_cgan_losses_are_those_of_equation_2_and_its_non_saturating_form() -> None:
    gan = cgan_with_logits(1.5, -0.5)
    losses = gan.d_loss(zeros([0, 1, 2]))
    value = math.log(sigmoid(1.5)) + math.log(1 - sigmoid(-0.5))
    assert losses["loss"].item() == pytest.approx(-value, rel=1e-6)
    assert losses["D(x|y)"].item() == pytest.approx(sigmoid(1.5), rel=1e-6)
    assert losses["D(G(z|y))"].item() == pytest.approx(sigmoid(-0.5), rel=1e-6)
    assert gan.g_loss(zeros([0, 1, 2]))["loss"].item() == pytest.approx(-math.log(sigmoid(-0.5)), rel=1e-6)


def test_cgan_shows_both_players_the_labels_of_the_batch() -> None:
    gan = cgan_with_logits(0.0, 0.0)
    gan.G = Recorder(lambda z, y: z[:, :2])
    real = zeros([2, 0, 1, 1])
    gan.d_loss(real)
    gan.g_loss(real)
    assert len(gan.D.calls) == 3  # real, generated, generated
    assert len(gan.G.calls) == 2
    for _, y in gan.D.calls + gan.G.calls:
        assert torch.equal(y, real.y)


@pytest.mark.parametrize("spec", [POINTS, DIGITS], ids=["points", "images"])
def test_cgan_players_answer_differently_to_different_labels(spec: DataSpec) -> None:
    gan = build("cgan", spec).eval()
    zero, one = torch.zeros(4, dtype=torch.long), torch.ones(4, dtype=torch.long)
    z, x = gan.latent(4), torch.rand(4, *spec.shape)
    with torch.no_grad():
        assert not torch.equal(gan.generate(z, zero), gan.generate(z, one))
        assert not torch.equal(gan.D(x, zero), gan.D(x, one))


def test_cgan_gives_an_unlabelled_sample_zeros_for_its_label() -> None:
    gan = build("cgan").eval()
    x = torch.randn(2, 2)
    blank = gan.D.of_label(torch.zeros(2, 3))
    expected = gan.D.joint(torch.cat([gan.D.of_input(x), blank], 1))
    assert torch.equal(gan.D(x, torch.tensor([-1, -1])), expected)


def test_cgan_discriminator_sees_pixels_between_0_and_1() -> None:
    gan = build("cgan", DataSpec((1, 8, 8), classes=3))
    seen: list[Tensor] = []
    gan.D.of_input[2].register_forward_pre_hook(lambda _, x: seen.append(x[0]))
    gan.D(torch.linspace(-1, 1, 64).view(1, 1, 8, 8), torch.tensor([0]))
    assert (seen[0].min().item(), seen[0].max().item()) == (0, 1)


def test_cgan_networks_have_the_papers_sizes() -> None:
    gan = build("cgan", DataSpec((1, 28, 28), classes=10))
    sizes = {p: [tuple(m.weight.shape[::-1]) for m in p.modules() if isinstance(m, nn.Linear)] for p in (gan.G, gan.D)}
    assert sizes[gan.G] == [(100, 200), (10, 1000), (1200, 1200), (1200, 784)]
    assert sizes[gan.D] == [(784, 240 * 5), (10, 50 * 5), (290, 240 * 4), (240, 1)]
    z = gan.latent(100)
    assert 0 <= z.min() < 0.01
    assert 0.99 < z.max() <= 1


# -------------------------------------------------------------------------------------------------------------- AC-GAN

REAL, FAKE = [1.5, 0.2, -0.3, 0.7], [-0.5, 0.4, 0.1, -0.6]  # the source's logit, then those of three classes


def acgan_with_logits() -> Any:
    gan = build("acgan")
    gan.D = Recorder(lambda x: torch.where(is_real(x)[:, None], torch.tensor(REAL), torch.tensor(FAKE)))
    gan.draw_classes = lambda n: torch.full((n,), 1)
    return gan


def test_acgan_discriminator_ascends_source_and_class_of_all_samples() -> None:
    losses = acgan_with_logits().d_loss(zeros([0, 2]))
    L_S = math.log(sigmoid(1.5)) + math.log(1 - sigmoid(-0.5))
    L_C = (log_softmax(REAL[1:], 0) + log_softmax(REAL[1:], 2)) / 2 + log_softmax(FAKE[1:], 1)
    assert losses["L_S"].item() == pytest.approx(L_S, rel=1e-6)
    assert losses["L_C"].item() == pytest.approx(L_C, rel=1e-6)
    assert losses["loss"].item() == pytest.approx(-(L_S + L_C), rel=1e-6)


def test_acgan_generator_ascends_its_class_and_passing_for_real() -> None:
    loss = acgan_with_logits().g_loss(zeros([0, 2]))["loss"].item()
    assert loss == pytest.approx(-(math.log(sigmoid(-0.5)) + log_softmax(FAKE[1:], 1)), rel=1e-6)


def test_acgan_unlabelled_samples_count_in_the_source_alone() -> None:
    gan = acgan_with_logits()
    losses = gan.d_loss(zeros([0, -1, -1]))
    L_S = math.log(sigmoid(1.5)) + math.log(1 - sigmoid(-0.5))
    assert losses["L_S"].item() == pytest.approx(L_S, rel=1e-6)
    assert losses["L_C"].item() == pytest.approx(log_softmax(REAL[1:], 0) + log_softmax(FAKE[1:], 1), rel=1e-6)
    none = gan.d_loss(zeros([-1, -1, -1]))
    assert none["L_C"].item() == pytest.approx(log_softmax(FAKE[1:], 1), rel=1e-6)


def test_acgan_label_of_a_real_sample_reaches_only_its_class_logits() -> None:
    gan = build("acgan")
    logits = torch.zeros(4, 4, requires_grad=True)
    gan.D = Recorder(lambda x: logits if is_real(x).all() else torch.zeros(4, 4))
    gan.d_loss(zeros([0, -1, 2, -1]))["loss"].backward()
    assert logits.grad is not None
    reached = logits.grad[:, 1:].abs().sum(1) > 0
    assert reached.tolist() == [True, False, True, False]
    assert (logits.grad[:, 0] != 0).all()


def test_acgan_generator_learns_nothing_from_the_labels_of_the_batch() -> None:
    gan = build("acgan", units=8)
    losses = []
    for y in ([0, 0, 0], [2, 1, -1]):
        reseed("test", 1)
        losses.append(gan.g_loss(zeros(y))["loss"])
    assert torch.equal(*losses)


def test_acgan_classifier_must_find_the_class_asked_of_the_generator() -> None:
    gan = build("acgan", z=2)
    gan.G = Recorder(lambda zc: zc[:, :2])
    asked: list[Tensor] = []
    draw = gan.draw_classes
    gan.draw_classes = lambda n: asked.append(draw(n)) or asked[-1]
    gan.g_loss(zeros([0] * 20))
    (one_hot_and_z,) = gan.G.calls[0]
    assert torch.equal(one_hot_and_z[:, :3].argmax(1), asked[0])
    assert torch.equal(one_hot_and_z[:, :3].sum(1), torch.ones(20))


# ----------------------------------------------------------------------------------------------------- semi-supervised


class Logits(nn.Module):
    """A classifier of three classes with the same logits for all real data, and others for generated ones."""

    standardised = True

    def __init__(self, real: list[float], fake: list[float]) -> None:
        super().__init__()
        self.real, self.fake = nn.Parameter(torch.tensor(real)), nn.Parameter(torch.tensor(fake))

    def forward(self, x: Tensor) -> Tensor:
        return torch.where(is_real(x)[:, None], self.real, self.fake)


def test_semi_supervised_loss_has_k_plus_1_classes_with_last_logit_0() -> None:
    gan = build("semi_supervised", weight=0.25)
    real, fake = [0.3, 1.2, -0.4], [-0.1, 0.8, -2.0]
    gan.D = Logits(real, fake)
    losses = gan.d_loss(zeros([1, -1, -1, 2]))
    supervised = -(log_softmax(real, 1) + log_softmax(real, 2)) / 2
    p_real = 1 - math.exp(log_softmax([*real, 0.0], 3))
    p_fake = math.exp(log_softmax([*fake, 0.0], 3))
    unsupervised = -math.log(p_real) - math.log(p_fake)
    assert losses["supervised"].item() == pytest.approx(supervised, rel=1e-6)
    assert losses["unsupervised"].item() == pytest.approx(unsupervised, rel=1e-6)
    assert losses["loss"].item() == pytest.approx(supervised + 0.25 * unsupervised, rel=1e-6)


def test_semi_supervised_generator_matches_the_mean_features() -> None:
    gan = build("semi_supervised")
    gan.G = Recorder(lambda z: torch.tensor([[1.0, 2.0], [3.0, -6.0]]))
    gan.D.body = nn.Identity()
    real = Batch(torch.tensor([[0.5, 0.0], [0.5, 2.0]]), torch.tensor([-1, -1]))
    assert gan.g_loss(real)["loss"].item() == pytest.approx(((2 - 0.5) ** 2 + (-2 - 1) ** 2) / 2)


SEED, LABELS = 3, 2


def ring_of_classes(y: Tensor | None = None) -> TrainingData:
    """60 points with three classes."""
    x = torch.randn(60, 2, generator=torch.Generator().manual_seed(0))
    return TrainingData(x, torch.arange(60) % 3 if y is None else y, POINTS)


def first_of_each_class(y: Tensor) -> list[int]:
    """Row numbers of the first `LABELS` samples of each class, in the order of the seed's first epoch."""
    rows = indices(60, SEED, 0, 60).tolist()
    return [row for c in range(3) for row in [r for r in rows if y[r] == c][:LABELS]]


def trained(source: TrainingData) -> dict[str, Tensor]:
    """The state after two epochs."""
    gan = build("semi_supervised", units_g=8, units_d=8, batch=6, labels=LABELS)
    training = loop.Training(gan, source, SEED)
    while training.seen < 120:
        training.step()
    return training.state.tensors


def test_semi_supervised_training_does_not_see_the_other_labels() -> None:
    y = ring_of_classes().y
    allowed = first_of_each_class(y)
    masked = torch.full_like(y, -1)
    masked[allowed] = y[allowed]
    with_all, without = trained(ring_of_classes()), trained(ring_of_classes(masked))
    assert (masked >= 0).sum() == 3 * LABELS
    assert all(torch.equal(with_all[k], without[k]) for k in with_all)


def test_semi_supervised_training_depends_on_every_allowed_label() -> None:
    y = ring_of_classes().y
    reference = trained(ring_of_classes())["gan.D.head.1.weight"]
    for row in first_of_each_class(y):
        masked = y.clone()
        masked[row] = -1
        assert not torch.equal(trained(ring_of_classes(masked))["gan.D.head.1.weight"], reference)


def test_semi_supervised_labelled_set_is_the_first_samples_of_each_class() -> None:
    source = ring_of_classes()
    labelled = trained(source)["gan.labelled"]
    assert torch.equal(labelled.flatten(0, 1), source.x[first_of_each_class(source.y)])


def test_semi_supervised_minibatch_holds_samples_with_their_labels() -> None:
    gan = build("semi_supervised", labels=3, batch=4)
    x = torch.arange(16.0).reshape(8, 2)
    y = torch.tensor([2, -1, 0, 2, 2, 2, -1, 1])  # the fourth of class 2 is one too many
    gan.keep_labelled(Batch(x, y))
    label = {float(a): int(b) for (a, _), b in zip(x, y, strict=True)}
    seen = set()
    for _ in range(50):
        some, theirs = gan.labelled_batch()
        assert len(some) == len(theirs) == 4
        assert [label[float(a)] for a, _ in some] == theirs.tolist()
        seen |= {float(a) for a, _ in some}
    assert seen == {0.0, 4.0, 6.0, 8.0, 14.0}


def test_semi_supervised_without_any_label_has_no_supervised_loss() -> None:
    gan = build("semi_supervised", units_g=8, units_d=8)
    losses = gan.d_loss(Batch(torch.randn(6, 2), torch.full((6,), -1)))
    assert losses["supervised"] == 0
    assert torch.isfinite(losses["loss"])


def test_semi_supervised_first_batch_gives_layers_mean_0_and_variance_1() -> None:
    gan = build("semi_supervised", DIGITS, noise_input=0.0, noise_hidden=0.0)
    x = torch.rand(100, 1, 8, 8) * 2 - 1
    gan.D.standardise(x)
    for layer in gan.D.body:
        x = layer(x)
        if isinstance(layer, nn.Linear):
            assert x.mean(0).abs().max().item() < 1e-4
            assert (x.std(0) - 1).abs().max().item() < 1e-4


def test_semi_supervised_scale_of_weights_is_not_trained() -> None:
    gan = build("semi_supervised", DIGITS)
    layer = next(m for m in gan.D.body if isinstance(m, nn.Linear))
    assert "g" not in dict(layer.named_parameters())
    x = torch.rand(3, 64)
    before = layer(x)
    with torch.no_grad():
        layer.weight.mul_(7)
    assert torch.allclose(before, layer(x), atol=1e-6)


def test_semi_supervised_scale_of_weights_is_that_of_the_first_batch() -> None:
    gan = build("semi_supervised", units_g=8, units_d=8, batch=6)
    training = loop.Training(gan, ring_of_classes(), SEED)
    scales = []
    for _ in range(3):
        scales.append(torch.cat([layer.g.clone() for layer in gan.D.body if isinstance(layer, nn.Linear)]))
        training.step()
    assert (scales[0] == 1).all()
    assert not torch.equal(scales[0], scales[1])
    assert torch.equal(scales[1], scales[2])


def test_semi_supervised_noise_is_for_training_alone() -> None:
    gan = build("semi_supervised", DIGITS)
    x = torch.rand(3, 1, 8, 8)
    assert not torch.equal(gan.D(x), gan.D(x))
    gan.eval()
    assert torch.equal(gan.D(x), gan.D(x))


def test_semi_supervised_networks_have_the_papers_sizes() -> None:
    gan = build("semi_supervised", DataSpec((1, 28, 28), classes=10))
    sizes = {p: [tuple(m.weight.shape[::-1]) for m in p.modules() if isinstance(m, nn.Linear)] for p in (gan.G, gan.D)}
    assert sizes[gan.G] == [(100, 500), (500, 500), (500, 784)]
    assert sizes[gan.D] == [(784, 1000), (1000, 500), (500, 250), (250, 250), (250, 250), (250, 10)]
