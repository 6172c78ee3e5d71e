"""DINOv2 and CLIP: the networks, held against others' layers with small random weights; the published ones are large."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from ganbench import features
from ganbench.errors import Unreachable
from ganbench.features import fidelity

D, HEADS, DEPTH, PATCH, GRID = 128, 2, 2, 14, 5


def random_dinov2() -> dict[str, torch.Tensor]:
    """Weights of a small DINOv2, under the names of the published ones."""
    rng = torch.Generator().manual_seed(0)
    shapes = {
        "cls_token": (1, 1, D), "pos_embed": (1, GRID**2 + 1, D), "mask_token": (1, D), "norm.weight": (D,), "norm.bias": (D,),
        "patch_embed.proj.weight": (D, 3, PATCH, PATCH), "patch_embed.proj.bias": (D,),
    }  # fmt: skip
    for i in range(DEPTH):
        layer = {
            "norm1.weight": (D,), "norm1.bias": (D,), "norm2.weight": (D,), "norm2.bias": (D,), "ls1.gamma": (D,), "ls2.gamma": (D,),
            "attn.qkv.weight": (3 * D, D), "attn.qkv.bias": (3 * D,), "attn.proj.weight": (D, D), "attn.proj.bias": (D,),
            "mlp.fc1.weight": (4 * D, D), "mlp.fc1.bias": (4 * D,), "mlp.fc2.weight": (D, 4 * D), "mlp.fc2.bias": (D,),
        }  # fmt: skip
        shapes |= {f"blocks.{i}.{name}": shape for name, shape in layer.items()}
    return {name: 0.2 * torch.randn(shape, generator=rng) for name, shape in shapes.items()}


def by_torchs_layers(w: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """The same transformer from torch's own encoder layers, the scale of each branch folded into its last weight."""
    h = nn.functional.conv2d(x, w["patch_embed.proj.weight"], w["patch_embed.proj.bias"], stride=PATCH).flatten(2).mT
    h = torch.cat([w["cls_token"].expand(len(x), -1, -1), h], 1) + w["pos_embed"]
    for i in range(DEPTH):
        layer = nn.TransformerEncoderLayer(D, HEADS, 4 * D, 0.0, "gelu", 1e-6, batch_first=True, norm_first=True).eval()
        b = {name.removeprefix(f"blocks.{i}."): array for name, array in w.items() if name.startswith(f"blocks.{i}.")}
        names = {
            "self_attn.in_proj_weight": b["attn.qkv.weight"], "self_attn.in_proj_bias": b["attn.qkv.bias"],
            "self_attn.out_proj.weight": b["ls1.gamma"][:, None] * b["attn.proj.weight"],
            "self_attn.out_proj.bias": b["ls1.gamma"] * b["attn.proj.bias"],
            "linear1.weight": b["mlp.fc1.weight"], "linear1.bias": b["mlp.fc1.bias"],
            "linear2.weight": b["ls2.gamma"][:, None] * b["mlp.fc2.weight"], "linear2.bias": b["ls2.gamma"] * b["mlp.fc2.bias"],
            "norm1.weight": b["norm1.weight"], "norm1.bias": b["norm1.bias"],
            "norm2.weight": b["norm2.weight"], "norm2.bias": b["norm2.bias"],
        }  # fmt: skip
        layer.load_state_dict(names)
        h = layer(h)
    return nn.functional.layer_norm(h[:, 0], (D,), w["norm.weight"], w["norm.bias"], 1e-6)


@torch.inference_mode()
def test_the_transformer_of_dinov2_is_torchs_own_layers() -> None:
    w, x = random_dinov2(), torch.randn(3, 3, GRID * PATCH, GRID * PATCH, generator=torch.Generator().manual_seed(1))
    found, truth = fidelity.vision_transformer(w, GRID * PATCH, torch.float32)(x), by_torchs_layers(w, x)
    assert truth.std(0).mean() > 0.01
    torch.testing.assert_close(found, truth, rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_positions_are_interpolated_to_the_grid_of_the_image() -> None:
    w = random_dinov2()
    network = fidelity.vision_transformer(w, 3 * PATCH, torch.float32)
    x = torch.randn(2, 3, 3 * PATCH, 3 * PATCH, generator=torch.Generator().manual_seed(1))
    assert network(x).shape == (2, D)
    flat = w | {"pos_embed": torch.full_like(w["pos_embed"], 0.3)}  # equal positions are the same at any size
    learned = flat | {"pos_embed": torch.full((1, 3 * 3 + 1, D), 0.3)}  # a network that learned at this size
    found, truth = (fidelity.vision_transformer(weights, 3 * PATCH, torch.float32)(x) for weights in (flat, learned))
    torch.testing.assert_close(found, truth, rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_clips_image_tower_runs_from_the_weights_of_all_of_clip() -> None:
    from torch_fidelity.feature_extractor_clip import CLIPVisual

    torch.manual_seed(0)
    tower = CLIPVisual(32, 224, 1, 64, 32)
    state = tower.state_dict() | {"text_projection": torch.zeros(8, 32), "logit_scale": torch.zeros(())}
    x = torch.randn(2, 3, 224, 224)
    network = fidelity.image_tower({name: array.clone() for name, array in state.items()}, torch.float32)
    torch.testing.assert_close(network(x), tower.visual(x), rtol=1e-2, atol=1e-2)  # torch-fidelity keeps halves


@pytest.mark.parametrize("name", fidelity.NAMES)
def test_without_its_weights_it_says_which_file_it_needs(
    name: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("GANBENCH_WEIGHTS", "TORCH_HOME"):
        monkeypatch.setenv(variable, str(tmp_path_factory.mktemp("empty")))
    monkeypatch.setenv("GANBENCH_WEIGHTS_MIRROR", "http://127.0.0.1:9")
    weights = fidelity.CARDS[name].weights
    with pytest.raises(Unreachable, match=rf"{weights.file} is not on this machine.*{weights.sha256}"):
        features.embed(name, np.zeros((1, 8, 8, 3), np.uint8))
