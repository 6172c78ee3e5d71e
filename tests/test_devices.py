"""The device of a scoring: how it is chosen, that networks live on it, and that several processes score as a single process."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import random_weights
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from ganbench import data, features, score
from ganbench.errors import UserError
from ganbench.features import Extractor, _team, _weights, cnn, custom, efficientnet, fidelity, inception, scenes
from ganbench.scoring import Scorer, devices, result

COLOUR = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
DIGITS = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 1), np.uint8)
MNIST = np.random.default_rng(0).integers(0, 256, (3, 28, 28, 3), np.uint8)
SMALL = [  # extractors whose weights come with a package
    (cnn, "digits-exposed", DIGITS),
    (cnn, "stacked-mnist-cnn", MNIST),
    (scenes, "shapes-encoder", COLOUR),
    (efficientnet, "efficientnet-lite0@224", COLOUR),
    (efficientnet, "efficientnet-lite0-tf1@112", COLOUR),
]
TOLERANCE = 1e-4  # of the largest feature, between a GPU and a CPU in fp32


def places(monkeypatch: pytest.MonkeyPatch, family: ModuleType, extractor: Extractor, x: np.ndarray) -> set[str]:
    """The devices of what a network gives on a device of torch that has shapes and no numbers."""
    seen = set()

    def fetched(tensor: torch.Tensor) -> np.ndarray:
        seen.add(str(tensor.device))
        return np.zeros(tuple(tensor.shape), np.float32)

    with monkeypatch.context() as patch:
        patch.setattr(family, "to_numpy", fetched)
        family.load(extractor)(x)
    return seen


@pytest.fixture
def imitated(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU that torch imitates. An operation whose tensors lie on different devices is an error there, as on a real GPU."""
    imitation, move, mode = FakeTensorMode(allow_non_fake_inputs=True), torch.Tensor.to, torch.inference_mode

    def moved(tensor: torch.Tensor, *to: Any, **how: Any) -> torch.Tensor:
        if not any(str(argument).startswith("cuda") for argument in to):
            return move(tensor, *to, **how)
        with imitation:
            return move(tensor, *to, **how)

    monkeypatch.setattr(torch.Tensor, "to", moved)
    monkeypatch.setattr(torch, "inference_mode", lambda asked=True: mode(False))  # its tensors cannot be imitated


