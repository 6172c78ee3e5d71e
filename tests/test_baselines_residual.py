"""SNGAN, SAGAN and BigGAN against their papers."""

# mypy: no-strict-optional, disable-error-code="func-returns-value"

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, interpolate
from torch.nn.utils.parametrize import is_parametrized

from ganbench import baseline
from ganbench.gan import Batch, DataSpec, Unsupported
from ganbench.layers import resnet
from ganbench.layers.attention import SelfAttention
from ganbench.training import loop
from ganbench.training.average import decay
from ganbench.training.order import TrainingData, reseed

POINTS = DataSpec((2,))
DIGITS = DataSpec((1, 8, 8), classes=10)
SMALL = {
    "sngan": {"width_g": 4, "width_d": 4, "units": 8, "batch": 6},
    "sagan": {"width": 8, "batch": 6},
    "biggan": {"width": 8, "batch": 6, "embedding": 5, "z": 12},
}
CONDITIONAL = ["sagan", "biggan"]


def build(name: str, spec: Any = DIGITS, **overrides: object) -> Any:
    reseed("test", 0)
    return baseline.create(baseline.folder() / f"{name}.py", spec, SMALL[name] | overrides)


def batch(spec: DataSpec = DIGITS) -> Batch:
    return Batch(torch.rand(6, *spec.shape) * 2 - 1, torch.arange(6) % max(spec.classes, 1))


def shapes(network: nn.Module) -> dict[str, tuple[int, ...]]:
    return {k: tuple(p.shape) for k, p in network.named_parameters()}


class Outputs(nn.Module):
    """A discriminator that says `real` of images that are 0 and `fake` of all others, whatever their class."""

    def __init__(self, real: float, fake: float) -> None:
        super().__init__()
        self.values = nn.Parameter(torch.tensor([real, fake]))

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        real, fake = self.values
        return torch.where(x.flatten(1).abs().sum(1) == 0, real, fake)


@pytest.mark.parametrize(("small", "large"), [(4, 8), (7, 14), (4, 7)])
def test_convolutions_around_a_change_of_size_are_the_plain_ones(small: int, large: int) -> None:
    conv = nn.Conv2d(3, 5, 3, padding=1).double()
    x = torch.rand(2, 3, small, small, dtype=torch.float64)
    torch.testing.assert_close(resnet.upsampled(conv, x, large), conv(interpolate(x, large)))
    x = torch.rand(2, 3, large, large, dtype=torch.float64)
    torch.testing.assert_close(resnet.downsampled(conv, x, small), adaptive_avg_pool2d(conv(x), small))
    assert torch.equal(resnet.downsampled(conv, x, large), conv(x))


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize(
    ("real", "fake", "d", "g"),
    [(0.25, -0.5, 0.75 + 0.5, 0.5), (2.0, -3.0, 0.0, 3.0), (-1.0, 4.0, 2.0 + 5.0, -4.0)],
)
def test_hinge_losses_are_those_worked_out_by_hand(name: str, real: float, fake: float, d: float, g: float) -> None:
    gan = build(name, **({"ortho": 0.0} if name == "biggan" else {}))
    gan.D = Outputs(real, fake)
    zeros = Batch(torch.zeros(6, 1, 8, 8), torch.arange(6))
    assert gan.d_loss(zeros)["loss"].item() == pytest.approx(d)
    assert gan.g_loss(zeros)["loss"].item() == pytest.approx(g)


