"""The layers that compute what torch's do by another way."""

# mypy: no-strict-optional, disable-error-code="no-untyped-call"

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import gradcheck, gradgradcheck

from ganbench.layers import strided

CHANNELS = [1, 3, strided.FEW, strided.FEW + 1]  # the last goes torch's way


def draw(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, requires_grad=True)


def as_torchs(layer: nn.Module, x: Tensor) -> Tensor:
    """What the torch layer of the same weights makes of `x`."""
    plain: Any = type(layer).__mro__[1]
    out: Tensor = plain.forward(layer, x)
    return out


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize(("kernel", "small", "large"), [(4, 4, 8), (4, 7, 14), (3, 4, 7)])
def test_strided_layers_compute_what_torchs_do(channels: int, kernel: int, small: int, large: int) -> None:
    up = strided.StridedConvTranspose2d(5, channels, kernel, bias=True).double()
    down = strided.StridedConv2d(channels, 5, kernel, bias=True).double()
    for layer, x, size in ((up, draw(2, 5, small, small), large), (down, draw(2, channels, large, large), small)):
        made, torchs = layer(x), as_torchs(layer, x)
        assert made.shape[2:] == (size, size)
        torch.testing.assert_close(made, torchs)
        weights = torch.randn_like(torchs)
        of = [x, *layer.parameters()]
        torch.testing.assert_close(
            torch.autograd.grad((made * weights).sum(), of), torch.autograd.grad((torchs * weights).sum(), of)
        )


@pytest.mark.parametrize("bias", [True, False])
def test_strided_maps_have_first_and_second_derivatives(bias: bool) -> None:
    kernel, b = draw(3, 2, 4, 4), lambda n: draw(n) if bias else None
    for function, arguments in (
        (strided.up, (draw(2, 3, 2, 2), kernel, b(2))),
        (strided.down, (draw(2, 2, 4, 4), kernel, b(3))),
    ):
        assert gradcheck(function, arguments)
        assert gradgradcheck(function, arguments)


def test_a_step_of_g_computes_no_gradient_by_the_weights_of_d() -> None:
    down, x = strided.StridedConv2d(3, 5, 4, bias=True), torch.randn(2, 3, 8, 8, requires_grad=True)
    made = down(x).sum()
    with torch.profiler.profile() as profile:
        made.backward(inputs=[x])
    assert not any("convolution_backward" in event.name for event in profile.events())
    assert down.weight.grad is down.bias.grad is None


def test_a_gradient_by_the_weights_has_a_derivative_by_the_inputs_source() -> None:
    """Unrolled GANs differentiate through steps of D."""
    down, z = strided.StridedConv2d(2, 3, 4, bias=True).double(), draw(2, 2, 6, 6)
    found = []
    for made in (down(2 * z), as_torchs(down, 2 * z)):
        gradients = torch.autograd.grad(made.square().sum(), tuple(down.parameters()), create_graph=True)
        found.append(torch.autograd.grad([g.square().sum() for g in gradients], z)[0])
    torch.testing.assert_close(*found)
    assert found[0].any()


def test_a_bias_learns_where_the_weight_is_frozen() -> None:
    up, down = strided.StridedConvTranspose2d(3, 2, 4, bias=True), strided.StridedConv2d(2, 3, 4, bias=True)
    for layer, x in ((up, torch.randn(2, 3, 2, 2)), (down, torch.randn(2, 2, 4, 4))):
        layer.weight.requires_grad_(False)
        made = layer(x.requires_grad_())
        made.sum().backward()
        assert layer.weight.grad is None
        torch.testing.assert_close(layer.bias.grad, torch.full_like(layer.bias, made[:, 0].numel()))


def test_up_is_the_adjoint_of_down() -> None:
    kernel, x, y = draw(3, 2, 4, 4), draw(2, 2, 6, 6), draw(2, 3, 3, 3)
    torch.testing.assert_close((strided.down(x, kernel) * y).sum(), (x * strided.up(y, kernel)).sum())


def test_gradients_under_autocast_are_those_of_fp32_rounded() -> None:
    layers = nn.Sequential(
        strided.StridedConvTranspose2d(4, 3, 4, bias=True), strided.StridedConv2d(3, 4, 4, bias=True)
    )
    x = torch.randn(2, 4, 5, 5, requires_grad=True)
    of = [x, *layers.parameters()]
    exact = torch.autograd.grad(layers(x).square().sum(), of)
    with torch.autocast("cpu", torch.bfloat16):
        made = layers(x)
    rounded = torch.autograd.grad(made.float().square().sum(), of)
    assert made.dtype == torch.bfloat16
    for a, b in zip(exact, rounded, strict=True):
        assert a.dtype == b.dtype
        assert (a - b).norm() < 0.05 * a.norm()


def test_tanh_is_torchs_and_so_is_its_derivative() -> None:
    x = torch.linspace(-20, 20, 100_001, requires_grad=True)
    made, torchs = strided.Tanh()(x), torch.tanh(x)
    assert (made - torchs).abs().max() < 3e-7
    assert made.abs().max() == 1
    (slope,), (torchs_slope,) = (torch.autograd.grad(y.sum(), x) for y in (made, torchs))
    assert (slope - torchs_slope).abs().max() < 1e-6
    assert strided.Tanh()(x.detach().bfloat16()).dtype == torch.float32
    torch.testing.assert_close(strided.Tanh()(x.detach().double()), x.detach().double().tanh())


def test_projection_of_noise_is_the_transposed_convolution() -> None:
    layer, z = strided.Project(5, 3, 4).double(), draw(2, 5, 1, 1)
    torch.testing.assert_close(layer(z), as_torchs(layer, z))


def test_flatten_lists_the_channels_of_each_pixel_in_turn() -> None:
    x = torch.arange(2 * 3 * 2 * 2).view(2, 3, 2, 2)
    assert strided.Flatten()(x)[0].tolist() == [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]


def test_maps_keep_their_channels_last() -> None:
    x = torch.randn(2, 4, 6, 6).contiguous(memory_format=torch.channels_last)
    layers = [strided.Project(4, 3, 5), *(strided.StridedConvTranspose2d(4, c, 4, bias=False) for c in CHANNELS)]
    for layer, given in zip(layers, [x[:, :, :1, :1], *[x] * len(CHANNELS)], strict=True):
        assert layer.to(memory_format=torch.channels_last)(given).is_contiguous(memory_format=torch.channels_last)
