"""The changed GANs and loops of `experiments/deviations.py` do what their docstrings say."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from conftest import REPOSITORY
from torch import Tensor, nn

from experiments import deviations
from ganbench import baseline
from ganbench.training.order import TrainingData, reseed

STEPS = 20


def training(row: str, theirs: str, **settings: Any) -> Any:
    """The authors' loop around the authors' GAN, with a budget of STEPS steps."""
    unlike = next(d for d in deviations.DIFFERENCES if (d.row, d.theirs) == (row, theirs))
    source = TrainingData.load(deviations.DATASET, torch.device("cpu"))
    reseed("start", 0)
    given = {**deviations.SETTINGS[row], **unlike.settings, **settings}
    gan = baseline.create(baseline.resolve(row.partition(" ")[0]), source.spec, given)
    unlike.change(gan)
    return unlike.training(gan, source, 0, STEPS * gan.config.batch * gan.config.n_critic)


def test_rows_and_ways_name_each_cell_once() -> None:
    cells = [(d.row, d.theirs) for d in deviations.DIFFERENCES]
    assert len(set(cells)) == len(cells)
    assert {row for row, _ in cells} == set(deviations.SETTINGS)
    assert set(deviations.BUDGETS) <= set(deviations.SETTINGS)


def test_page_names_a_line_that_lacks_a_run(tmp_path: Path) -> None:
    table = pd.read_csv(REPOSITORY / "results/deviations/runs.csv")
    lacking = table[~((table.row == "dcgan") & (table.way == "kernels of 5x5") & (table.seed == 1000))]
    lacking.to_csv(tmp_path / "runs.csv", index=False)
    assert set(deviations.factors(table)["row"]) - set(deviations.factors(lacking)["row"]) == {"dcgan"}
    assert "\n- `dcgan`: kernels of 5x5\n" in deviations.page(tmp_path)


def test_normal_perturbation_has_the_mean_square_of_the_code() -> None:
    theirs = training("dragan", "a normal perturbation").gan
    ours: Any = super(type(theirs), theirs)
    x = torch.randn(500, 1, 8, 8)
    torch.testing.assert_close(
        *((made - x).square().mean() for made in (theirs.perturb(x), ours.perturb(x))), rtol=0.1, atol=0
    )


def test_attention_of_the_text_sees_every_position() -> None:
    layer = deviations.AttentionOfTheText(16)
    nn.init.ones_(layer.gamma)
    x = torch.randn(2, 16, 4, 4)
    f, g, h = (conv(x).flatten(2) for conv in (layer.f, layer.g, layer.h))
    assert h.shape == (2, 2, 16)
    beta = (f.mT @ g).softmax(1)  # over i
    torch.testing.assert_close(layer(x), layer.v((h @ beta).unflatten(2, (4, 4))) + x)


def test_power_iteration_stands_still_in_the_steps_of_g() -> None:
    made = training("sagan", "no power iteration of D in G's steps")
    real = made.source.batch(0, 0, 8)
    before = {name: b.clone() for name, b in made.gan.D.named_buffers()}
    made.gan.g_loss(real)
    assert all(torch.equal(b, before[name]) for name, b in made.gan.D.named_buffers())
    assert made.gan.D.training
    made.gan.d_loss(real)
    assert not all(torch.equal(b, before[name]) for name, b in made.gan.D.named_buffers())


def test_g_steps_twice_with_the_same_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    made = training("pacgan", "G's step taken twice")
    drawn: list[Tensor] = []
    plain = made.gan.latent

    def latent(n: int) -> Tensor:
        drawn.append(plain(n))
        return drawn[-1]

    monkeypatch.setattr(made.gan, "latent", latent)
    made.step()
    of_d, first, second = drawn
    assert torch.equal(first, second)
    assert not torch.equal(of_d, first)
    assert {int(state["step"]) for state in made.opt_g.state.values()} == {2}


def test_late_average_is_a_copy_at_first() -> None:
    made = training("biggan", "a late average of the weights")
    apart = []
    for _ in range(6):
        made.step()
        pairs = zip(made.average.module.G.parameters(), made.gan.G.parameters(), strict=True)
        apart.append(not all(torch.equal(a, b) for a, b in pairs))
    assert apart == [False] * 3 + [True] * 3  # a seventh of 20 steps is 2.9


def test_one_step_of_the_vae_moves_both_players_down_the_same_loss() -> None:
    made = training("vae", "one step for both players")
    before = [w.clone() for w in made.gan.parameters()]
    made.step()
    assert all(not torch.equal(w, old) for w, old in zip(made.gan.parameters(), before, strict=True))
    assert made.seen == made.gan.config.batch


def test_schedules_of_r3gan_end_where_the_authors_end() -> None:
    made = training("r3gan", "schedules of rate, gamma and beta_2")
    for seen, share, beta_2, gamma in (
        (0, 1, 0.9, 1),
        (made.budget / 2, 0.625, 0.945, 0.55),
        (made.budget, 0.25, 0.99, 0.1),
    ):
        made.seen = seen
        made.set_rates()
        for opt in (made.opt_g, made.opt_d):
            assert opt.param_groups[0]["lr"] == pytest.approx(0.001 * share)
            assert opt.param_groups[0]["betas"] == pytest.approx((0.0, beta_2))
        assert (made.gan.config.gamma_1, made.gan.config.gamma_2) == pytest.approx((gamma, gamma))


def test_steps_ahead_of_the_unrolled_gan() -> None:
    ours = training(f"unrolled {deviations.FALLS}", "the K steps have the falling rate")
    theta, gradient, m, v = torch.randn(4, 5).double().abs()
    state = (gradient, m, v, torch.tensor(3))
    plain = super(type(ours.gan), ours.gan).adam(theta, *state)
    ours.seen = ours.budget // 4
    ours.set_rates()
    falling = ours.gan.adam(theta, *state)
    torch.testing.assert_close(falling[0] - theta, 0.75 * (plain[0] - theta))
    assert all(torch.equal(a, b) for a, b in zip(falling[1:], plain[1:], strict=True))
    beside = training("unrolled", "epsilon beside the root").gan.adam(theta, *state)
    torch.testing.assert_close(beside[0], plain[0])


def test_critic_of_wgan_starts_long() -> None:
    made = training(f"wgan {deviations.LONGER}", "a long start of the critic", batch=1)
    seen = [0]
    for _ in range(27):
        made.step()
        seen.append(made.seen)
    assert [b - a for a, b in pairwise(seen)] == [100] * 25 + [5] * 2


def test_players_of_the_semi_supervised_gan_see_other_batches() -> None:
    made = training("semi_supervised", "a batch for each player")
    seen: list[Tensor] = []
    made.gan.D.body.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    made.step()
    of_d, of_g = seen[-3][-100:-50], seen[-2]  # D sees labelled, real and generated samples in one batch
    assert of_d.shape == of_g.shape
    assert not torch.equal(of_d, of_g)


def test_500_images_set_the_scales() -> None:
    made = training("semi_supervised", "500 images set D's scales")
    assert made.gan.D.standardised


@pytest.mark.parametrize(("row", "factor"), [("gan", 1.000004), ("cgan", 1.00004)])
def test_rate_falls_and_momentum_rises(row: str, factor: float) -> None:
    made = training(f"{row} {deviations.SGD}", "falling rate and rising momentum")
    first = made.opt_g.param_groups[0]["lr"]
    for seen, rate, momentum in ((0, first, 0.5), (made.budget, first / factor**125_000, 0.7)):
        made.seen = seen
        made.set_rates()
        assert made.opt_g.param_groups[0]["lr"] == pytest.approx(rate)
        assert made.opt_g.param_groups[0]["momentum"] == pytest.approx(momentum)


@pytest.mark.parametrize(
    ("theirs", "kind"), [("dropout in D", nn.Dropout), ("noise on D's activations", deviations.Noise)]
)
def test_a_layer_follows_each_rectifier_of_d(theirs: str, kind: type[nn.Module]) -> None:
    D = training("acgan", theirs).gan.D
    pairs = [m for m in D.modules() if isinstance(m, nn.Sequential) and isinstance(m[0], nn.LeakyReLU)]
    assert len(pairs) == sum(isinstance(m, nn.LeakyReLU) for m in D.modules()) > 0
    assert all(isinstance(pair[1], kind) for pair in pairs)


def test_rate_halves_once_for_each_stall() -> None:
    made = training("began", "the rate halves where M stalls")
    made.measures = [1.0, 1.0, 0.5, 0.5]  # a tenth of the budget is two steps
    made.set_rates()
    assert made.opt_d.param_groups[0]["lr"] == 0.001
    made.measures += [0.5, 0.5]
    for _ in range(2):
        made.set_rates()
        assert made.opt_d.param_groups[0]["lr"] == made.opt_g.param_groups[0]["lr"] == 0.0005


def test_residuals_vanish_within_a_tenth() -> None:
    made = training(f"began {deviations.PAPER}", "vanishing residuals")
    carried = [m for m in made.gan.modules() if isinstance(m, deviations.Carried)]
    assert len(carried) == 6  # two in G, in the encoder and in the decoder
    x = torch.randn(2, 16, 8, 8)
    for seen, carry in ((0, 1.0), (made.budget // 20, 0.5), (made.budget // 10, 0.0)):
        made.seen = seen
        made.set_rates()
        assert [m.carry for m in carried] == [carry] * 6
        torch.testing.assert_close(carried[0](x), carry * x + (1 - carry) * carried[0].layer(x))