@pytest.mark.parametrize("shape", [(1, 7, 7), (1, 129, 129), (1, 28, 32)])
@pytest.mark.parametrize("name", SMALL)
def test_residual_gans_say_what_they_treat(name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(Unsupported, match="square images from 8x8 to 128x128"):
        build(name, DataSpec(shape, classes=2))


# SNGAN


@pytest.mark.parametrize("spec", [POINTS, DIGITS], ids=["points", "images"])
def test_sngan_discriminators_weights_have_a_largest_singular_value_of_1(spec: DataSpec) -> None:
    gan = build("sngan", spec)
    for _ in range(50):  # power iterations, one per forward pass
        gan.D(batch(spec).x)
    layers = [m for m in gan.D.modules() if isinstance(m, nn.Linear | nn.Conv2d)]
    assert len(layers) > 4
    for layer in layers:
        largest = torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item()
        assert largest == pytest.approx(1, abs=1e-2)
    assert not any(is_parametrized(m) for m in gan.G.modules())


def test_sngan_generator_step_moves_power_iteration_but_no_weight_of_d() -> None:
    gan = build("sngan")
    training = loop.Training(gan, TrainingData(torch.zeros(40, 1, 8, 8, dtype=torch.uint8), torch.zeros(40), DIGITS), 0)
    before = {k: v.clone() for k, v in gan.D.state_dict().items()}
    loop.descend(gan.g_loss(batch()), training.opt_g)
    changed = {k for k, v in gan.D.state_dict().items() if not torch.equal(v, before[k])}
    assert changed <= {k for k in before if k.endswith(("_u", "_v"))}


def test_sngan_at_32_has_the_blocks_of_the_papers_table_4() -> None:
    gan = build("sngan", DataSpec((3, 32, 32)), width_g=256, width_d=128)
    assert gan.G.start[0].weight.shape == (4 * 4 * 256, 128)
    assert [(*b.conv1.weight.shape[:2], b.size) for b in gan.G.blocks] == [(256, 256, s) for s in (8, 16, 32)]
    blocks = [b for b in gan.D.body if isinstance(b, resnet.DownBlock)]
    assert [(b.conv2.weight.shape[0], b.size) for b in blocks] == [(128, 16), (128, 8), (128, 8), (128, 8)]
    assert [isinstance(b.skip, nn.Identity) for b in blocks] == [False, False, True, True]
    assert [isinstance(b.start, nn.Identity) for b in blocks] == [True, False, False, False]


def test_discriminator_sums_over_positions() -> None:
    gan = build("sngan")
    x = batch().x
    gan.eval()
    h = gan.D.body(x)
    assert h.min() >= 0
    assert torch.allclose(gan.D(x), gan.D.head(h.flatten(2).sum(2)))


# Parts


def test_conditional_batch_norm_with_one_constant_condition_is_batch_norm() -> None:
    ours: Any = resnet.ConditionalBatchNorm(3, 1, resnet.Table)
    theirs = nn.BatchNorm2d(3)
    with torch.no_grad():
        theirs.weight.copy_(torch.tensor([0.5, 1.0, 2.0]))
        theirs.bias.copy_(torch.tensor([-1.0, 0.0, 1.0]))
        ours.gain.weight[:, 0] = theirs.weight - 1
        ours.bias.weight[:, 0] = theirs.bias
    x = torch.randn(4, 3, 5, 5)
    assert torch.allclose(ours(x, torch.ones(4, 1)), theirs(x), atol=1e-6)
    assert torch.allclose(ours.eval()(x, torch.ones(4, 1)), theirs.eval()(x), atol=1e-6)


def test_conditional_batch_norm_gives_each_class_its_own_gain_and_bias() -> None:
    norm: Any = resnet.ConditionalBatchNorm(2, 3, resnet.Table)
    with torch.no_grad():
        norm.gain.weight.copy_(torch.tensor([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]))
        norm.bias.weight.copy_(torch.tensor([[0.0, 0.1, 0.2], [0.3, 0.4, 0.5]]))
    x = torch.randn(2, 2, 4, 4)
    plain = (x - x.mean((0, 2, 3), keepdim=True)) / (x.var((0, 2, 3), correction=0, keepdim=True) + 1e-5).sqrt()
    y = norm(x, torch.eye(3)[[2, 0]])
    assert torch.allclose(y[0, 1], plain[0, 1] * 6 + 0.5, atol=1e-5)
    assert torch.allclose(y[1, 0], plain[1, 0], atol=1e-5)


def test_attention_is_that_of_equations_1_to_3_with_pooled_keys() -> None:
    attention, x = SelfAttention(16), torch.randn(2, 16, 5, 5)
    with torch.no_grad():
        attention.gamma.fill_(0.7)
    g = attention.g(x).flatten(2)  # [N, C/8, positions]
    f, h = (layer(x)[..., :4, :4].unfold(2, 2, 2).unfold(3, 2, 2).amax((4, 5)) for layer in (attention.f, attention.h))
    f, h = f.flatten(2), h.flatten(2)  # pooled: [N, C/8, 4], [N, C/2, 4]
    assert (g.shape, f.shape, h.shape) == ((2, 2, 25), (2, 2, 4), (2, 8, 4))
    expected = torch.empty(2, 8, 25)
    for n in range(2):
        for j in range(25):
            s = torch.stack([f[n, :, i] @ g[n, :, j] for i in range(4)])
            beta = s.exp() / s.exp().sum()
            expected[n, :, j] = sum(beta[i] * h[n, :, i] for i in range(4))
    y = 0.7 * attention.v(expected.unflatten(2, (5, 5))) + x
    assert torch.allclose(attention(x), y, atol=1e-6)


def test_attention_starts_as_the_identity_and_learns_from_there() -> None:
    attention, x = SelfAttention(16), torch.randn(2, 16, 3, 3)
    y = attention(x)
    assert torch.equal(y, x)
    y.square().sum().backward()
    assert attention.gamma.grad.abs() > 0


def test_projection_adds_the_inner_product_of_class_and_features() -> None:
    gan = build("sagan").eval()
    x, y = batch().x, torch.tensor([0, 1, 2, 9, -1, -1])
    h = gan.D.features(x)
    projection = [gan.D.embed.weight[k] @ h[i] if k >= 0 else torch.zeros(()) for i, k in enumerate(y)]
    expected = gan.D.head(h) + torch.stack(projection)
    assert torch.allclose(gan.D(x, y), expected, atol=1e-6)


# SAGAN and BigGAN


@pytest.mark.parametrize(
    ("name", "size", "resolution"),
    [("sagan", 128, 32), ("sagan", 64, 32), ("sagan", 32, 16), ("sagan", 28, 14), ("sagan", 8, 4), ("biggan", 128, 64)],
)
def test_attention_is_at_the_papers_size_or_at_half_of_a_small_image(name: str, size: int, resolution: int) -> None:
    gan = build(name, DataSpec((1, size, size), classes=2), width=4)
    seen = []
    for layer in gan.modules():
        if isinstance(layer, SelfAttention):
            layer.register_forward_hook(lambda module, inputs, output: seen.append(output.shape[2:]))
    y = torch.tensor([0, 1])
    with torch.no_grad():
        gan.D(gan.sample(2, y), y)
    assert seen == [(resolution, resolution)] * 2  # once in G, once in D


@pytest.mark.parametrize("name", CONDITIONAL)
def test_all_weight_matrices_of_both_players_are_spectrally_normalised(name: str) -> None:
    gan = build(name)
    layers = {k: m for k, m in gan.named_modules() if isinstance(m, nn.Linear | nn.Conv2d | nn.Embedding)}
    free = {k for k, m in layers.items() if not is_parametrized(m, "weight")}
    assert free == ({"G.embed"} if name == "biggan" else set())
    assert {k.partition(".")[0] for k in layers} == {"G", "D"}


@pytest.mark.parametrize("name", CONDITIONAL)
def test_class_conditional_gans_need_classes(name: str) -> None:
    with pytest.raises(Unsupported, match="no classes"):
        build(name, DataSpec((1, 8, 8)))


@pytest.mark.parametrize("name", CONDITIONAL)
def test_real_labels_reach_the_discriminators_loss_alone(name: str) -> None:
    real = batch()
    other = Batch(real.x, real.y.flip(0))
    losses = {}
    for key, labels in (("there", real), ("other", other)):
        gan = build(name)
        reseed("test", 1)
        losses["d", key] = gan.d_loss(labels)["loss"]
        gan = build(name)
        reseed("test", 1)
        losses["g", key] = gan.g_loss(labels)["loss"]
    assert losses["d", "there"] != losses["d", "other"]
    assert losses["g", "there"] == losses["g", "other"]


@pytest.mark.parametrize("name", CONDITIONAL)
def test_generator_makes_the_asked_class_and_otherwise_all_equally(name: str) -> None:
    gan = build(name)
    for table in (m for m in gan.G.modules() if isinstance(m, resnet.Table)):  # SAGAN's start at 0
        nn.init.normal_(table.weight)
    gan.eval()
    z = gan.latent(2)
    with torch.no_grad():
        assert not torch.equal(gan.generate(z, torch.tensor([0, 0])), gan.generate(z, torch.tensor([1, 1])))
    counts = gan.draw_classes(10_000).bincount(minlength=10)
    assert counts.min() > 850
    assert counts.max() < 1150


@pytest.mark.parametrize("name", CONDITIONAL)
def test_discriminator_sees_fakes_with_the_classes_they_were_made_for(name: str) -> None:
    gan = build(name)
    made, seen = [], []
    sample = gan.sample
    gan.sample = lambda n, y: made.append(y) or sample(n, y)
    gan.D.register_forward_hook(lambda module, inputs, output: seen.append(inputs[1]))
    real = batch()
    gan.d_loss(real)
    gan.g_loss(real)
    assert torch.equal(seen[0], torch.cat([real.y, made[0]]))
    assert torch.equal(seen[1], made[1])


def test_sagan_has_two_time_scales() -> None:
    config = build("sagan").config
    assert (config.lr_g, config.lr_d, config.n_critic) == (1e-4, 4e-4, 1)


# BigGAN


@pytest.mark.parametrize(
    ("width", "shared", "skip_z", "millions"),
    [
        (64, False, False, 81.5),
        (96, False, False, 173.5),
        (96, True, False, 160.6),
        (96, True, True, 158.3),
        (64, True, True, 71.3),
    ],
)
def test_biggan_has_the_number_of_parameters_of_each_row_of_table_1(
    monkeypatch: pytest.MonkeyPatch, width: int, shared: bool, skip_z: bool, millions: float
) -> None:
    monkeypatch.setattr(resnet, "normalise_spectrally", lambda network: None)  # adds none, and takes its time
    with torch.device("meta"):
        gan = build(
            "biggan",
            DataSpec((3, 128, 128), classes=1000),
            width=width,
            shared=shared,
            skip_z=skip_z,
            embedding=128,
            z=120 if skip_z else 128,
        )
    assert sum(p.numel() for p in gan.parameters()) / 1e6 == pytest.approx(
        millions, abs=0.2
    )  # the attention of the authors' code has 0.06 more


OFF = {"shared": False, "skip_z": False, "ortho": 0.0}
RGB = DataSpec((3, 16, 16), classes=10)  # two blocks, so z has three chunks


def test_biggan_shared_has_one_embedding_for_all_tables_of_classes() -> None:
    before, after = build("biggan", RGB, **OFF), build("biggan", RGB, **OFF | {"shared": True})
    assert shapes(before.D) == shapes(after.D)
    old, new = shapes(before.G), shapes(after.G)
    assert new.pop("embed.weight") == (10, 5)
    assert old.keys() == new.keys()
    changed = {k for k in old if old[k] != new[k]}
    assert changed == {k for k in old if "norm" in k}
    assert len(changed) == 2 * 2 * 2  # blocks, norms, gain and bias
    assert all(old[k] == (new[k][0], 10) and new[k][1] == 5 for k in changed)


def test_biggan_skip_z_moves_equal_chunks_of_z_to_the_blocks() -> None:
    before, after = build("biggan", RGB, **OFF), build("biggan", RGB, **OFF | {"skip_z": True})
    assert shapes(before.D) == shapes(after.D)
    old, new = shapes(before.G), shapes(after.G)
    changed = {k for k in old if old[k] != new[k]}
    start = next(k for k in old if k.startswith("net.start.0") and old[k] == (4 * 4 * 32, 12))
    assert new[start] == (4 * 4 * 32, 4)
    assert changed == {start} | {k for k in old if "norm" in k}
    assert all(new[k][1] == old[k][1] + 4 for k in changed - {start})


def test_biggan_blocks_see_the_class_and_their_own_chunk_of_z() -> None:
    gan = build("biggan", RGB)
    seen = []
    for block in gan.G.net.blocks:
        block.register_forward_hook(lambda module, inputs, output: seen.append(inputs[1]))
    z, y = gan.latent(6), torch.arange(6)
    gan.generate(z, y)
    assert torch.equal(seen[0], torch.cat([gan.G.embed(y), z[:, 4:8]], 1))
    assert torch.equal(seen[1], torch.cat([gan.G.embed(y), z[:, 8:]], 1))


def test_biggan_ortho_adds_only_equation_3_to_the_generators_loss() -> None:
    losses: dict[Any, float] = {}
    for beta in (0.0, 0.01):
        gan = build("biggan", ortho=beta)
        reseed("test", 1)
        losses[beta] = gan.g_loss(batch())["loss"].item()
        reseed("test", 1)
        losses["d", beta] = gan.d_loss(batch())["loss"].item()
    penalty = 0.0
    for name, w in gan.G.named_parameters():
        if w.ndim > 1 and name != "embed.weight":
            filters = w.detach().double().reshape(len(w), -1)
            products = filters @ filters.T
            penalty += (products * (1 - torch.eye(len(w)))).square().sum().item()
    assert penalty > 0
    assert losses[0.01] - losses[0.0] == pytest.approx(0.01 * penalty, rel=1e-4)
    assert losses["d", 0.01] == losses["d", 0.0]
    assert shapes(build("biggan", ortho=0.0)) == shapes(gan)


def test_biggan_ortho_leaves_lengths_of_filters_and_the_embedding_alone() -> None:
    gan = build("biggan")
    for w in gan.G.net.parameters():
        if w.ndim > 1:
            nn.init.zeros_(w)
            w.data.flatten(1).fill_diagonal_(3.0)  # orthogonal filters, not of length 1
    penalty = gan.correlation()
    assert penalty.item() == 0
    assert torch.autograd.grad(penalty, gan.G.embed.weight, allow_unused=True) == (None,)


def test_biggan_width_scales_every_layer_and_batch_none() -> None:
    base, wide, large = (build("biggan", **s) for s in ({}, {"width": 16}, {"batch": 12}))
    assert shapes(base) == shapes(large)
    for k, shape in shapes(base).items():
        if k.endswith("conv2.parametrizations.weight.original"):
            assert shapes(wide)[k][:2] == (2 * shape[0], 2 * shape[1])
    assert shapes(base).keys() == shapes(wide).keys()


def test_biggan_channels_at_128_are_those_of_the_papers_table() -> None:
    gan = build("biggan", DataSpec((3, 128, 128), classes=2), width=1)
    g = [b.conv1.weight.shape[0] for b in gan.G.net.blocks]
    d = [b.conv1.weight.shape[0] for b in gan.D.body if isinstance(b, resnet.DownBlock)]
    assert g == [16, 8, 4, 2, 1]
    assert d == [1, 2, 4, 8, 16, 16]


def test_biggan_is_sampled_with_averaged_weights_after_two_d_steps() -> None:
    gan = build("biggan", ema=0.5)
    source = TrainingData(torch.randint(0, 256, (40, 1, 8, 8), dtype=torch.uint8), torch.arange(40) % 10, DIGITS)
    training = loop.Training(gan, source, 0)
    training.step()
    first = next(gan.G.parameters()).detach().clone()
    training.step()
    assert training.seen == 2 * 2 * 6
    average = next(training.result().G.parameters())
    keep = decay(0.5, 1)  # of the first step's weights; the average starts as these
    assert torch.allclose(average, keep * first + (1 - keep) * next(gan.G.parameters()))
