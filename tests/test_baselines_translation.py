"""Translation, text to image, editing, waves and clips: each GAN against its paper, by numbers worked out by hand."""

# mypy: disable-error-code="attr-defined"

from __future__ import annotations

import math
import sys
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ganbench import baseline
from ganbench.errors import UserError
from ganbench.gan import Batch, DataSpec
from ganbench.training.order import reseed

PAIRS = DataSpec((3, 16, 16), cond=(3, 16, 16))
CAPTIONS = DataSpec((3, 16, 16), cond=(5,))
LABELS = DataSpec((2,), classes=3)


def build(name: str, spec: DataSpec, **overrides: Any) -> Any:
    reseed("test", 0)
    path = baseline.folder() / f"{name}.py"
    narrow = {k: 4 for k in baseline.config(path).model_fields if k.startswith(("width", "units", "blocks"))}
    return baseline.create(path, spec, narrow | overrides)


def batch(spec: DataSpec, n: int = 6) -> Batch:
    generator = torch.Generator().manual_seed(1)
    x, cond = (torch.rand(n, *shape, generator=generator) * 2 - 1 for shape in (spec.shape, spec.cond))
    return Batch(x, torch.arange(n) % max(spec.classes, 1), cond if spec.cond else None)


class Same(nn.Module):
    """A translator that changes nothing, or only the sign."""

    def __init__(self, sign: float = 1.0) -> None:
        super().__init__()
        self.sign = nn.Parameter(torch.tensor(sign))

    def forward(self, x: Tensor) -> Tensor:
        return self.sign * x


class Says(nn.Module):
    """A discriminator that answers every sample with the same number."""

    def __init__(self, answer: float) -> None:
        super().__init__()
        self.answer = nn.Parameter(torch.tensor(answer))

    def forward(self, *parts: Tensor) -> Tensor:
        return self.answer.expand(len(parts[0]))


def test_pix2pix_losses_are_the_equations() -> None:
    gan, real = build("pix2pix", PAIRS, l1=10.0, gan=2.0), batch(PAIRS)
    assert real.cond is not None
    gan.G, gan.D = Same(), Says(0.7)
    L1 = (real.x - real.cond).abs().mean().item()
    assert gan.g_loss(real)["loss"].item() == pytest.approx(10 * L1 + 2 * math.log1p(math.exp(-0.7)))
    both = math.log1p(math.exp(-0.7)) + math.log1p(math.exp(0.7))
    assert gan.d_loss(real)["loss"].item() == pytest.approx(both / 2)


def test_pix2pix_without_a_game_trains_g_alone() -> None:
    gan, real = build("pix2pix", PAIRS, gan=0.0, l1=1.0), batch(PAIRS)
    assert real.cond is not None
    assert gan.d_loss(real) == {}
    gan.G = Same()
    assert gan.g_loss(real)["loss"].item() == pytest.approx((real.x - real.cond).abs().mean().item())


def test_pix2pix_dropout_is_its_noise_when_samples_are_drawn() -> None:
    real = batch(PAIRS)
    for dropout, same in ((0.5, False), (0.0, True)):
        gan = build("pix2pix", PAIRS, dropout=dropout).eval()
        a, b = (gan.sample(6, cond=real.cond) for _ in range(2))
        assert torch.equal(a, b) == same


def test_translators_refuse_a_condition_of_another_size() -> None:
    for name in ("pix2pix", "cyclegan", "discogan", "context_encoder"):
        with pytest.raises(UserError, match="same size"):
            build(name, DataSpec((3, 16, 16), cond=(3, 8, 8)))


def test_cyclegan_that_only_inverts_colours_has_no_cycle_loss() -> None:
    gan, real = build("cyclegan", PAIRS, identity=0.0, cycle=10.0), batch(PAIRS)
    gan.G["G"], gan.G["F"] = Same(-1.0), Same(-1.0)
    gan.D["a"], gan.D["b"] = Says(0.5), Says(0.0)
    losses = gan.g_loss(real)
    assert losses["cycle"].item() == 0
    assert losses["loss"].item() == pytest.approx(0.25 + 1.0)


