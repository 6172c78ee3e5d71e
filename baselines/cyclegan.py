"""CycleGAN: Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks, Zhu et al. 2017, arXiv:1703.10593.

Images a of one domain and images b of another domain, and no pairs. G: A -> B and F: B -> A translate, and D_A and D_B judge.
Least squares make the game (section 4):

    D_B descends  E_b (D_B(b) - 1)^2 + E_a D_B(G(a))^2,      G descends  E_a (D_B(G(a)) - 1)^2,      and likewise D_A and F
    L_cyc(G, F) = E_a |F(G(a)) - a|_1 + E_b |G(F(b)) - b|_1                                                   (equation 2)
    L_identity(G, F) = E_b |G(b) - b|_1 + E_a |F(a) - a|_1                                                     (section 5.2)

G and F descend the games + lambda L_cyc + `identity` lambda L_identity. The cycle alone does not say what a translation is:
any invertible change agrees with itself. The identity loss keeps colours where they are.

Each D sees generated images through a pool of 50 (Shrivastava et al. 2017): with a chance of a half it sees an older image,
and the new image takes the place of the older image in the pool.

In `Batch`, `cond` is a, and `Batch.x` is b, another image. `generate` translates a to b. `translate_back` translates b to a.

Networks: the paper's translator with residual blocks and instance norm, and the patch discriminator.

Different from the paper:
- The identity loss needs domains with equally many channels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganbench.config import Betas, Rate, Size, TrainConfig, Weight
from ganbench.gan import Batch, DataSpec, Gan, Unsupported
from ganbench.layers import dcgan
from ganbench.layers.translation import PatchDiscriminator, check_pairs, translator


class Config(TrainConfig):
    batch: Size = 1
    lr_g: Rate = 2e-4
    lr_d: Rate = 2e-4
    betas: Betas = (0.5, 0.999)
    cycle: Weight = 10.0  # lambda
    identity: Weight = 0.5  # of lambda
    gan: Weight = 1.0  # weight of the games in the loss of the translators; 0: the discriminators are not trained
    pool: Size = 50
    width: Size = 64
    width_d: Size = 64
    blocks: Size = 6


class Pool(nn.Module):
    """Generated images `[N, *shape]` to the same shape: some of them are older, from a pool of `size` images."""

    images: Tensor
    count: Tensor  # images in the pool

    def __init__(self, size: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.register_buffer("images", torch.zeros(size, *shape))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    def forward(self, fresh: Tensor) -> Tensor:
        size, count = len(self.images), int(self.count)
        if count < size:  # the pool fills up first
            kept = fresh[: size - count]
            self.images[count : count + len(kept)] = kept
            self.count += len(kept)
            return fresh
        place = torch.randperm(size, device=fresh.device)[: len(fresh)]
        older, young = self.images[place], fresh[: len(place)]
        swapped = torch.rand(len(place), *[1] * (fresh.ndim - 1), device=fresh.device) < 0.5
        self.images[place] = torch.where(swapped, young, older)
        return torch.cat([torch.where(swapped, older, young), fresh[len(place) :]])


class CycleGan(Gan):
    G: nn.ModuleDict
    D: nn.ModuleDict

    def __init__(self, spec: DataSpec, config: Config) -> None:
        super().__init__(spec, config)
        check_pairs(spec, "CycleGAN")
        a, b, size = spec.cond[0], spec.shape[0], spec.shape[1]
        if config.identity and a != b:
            raise Unsupported(
                f"the identity loss needs domains with equally many channels, not {a} and {b}; set identity=0"
            )

        def judge(channels: int) -> PatchDiscriminator:
            return PatchDiscriminator(channels, size, config.width_d, nn.InstanceNorm2d)

        self.G = nn.ModuleDict({"G": translator(a, b, size, config.width, config.blocks),
                                "F": translator(b, a, size, config.width, config.blocks)})  # fmt: skip
        self.D = nn.ModuleDict({"a": judge(a), "b": judge(b)})
        self.apply(dcgan.initialise)
        self.pools = nn.ModuleDict({"a": Pool(config.pool, spec.cond), "b": Pool(config.pool, spec.shape)})

    def latent(self, n: int) -> Tensor:
        return torch.empty(n, 0, device=self.device)

    def generate(self, z: Tensor, y: Tensor | None = None, cond: Tensor | None = None) -> Tensor:
        assert cond is not None, "CycleGAN draws from an image of the other domain"
        b: Tensor = self.G["G"](cond)
        return b

    def translate_back(self, b: Tensor) -> Tensor:
        """Images `[N, *shape]` of the second domain as images `[N, *cond]` of the first domain."""
        a: Tensor = self.G["F"](b)
        return a

    def d_loss(self, real: Batch) -> dict[str, Tensor]:
        if not self.config.gan:
            return {}
        a, b = real.cond, real.x
        assert a is not None
        with torch.no_grad():
            made = {"a": self.pools["a"](self.translate_back(b)), "b": self.pools["b"](self.sample(len(a), cond=a))}
        true = {"a": a, "b": b}
        losses = [(self.D[k](true[k]) - 1).square().mean() + self.D[k](made[k]).square().mean() for k in ("a", "b")]
        return {"loss": (losses[0] + losses[1]) / 2}

    def g_loss(self, real: Batch) -> dict[str, Tensor]:
        a, b = real.cond, real.x
        assert a is not None
        G, F = self.G["G"], self.G["F"]
        made_b, made_a = G(a), F(b)
        cycle = (F(made_b) - a).abs().mean() + (G(made_a) - b).abs().mean()
        loss = self.config.cycle * cycle
        if self.config.gan:
            games = (self.D["b"](made_b) - 1).square().mean() + (self.D["a"](made_a) - 1).square().mean()
            loss = loss + self.config.gan * games
        if self.config.identity:
            same = (G(b) - b).abs().mean() + (F(a) - a).abs().mean()
            loss = loss + self.config.identity * self.config.cycle * same
        return {"loss": loss, "cycle": cycle}