@pytest.mark.parametrize(("family", "name", "x"), SMALL)
def test_a_network_of_the_package_runs_on_the_device(
    family: ModuleType, name: str, x: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    if family is efficientnet:
        pytest.importorskip("efficientnet_lite_pytorch")
    assert places(monkeypatch, family, Extractor(name, device="meta"), x) == {"meta"}
    (family if family is efficientnet else family.network).load.cache_clear()


@pytest.mark.usefixtures("imitated")
def test_inception_and_dinov2_run_on_the_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch_fidelity")
    weights, vit = random_weights.inception(tmp_path / "inception.pth"), random_weights.dinov2(tmp_path / "dinov2.pth")
    for family, names, file in ((inception, inception.NAMES, weights), (fidelity, ("dinov2", "dinov2-edm2"), vit)):
        for name in names:
            assert places(monkeypatch, family, Extractor(name, file, device="cuda:1"), COLOUR) == {"cuda:1"}
        family.load.cache_clear()


@pytest.mark.cuda
@pytest.mark.skipif(
    not torch.cuda.is_available(), reason="needs a CUDA device: no extractor was compared with one here"
)
@pytest.mark.parametrize("name", [name for name in features.names() if name not in ("identity", "pixels")])
def test_gpu_gives_the_features_of_the_cpu(name: str) -> None:
    weights = features.published(name)
    if weights is not None and _weights.locate(weights) is None:
        pytest.skip(f"the weights of {name} are not on this machine")
    needs = features.describe(name)["input"] or [32, 32, 3]
    x = np.random.default_rng(0).integers(0, 256, (70, *needs), np.uint8)
    cpu, gpu = (features.embed(Extractor(name, device=device), x) for device in ("cpu", "cuda"))
    assert np.abs(gpu.features - cpu.features).max() <= TOLERANCE * np.abs(cpu.features).max()
    if cpu.logits is not None and gpu.logits is not None:
        assert np.abs(gpu.logits - cpu.logits).max() <= TOLERANCE * np.abs(cpu.logits).max()


def test_torchscript_runs_on_the_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Mean(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.float().mean((2, 3))

    path = tmp_path / "mean.pt"
    with warnings.catch_warnings(action="ignore"):  # torch warns that TorchScript is old
        torch.jit.script(Mean()).save(str(path))
    assert places(monkeypatch, custom, Extractor(str(path), device="meta"), COLOUR) == {"meta"}


def test_a_device_that_is_not_there_is_one_line() -> None:
    with pytest.raises(UserError, match="--device 'nope': torch cannot compute on it") as error:
        Scorer.of("digits", features="pixels", device="nope")
    assert "\n" not in str(error.value)


def test_auto_is_the_accelerator_where_a_network_can_run_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert devices.choose(None, "inception") == "cpu", "a job of a board sees no GPU"
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert [devices.choose(asked, "inception") for asked in (None, "auto", "cpu")] == ["cuda", "cuda", "cpu"]
    assert devices.choose("cuda:1", "inception") == "cuda:1"
    assert devices.choose("cuda:1", "pixels") == "cpu"
    for providers, device in (([], "cpu"), (["CUDAExecutionProvider"], "cuda")):
        monkeypatch.setattr(custom, "_providers", lambda providers=providers: providers)
        assert devices.choose(None, "mine.onnx") == device


def test_a_machine_without_a_gpu_is_recognised_without_torch() -> None:
    code = "import sys; from ganbench.scoring import devices; print(devices.accelerator(), 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if any(Path(node).exists() for node in devices.NODES):
        pytest.skip("this machine may have a GPU, so torch is asked")
    assert done.stdout == "cpu False\n"


def test_another_extractor_of_a_scorer_gets_its_own_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "accelerator", lambda: "cuda")
    scorer = Scorer.of("digits", features="pixels")
    assert scorer.extractor.device == "cpu"
    assert scorer.with_(features="digits-cnn").extractor.device == "cuda"
    assert Scorer.of("digits", features="digits-cnn", device="cpu").extractor.device == "cpu"


def test_only_bf16_has_the_device_in_its_id() -> None:
    ids = {
        (precision, device): features.describe(Extractor("inception", None, precision, device))["id"]
        for precision in features.PRECISIONS
        for device in ("cpu", "cuda:1")
    }
    assert ids["fp32", "cpu"] == ids["fp32", "cuda:1"]
    assert ids["bf16", "cuda:1"] == f"{ids['bf16', 'cpu']}@cuda"


def test_cache_keeps_the_features_of_another_device_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = []

    def absent(key: str) -> None:
        keys.append(key)

    monkeypatch.setattr(features._cache, "get", absent)
    monkeypatch.setattr(features, "_run", lambda *given: features.Embedding(np.zeros((3, 1)), None))
    for device in ("cpu", "cuda:0", "cuda:1"):
        features.embed(Extractor("digits-cnn", device=device), DIGITS)
    assert keys[0] != keys[1] == keys[2]


def test_settings_of_the_gpu_are_exact_inside_and_kept_outside() -> None:
    torch.backends.cudnn.allow_tf32 = True
    with features.torch_by_default():
        assert (torch.backends.cudnn.allow_tf32, torch.backends.cudnn.deterministic) == (False, True)
        assert torch.get_float32_matmul_precision() == "highest"
    assert torch.backends.cudnn.allow_tf32


@pytest.mark.parametrize("rows", [700, 256, 3])
def test_parts_of_a_team_come_back_in_order(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three processes, whose exchange is played by this process alone."""
    import torch.distributed as dist

    x = np.asarray(data.load("digits", "train").x[:rows])
    alone, run = features.embed("digits-cnn", x), cnn.load(Extractor("digits-cnn"))
    handed: list[Any] = []
    monkeypatch.setenv("GANBENCH_CACHE_GB", "0")
    monkeypatch.setattr(dist, "broadcast_object_list", lambda box: None)
    monkeypatch.setattr(dist, "scatter_object_list", lambda box, parts: handed.extend(parts))

    def gather(own: Any, parts: list[Any]) -> None:
        parts[:] = [own, *(None if batch is None else run(batch) for batch in handed[-2:])]

    monkeypatch.setattr(dist, "gather_object", gather)
    monkeypatch.setenv("GANBENCH_CACHE", "/nonexistent")
    with _team.leading(3):
        shared = features.embed("digits-cnn", x)
    assert len(handed) == 3
    np.testing.assert_array_equal(shared.features, alone.features)


def test_two_processes_score_as_a_single_process(tmp_path: Path) -> None:
    samples, file, names = tmp_path / "samples.npy", tmp_path / "two.json", ["fid", "memorisation"]
    np.save(samples, np.asarray(data.load("digits", "train").x[:700]))  # three batches for two processes
    options = ["score", str(samples), "--reference", "digits", "--metrics", ",".join(names), "--json", str(file)]
    start = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "-m", "ganbench"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "GANBENCH_CACHE_GB": "0"}
    done = subprocess.run(
        [*start, *options, "--device", "cpu"], capture_output=True, text=True, env=environment, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Do the samples look real?") == 1, "the first process alone prints"
    shared, alone = result.read(file), score(samples, "digits", metrics=names, device="cpu")
    assert shared.embeddings == alone.embeddings, "the same bits"
    assert shared.metrics == alone.metrics
    assert shared.provenance is not None
    assert (shared.provenance["device"], shared.provenance["processes"]) == ("cpu", 2)