def test_cyclegan_identity_loss_sees_the_inverted_colours() -> None:
    gan, real = build("cyclegan", PAIRS, identity=0.5, cycle=10.0, gan=0.0), batch(PAIRS)
    assert real.cond is not None
    gan.G["G"], gan.G["F"] = Same(-1.0), Same(-1.0)
    change = 2 * (real.x.abs().mean() + real.cond.abs().mean()).item()
    assert gan.g_loss(real)["loss"].item() == pytest.approx(0.5 * 10 * change, rel=1e-5)
    assert gan.d_loss(real) == {}


def test_cyclegan_loss_does_not_see_which_image_belongs_to_which() -> None:
    gan, real = build("cyclegan", PAIRS).eval(), batch(PAIRS)
    assert real.cond is not None
    moved = Batch(real.x, real.y, real.cond.roll(1, 0))
    assert gan.g_loss(real)["loss"].item() == pytest.approx(gan.g_loss(moved)["loss"].item(), rel=1e-5)


def test_cyclegan_d_descends_least_squares_of_both_domains() -> None:
    gan, real = build("cyclegan", PAIRS), batch(PAIRS)
    gan.G["G"], gan.G["F"] = Same(), Same()
    gan.D["a"], gan.D["b"] = Says(0.75), Says(0.5)
    by_hand = (0.25**2 + 0.75**2 + 0.5**2 + 0.5**2) / 2
    assert gan.d_loss(real)["loss"].item() == pytest.approx(by_hand)


def test_cyclegan_pool_gives_back_older_images_half_of_the_time() -> None:
    pool = sys.modules[type(build("cyclegan", PAIRS)).__module__].Pool(50, (1,))
    first = torch.arange(50.0)[:, None]
    assert torch.equal(pool(first), first)
    torch.manual_seed(0)
    seen = torch.cat([pool(torch.arange(50.0 * k, 50.0 * k + 50)[:, None]) for k in range(1, 41)]).flatten()
    fresh = torch.arange(50.0, 2050.0)
    assert 0.45 < (seen == fresh).float().mean() < 0.55
    everything = torch.cat([seen, pool.images.flatten()])
    assert torch.equal(everything.sort().values, torch.arange(2050.0))  # no image is lost or comes twice


def test_discogan_losses_are_the_equations() -> None:
    gan, real = build("discogan", PAIRS, constancy=3.0), batch(PAIRS)
    assert real.cond is not None
    gan.G["ab"], gan.G["ba"] = Same(0.5), Same(1.0)
    gan.D["a"], gan.D["b"] = Says(0.2), Says(-0.3)
    game = math.log1p(math.exp(-0.2)) + math.log1p(math.exp(0.3))
    constancy = (0.25 * real.cond.square().mean() + 0.25 * real.x.square().mean()).item()
    assert gan.g_loss(real)["loss"].item() == pytest.approx(game + 3 * constancy, rel=1e-5)
    both = sum(math.log1p(math.exp(-d)) + math.log1p(math.exp(d)) for d in (0.2, -0.3))
    assert gan.d_loss(real)["loss"].item() == pytest.approx(both)


def test_srgan_trains_g_alone_and_then_the_game() -> None:
    spec = DataSpec((3, 16, 16), cond=(3, 4, 4))
    gan, real = build("srgan", spec, images_alone=12, batch=6, gan=0.5), batch(spec)
    gan.D = Says(0.4)
    for stage in (0, 0, 1):
        assert gan.stage == stage
        assert bool(gan.d_loss(real)) == bool(stage)
        reseed("test", 1)
        losses = gan.g_loss(real)
        game = 0.5 * math.log1p(math.exp(-0.4)) if stage else 0.0
        assert losses["loss"].item() == pytest.approx(losses["MSE"].item() + game, rel=1e-5)


@pytest.mark.parametrize(("small", "large"), [(4, 16), (8, 16), (16, 32), (7, 28)])
def test_srgan_enlarges_by_powers_of_two(small: int, large: int) -> None:
    spec = DataSpec((1, large, large), cond=(1, small, small))
    assert build("srgan", spec).sample(2, cond=batch(spec, 2).cond).shape == (2, 1, large, large)


