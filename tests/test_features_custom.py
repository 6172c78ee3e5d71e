"""A user's own extractor: a Python file, a TorchScript file, an ONNX file."""

# mypy: no-strict-optional

from __future__ import annotations

import importlib.util
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from ganbench import features
from ganbench.errors import UserError
from ganbench.features import _cache as cache
from ganbench.scoring import score

X = np.random.default_rng(0).integers(0, 256, (70, 8, 8, 3), np.uint8)
MEANS = "def extract(x):\n    return x.reshape(len(x), -1, x.shape[-1]).mean(1)\n"


def test_a_python_file_gives_features_and_logits_under_its_hash(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("def extract(x):\n    means = x.mean((1, 2))\n    return means, -means\n")
    h, z = features.embed(str(path), X)
    np.testing.assert_allclose(h, X.mean((1, 2)), rtol=1e-5)
    np.testing.assert_allclose(z, -h)
    before = features.describe(str(path))["id"]
    path.write_text(MEANS)
    assert before.startswith("mine.py@")
    assert features.describe(str(path))["id"] != before
    assert features.embed(str(path), X).logits is None
    assert cache.entries().number == 0


def test_a_users_own_features_can_be_scored(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(MEANS)
    result = score(X[:35], X[35:], features=str(path), metrics=["fid"])
    assert result.metrics["fid"].value is not None
    assert result.protocol.features.id == features.describe(str(path))["id"]


def test_a_torchscript_file_is_run(tmp_path: Path) -> None:
    class Means(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.float().mean((2, 3))

    path = tmp_path / "net.pt"
    with warnings.catch_warnings(action="ignore", category=FutureWarning):
        torch.jit.trace(Means(), torch.zeros(2, 3, 8, 8, dtype=torch.uint8)).save(path)
    np.testing.assert_allclose(features.embed(str(path), X).features, X.mean((1, 2)), rtol=1e-5)


@pytest.mark.parametrize("kind", ["UINT8", "FLOAT"])
def test_an_onnx_file_is_run(kind: str, tmp_path: Path) -> None:
    for package in ("onnx", "onnxruntime"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed: pip install onnx onnxruntime")
    import onnx
    from onnx import TensorProto, helper

    given = helper.make_tensor_value_info("x", getattr(TensorProto, kind), ["n", 3, 8, 8])
    out = helper.make_tensor_value_info("h", TensorProto.FLOAT, ["n", 3])
    nodes = [
        helper.make_node("Cast", ["x"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["f"], ["h"], axes=[2, 3], keepdims=0),
    ]
    graph = helper.make_graph(nodes, "means", [given], [out])
    path = tmp_path / "net.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    np.testing.assert_allclose(features.embed(str(path), X).features, X.mean((1, 2)), rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.py", None, "none.py: no such file"),
        ("a.py", "x = 1", "a.py has no function extract"),
        ("a.py", "def extract(x: return", "a.py:1 failed: SyntaxError"),
        ("a.py", "def extract(x):\n    return x.mean()", r"gives \(\) for 64 images; it must give features \[n, d\]"),
        ("a.py", "def extract(x):\n    return x[:3, 0, 0]", r"gives \(3, 3\) for 64 images"),
        ("a.py", "def extract(x):\n    return 1 / 0", "a.py:2 failed: ZeroDivisionError: division by zero"),
        ("a.pt", "no archive", "a.pt failed: "),
    ],
)
def test_what_is_wrong_with_a_file_is_said_in_one_line(
    name: str, content: str | None, message: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    with pytest.raises(UserError, match=message) as error:
        features.embed(str(path), X)
    assert "\n" not in str(error.value)