def test_context_encoder_fills_the_hole_and_leaves_the_rest() -> None:
    gan, real = build("context_encoder", PAIRS).eval(), batch(PAIRS)
    assert real.cond is not None
    out = gan.sample(6, cond=real.cond)
    rest = torch.ones(16, 16, dtype=torch.bool)
    rest[4:12, 4:12] = False
    assert torch.equal(out[..., rest], real.cond[..., rest])
    other = real.cond.clone()
    other[..., ~rest] = 1.0
    assert torch.equal(gan.sample(6, cond=other)[..., ~rest], out[..., ~rest])  # what lies in the hole is not looked at


def test_context_encoder_loss_is_of_the_hole_alone() -> None:
    gan, real = build("context_encoder", PAIRS, gan=0.0, reconstruction=2.0), batch(PAIRS)
    gan.fill = lambda cond: torch.zeros(6, 3, 8, 8)
    assert gan.g_loss(real)["loss"].item() == pytest.approx(2 * real.x[:, :, 4:12, 4:12].square().mean().item())


@pytest.mark.parametrize("joint", ["concatenation", "projection"])
def test_gan_cls_d_sees_three_kinds_of_pairs(joint: str) -> None:
    gan, real = build("gan_cls", CAPTIONS, joint=joint), batch(CAPTIONS)
    phi = real.cond
    assert phi is not None
    reseed("test", 1)
    loss = gan.d_loss(real)["loss"].item()
    reseed("test", 1)
    fake = gan.sample(6, cond=phi).detach()
    s_r, s_w, s_f = gan.D(real.x, phi), gan.D(real.x, phi.roll(1, 0)), gan.D(fake, phi)
    by_hand = softplus(-s_r).mean() + (softplus(s_w).mean() + softplus(s_f).mean()) / 2
    assert loss == pytest.approx(by_hand.item(), rel=1e-5)
    assert not torch.allclose(s_r, s_w)


def test_gan_cls_without_matching_is_a_plain_conditional_game() -> None:
    gan, real = build("gan_cls", CAPTIONS, matching=False), batch(CAPTIONS)
    gan.D = Says(0.3)
    assert gan.d_loss(real)["loss"].item() == pytest.approx(math.log1p(math.exp(-0.3)) + math.log1p(math.exp(0.3)))


def test_gan_int_also_draws_from_means_of_two_captions() -> None:
    gan, real = build("gan_cls", CAPTIONS, interpolation=True), batch(CAPTIONS)
    assert real.cond is not None
    heard: list[Tensor] = []
    gan.G.register_forward_hook(lambda module, given, made: heard.append(given[1]))
    gan.g_loss(real)
    assert torch.allclose(heard[0][6:], (real.cond + real.cond.roll(1, 0)) / 2)


def test_stackgan_augmentation_pays_the_kl_divergence() -> None:
    gan, real = build("stackgan", CAPTIONS, smoothness=2.0, caption=3), batch(CAPTIONS)
    augment = gan.generators[0].augment
    nn.init.zeros_(augment.net.weight)
    augment.net.bias.data = torch.tensor([1.0, 0.0, 0.0, 0.0, 0.0, 0.0])  # mu = (1, 0, 0), sigma = 1
    losses = gan.g_loss(real)
    assert losses["KL"].item() == pytest.approx(0.5)
    gan.D.forward = lambda x, phi: torch.zeros(len(x))
    assert gan.g_loss(real)["loss"].item() == pytest.approx(math.log(2) + 2 * 0.5)


def test_stackgan_trains_its_stages_one_after_the_other() -> None:
    gan, real = build("stackgan", CAPTIONS, images_stage_1=12, batch=6), batch(CAPTIONS)
    assert gan.small == 8
    assert gan.G is gan.generators[0]
    gan.after_d_step({})
    gan.after_d_step({})
    assert gan.G is gan.generators[1]
    gan.g_loss(real)["loss"].backward()
    assert all(p.grad is None for p in gan.generators[0].parameters())
    assert gan.sample(2, cond=real.cond[:2]).shape == (2, 3, 16, 16)  # type: ignore[index]


def test_icgan_trains_encoders_after_the_gan() -> None:
    gan, real = build("icgan", LABELS, images_gan=6, batch=6, z=2), batch(LABELS)
    assert gan.G is gan.generator
    gan.g_loss(real)
    assert (gan.stage, gan.d_loss(real)) == (1, {})
    assert gan.G is gan.encoders
    losses = gan.g_loss(real)
    losses["loss"].backward(inputs=list(gan.encoders.parameters()))
    assert losses["loss"].item() == pytest.approx((losses["L_ez"] + losses["L_ey"]).item())
    assert gan.encode(real.x).shape == (6, 2)
    assert gan.classify(real.x).shape == (6, 3)


def test_icgan_code_is_learned_from_generated_samples() -> None:
    gan, real = build("icgan", LABELS, images_gan=1, batch=6, z=2), batch(LABELS)
    gan.seen += 6
    gan.encoders.z.forward = lambda x: x
    gan.generate = lambda z, y=None, cond=None: z + 3
    assert gan.g_loss(real)["L_ez"].item() == pytest.approx(9.0, rel=1e-5)


def test_icgan_judges_a_sample_with_its_class() -> None:
    gan, real = build("icgan", LABELS), batch(LABELS)
    assert not torch.allclose(gan.judge(real.x, real.y), gan.judge(real.x, (real.y + 1) % 3))


def test_phase_shuffle_moves_each_wave_by_a_few_steps() -> None:
    shuffle = sys.modules[type(build("wavegan", DataSpec((1, 64)))).__module__].PhaseShuffle(2)
    x = torch.arange(64.0).expand(200, 1, 64)
    torch.manual_seed(0)
    moved = shuffle(x)
    shifts = (moved[:, 0, 32] - 32).int()
    assert set(shifts.tolist()) == {-2, -1, 0, 1, 2}
    for wave, shift in zip(moved[:5, 0], shifts[:5].tolist(), strict=True):
        assert torch.equal(wave[2:-2], torch.arange(2.0, 62.0) + shift)
    assert moved.max() <= 63
    assert moved.min() >= 0  # the ends are reflections


@pytest.mark.parametrize("length", [64, 256, 1024, 4096])
def test_wavegan_draws_waves_of_the_datas_length(length: int) -> None:
    gan = build("wavegan", DataSpec((1, length)))
    with torch.no_grad():
        assert gan.sample(2).shape == (2, 1, length)
        assert gan.D(gan.sample(2)).shape == (2,)


def test_wavegan_penalty_is_that_of_a_slope_of_one() -> None:
    spec = DataSpec((1, 64))
    gan, real = build("wavegan", spec, gp=10.0), batch(spec)
    w = torch.zeros(64)
    w[0] = 3.0
    gan.D = nn.Sequential(nn.Flatten(), nn.Linear(64, 1, bias=False), nn.Flatten(0))
    gan.D[1].weight.data = w[None]
    losses = gan.d_loss(real)
    assert losses["penalty"].item() == pytest.approx(4.0)
    assert losses["loss"].item() == pytest.approx(40 - losses["W"].item(), rel=1e-5)


def test_vgan_background_stands_still() -> None:
    gan = build("vgan", DataSpec((3, 8, 16, 16))).eval()
    z = gan.latent(4)
    f, m, b = gan.G.streams(z)
    assert f.shape == (4, 3, 8, 16, 16)
    assert m.shape == (4, 1, 8, 16, 16)
    assert b.shape == (4, 3, 1, 16, 16)
    gan.G.mask.forward = lambda h: torch.zeros(4, 1, 8, 16, 16)
    clip = gan.generate(z)
    assert torch.allclose(clip, b.expand(-1, -1, 8, -1, -1))


def test_vgan_pays_for_its_mask() -> None:
    gan, real = build("vgan", DataSpec((1, 8, 16, 16)), sparsity=0.5), batch(DataSpec((1, 8, 16, 16)))
    gan.D = Says(0.0)
    losses = gan.g_loss(real)
    assert losses["loss"].item() == pytest.approx(math.log(2) + 0.5 * losses["mask"].item(), rel=1e-5)
