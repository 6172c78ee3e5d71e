"""What RECIPE 6 repaired in the loop and in the networks: schedules, seeds, precision, names of runs, first weights."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from test_baselines_conformance import build as conforming
from test_baselines_conformance import kinds, source

from ganbench import Scorer, baseline, code
from ganbench.boards import curve
from ganbench.errors import UserError
from ganbench.gan import Batch, DataSpec
from ganbench.layers.dropout import NoiseDropout
from ganbench.layers.slope import slope
from ganbench.training import checkpoint, devices, loop, sampling
from ganbench.training.order import TrainingData, reseed
from ganbench.training.run import Run

SMALL = {"width_g": 8, "width_d": 8, "optimiser": "adam", "lr_g": 1e-3, "lr_d": 1e-3}
GAN = Path("baselines/gan.py")


def train(out: Path, images: int = 2000, **overrides: object) -> Run:
    return loop.train(GAN, "ring", out, seed=0, images=images, overrides=SMALL | overrides)


class TestSchedule:
    def test_linear_rates_fall_to_zero_over_the_budget(self) -> None:
        source = TrainingData(torch.randn(50, 2), torch.full((50,), -1), DataSpec((2,)))
        gan = baseline.create(GAN, source.spec, SMALL | {"schedule": "linear", "batch": 25})
        training = loop.Training(gan, source, 0, budget=100)
        rates = []
        for _ in range(5):
            training.step()
            rates.append([opt.param_groups[0]["lr"] for opt in (training.opt_g, training.opt_d)])
        assert np.allclose(rates, [[rate * 1e-3] * 2 for rate in (1, 0.75, 0.5, 0.25, 0)])

    def test_larger_budget_is_refused_with_the_reason(self, tmp_path: Path) -> None:
        train(tmp_path, images=1000, schedule="linear")
        with pytest.raises(UserError, match="fall to 0 at 1,000 images, so it cannot continue to 2,000"):
            train(tmp_path, images=2000, schedule="linear")

    def test_interrupted_run_resumes_to_the_bit(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        train(tmp_path / "whole", schedule="linear", ema=0.9)
        step = loop.Training.step

        def stop(self: loop.Training) -> dict[str, torch.Tensor]:
            if self.seen >= 1300:
                raise KeyboardInterrupt
            return step(self)

        monkeypatch.setattr(loop.Training, "step", stop)
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "cut", schedule="linear", ema=0.9)
        monkeypatch.undo()
        train(tmp_path / "cut", schedule="linear", ema=0.9)
        for name in ("model", "model-quarter", "model-half"):
            a, b = (load_file(tmp_path / run / f"{name}.safetensors") for run in ("whole", "cut"))
            assert all(torch.equal(a[k], b[k]) for k in a)


class TestParts:
    def test_quarter_and_half_are_the_runs_of_these_budgets(self, tmp_path: Path) -> None:
        train(tmp_path / "whole", images=2000)
        for part, images in (("quarter", 500), ("half", 1000)):
            train(tmp_path / part, images=images)
            a = load_file(tmp_path / "whole" / checkpoint.file_of(part))
            b = load_file(tmp_path / part / checkpoint.MODEL)
            assert all(torch.equal(a[k], b[k]) for k in a)

    def test_parts_of_a_smaller_budget_are_deleted(self, tmp_path: Path) -> None:
        train(tmp_path, images=1000)
        train(tmp_path, images=1000)
        assert (tmp_path / checkpoint.file_of("half")).is_file()
        train(tmp_path, images=2500)
        assert not (tmp_path / checkpoint.file_of("quarter")).is_file()  # it was passed with the smaller budget
        assert load_file(tmp_path / checkpoint.file_of("half"))

    def test_curve_of_a_run_that_diverged_has_no_value(self, tmp_path: Path) -> None:
        train(tmp_path, lr_g=1e30, lr_d=1e30)
        scorer = Scorer.of("ring", metrics=["fid"])
        assert curve.measure(tmp_path, "fid", scorer, 300, 0) == {"column": "fid", "quarter": None, "half": None}

    def test_part_of_a_run_can_be_sampled(self, tmp_path: Path) -> None:
        train(tmp_path)
        whole, half = (np.asarray(sampling.sample(tmp_path, sampling.Drawing(50, 0, part=p)).x) for p in (None, "half"))
        assert whole.shape == half.shape
        assert not np.array_equal(whole, half)

    def test_unknown_part_is_one_line(self, tmp_path: Path) -> None:
        train(tmp_path, images=300)
        with pytest.raises(UserError, match="no --part 'haf'; did you mean 'half'"):
            sampling.sample(tmp_path, sampling.Drawing(50, 0, part="haf"))


class TestCost:
    def test_record_has_cpu_seconds_and_the_processor(self, tmp_path: Path) -> None:
        run = train(tmp_path)
        assert 0 < run.cpu_seconds < 60
        assert run.processor
        assert run.numerics == {"deterministic": True, "tf32": False}

    def test_cpu_seconds_of_a_continued_run_add_up(self, tmp_path: Path) -> None:
        first = train(tmp_path, images=1000)
        assert train(tmp_path, images=2000).cpu_seconds > first.cpu_seconds


class TestSeeds:
    def test_purposes_with_equal_keys_are_unrelated(self) -> None:
        drawn = []
        for purpose in ("train", "sample", "walk", "start", "statistics", "probe"):
            reseed(purpose, 0, 0)
            drawn.append(torch.rand(4))
        assert len({tuple(x.tolist()) for x in drawn}) == len(drawn)


CODE = '''"""A file."""
import math  # for pi


class A:
    """A class."""

    x = math.pi

    def f(self):
        """A function."""
        return f"{self.x:.2f} {self.x!r:>{8}}" if self.x else None
'''


class TestSourceHash:
    def hash(self, folder: Path, text: str) -> str:
        path = folder / "file.py"
        path.write_text(text)
        return code.source_hash(path)

    def test_prose_and_layout_do_not_change_it(self, tmp_path: Path) -> None:
        prose = CODE.replace("A file.", "Another sentence.").replace("# for pi", "").replace('"""A class."""\n', "")
        prose = prose.replace('"""A function."""', '"""Two\n        lines."""')
        assert self.hash(tmp_path, CODE) == self.hash(tmp_path, prose)

    @pytest.mark.parametrize(
        ("old", "new"), [("math.pi", "math.e"), (".2f", ".3f"), ("None", "0"), ("0", "False"), ("f(self)", "g(self)")]
    )
    def test_code_changes_it(self, tmp_path: Path, old: str, new: str) -> None:
        code = CODE.replace("None", "0") if old == "0" else CODE
        assert self.hash(tmp_path, code) != self.hash(tmp_path, code.replace(old, new))

    def test_it_is_the_same_in_every_version_of_python(self, tmp_path: Path) -> None:
        expected = "85addfac224d"  # computed by Python 3.11, 3.12 and 3.13
        assert self.hash(tmp_path, CODE).startswith(expected)

    def test_file_that_is_no_python_is_one_line(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="cannot be imported: SyntaxError"):
            self.hash(tmp_path, "def")


IMAGES = DataSpec((1, 28, 28), classes=10)


def build(name: str, **settings: Any) -> Any:
    reseed("test", 0)
    return baseline.create(baseline.resolve(name), IMAGES, settings)


@pytest.mark.parametrize("name", ["dragan", "wgan_gp", "r3gan"])
def test_penalised_discriminator_starts_with_a_slope_near_1(name: str) -> None:
    gan = build(name, width=16)
    x = torch.rand(32, 1, 28, 28) * 2 - 1
    assert 0.3 < slope(gan.D, x).mean() < 3  # N(0, 0.02^2) gives 0.0014


def test_feature_matching_keeps_dcgans_weights() -> None:
    x = torch.rand(32, 1, 28, 28) * 2 - 1
    assert (
        slope(build("feature_matching", width=16).D, x).mean() < 0.1
    )  # it has no slope to reach, and He's weights hurt it


def test_biggan_hears_its_class_and_all_of_its_noise_at_the_start() -> None:
    gan = build("biggan", width=4, z=12, embedding=8).eval()
    z, y = torch.randn(4, 12), torch.zeros(4, dtype=torch.long)
    with torch.no_grad():
        plain = gan.generate(z, y)
        assert not torch.equal(plain, gan.generate(z, y + 1))  # gains and biases of 0 would hide it
        for chunk in range(4):
            moved = z.clone()
            moved[:, 3 * chunk : 3 * chunk + 3] += 1
            assert (gan.generate(moved, y) - plain).abs().max() > 1e-3, chunk


def steps_back(made: torch.Tensor) -> set[str]:
    """The names of all operations that a tensor was computed by, in the words of its graph."""
    waiting, seen = [made.grad_fn], set()
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            waiting += [following for following, _ in node.next_functions]
    return {node.name() for node in seen}


@pytest.mark.parametrize("name", ["sngan", "sagan", "biggan", "pggan"])
def test_halving_has_a_gradient_that_a_gpu_repeats(name: str) -> None:
    reseed("test", 0)
    narrow = {k: 4 for k in baseline.config(baseline.resolve(name)).model_fields if k.startswith("width")}
    gan = baseline.create(baseline.resolve(name), DataSpec((1, 32, 32), classes=10), narrow | {"batch": 8})
    if name == "pggan":
        gan.get_buffer("seen").fill_(10**9)  # all levels are in use
    real = Batch(torch.rand(8, 1, 32, 32), torch.zeros(8, dtype=torch.long))
    operations = steps_back(gan.d_loss(real)["loss"]) | steps_back(gan.g_loss(real)["loss"])
    assert any("Pool2D" in operation for operation in operations)
    assert not any("AdaptiveAvgPool" in operation for operation in operations)


def test_pggan_counts_images_on_the_cpu() -> None:
    gan = build("pggan", width=4, z=4).to("meta")
    assert gan.device.type == "meta"
    assert gan.seen.device.type == "cpu"  # reading it waits for no device
    assert gan.growth == (0, 1.0)


def test_cuda_computes_in_float32_and_repeats_its_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "there", torch.device)  # no CUDA device is needed to set the flags
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    with torch.backends.cudnn.flags(benchmark=True, allow_tf32=True):
        matmul = torch.backends.cuda.matmul.allow_tf32
        try:
            device = devices.choose("cuda")
            assert devices.numerics(device) == {"deterministic": True, "tf32": False}
            assert not torch.backends.cudnn.benchmark
            assert os.environ["CUBLAS_WORKSPACE_CONFIG"]
        finally:
            torch.use_deterministic_algorithms(False)
            torch.backends.cuda.matmul.allow_tf32 = matmul
    torch.backends.cudnn.allow_tf32 = True
    assert devices.numerics(device) == {"deterministic": False, "tf32": True}  # torch's own way


def test_cgan_draws_different_pictures_of_one_class() -> None:
    gan = build("cgan").eval()
    z = torch.full((1, 100), 0.5).expand(8, 100)
    with torch.no_grad():
        x = gan.generate(z, torch.full((8,), 3))
    assert (x.std(0) > 0.01).float().mean() > 0.5  # one z and one class: the dropout alone makes them differ


def test_noise_dropout_works_in_evaluation_mode() -> None:
    layer = NoiseDropout(0.5).eval()
    kept = (layer(torch.ones(10_000)) != 0).float().mean()
    assert kept == pytest.approx(0.5, abs=0.02)


class TestMixedPrecision:
    @pytest.mark.parametrize("name", baseline.names())
    def test_losses_of_every_baseline_are_fp32(self, name: str) -> None:
        spec = next(iter(kinds(name).values()))
        losses = loop.Training(conforming(name, spec, precision="bf16"), source(spec), 0).step()
        assert {value.dtype for value in losses.values()} == {torch.float32}

    def test_layers_compute_in_bf16(self) -> None:
        gan = build("dcgan", width=4, precision="bf16")
        x = torch.randint(0, 256, (40, 1, 28, 28), dtype=torch.uint8)
        training = loop.Training(gan, TrainingData(x, torch.zeros(40, dtype=torch.long), IMAGES), 0)
        kinds = []
        gan.D.body[0].register_forward_hook(lambda layer, given, made: kinds.append(made.dtype))
        training.step()
        assert set(kinds) == {torch.bfloat16}

    def test_hooks_do_not_pile_up(self) -> None:
        gan = build("pggan", width=4, z=4, batch=4, images_per_phase=4, precision="bf16")
        x = torch.randint(0, 256, (40, 1, 28, 28), dtype=torch.uint8)
        training = loop.Training(gan, TrainingData(x, torch.zeros(40, dtype=torch.long), IMAGES), 0)
        before = sum(len(m._forward_hooks) for m in gan.modules())
        for _ in range(4):
            training.step()
        assert training.stage > 0
        assert sum(len(m._forward_hooks) for m in gan.modules()) == before


FAULTY = '''
"""A toy."""

import torch
from torch import nn

from ganbench.config import TrainConfig
from ganbench.gan import Gan


class Config(TrainConfig):
    z: int = 2


class Toy(Gan):
    def __init__(self, spec, config):
        super().__init__(spec, config)
        self.G, self.D = nn.Sequential(nn.Linear(2, 64), nn.Tanh(), nn.Unflatten(1, (1, 8, 8))), nn.Linear(64, 1)
        self.calls = 0

    def generate(self, z, y=None, cond=None):
        x = self.G(z)
        return {generate}

    def d_loss(self, real):
        self.calls += 1
        if self.calls == 3:
            {third}
        return {d_loss}

    def g_loss(self, real):
        return {{"loss": self.G(self.latent(4)).square().mean()}}
'''
RIGHT = {"generate": "x", "third": "pass", "d_loss": '{"loss": self.D(real.x.flatten(1)).mean()}'}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"generate": "x.flatten(1)"},
            r"`generate` must give a float32 tensor \[N, 1, 8, 8\], but it gives float32 \[N, 64\]",
        ),
        ({"generate": "x * float('nan')"}, "samples are not finite"),
        ({"generate": "x + 5"}, r"pixels must lie in \[-1, 1\]"),
        ({"third": "raise ValueError('no such thing')"}, r"toy.py:\d+: ValueError: no such thing"),
        ({"d_loss": '{"loss": self.D(real.x.flatten(1))}'}, "a loss needs the entry 'loss'"),
        ({"d_loss": '{"loss": torch.tensor(1.0)}'}, "a loss needs the entry 'loss'"),
        ({"d_loss": '{"other": self.D(real.x.flatten(1)).mean()}'}, "a loss needs the entry 'loss'"),
        ({"d_loss": "self.D(real.x).mean()"}, r"toy.py:\d+: RuntimeError: mat1 and mat2"),
    ],
)
def test_faulty_baseline_is_one_line_before_the_budget_is_spent(
    tmp_path: Path, change: dict[str, str], words: str
) -> None:
    (tmp_path / "toy.py").write_text(FAULTY.format(**(RIGHT | change)))
    with pytest.raises(UserError, match=words) as error:
        loop.train(tmp_path / "toy.py", "digits", tmp_path / "run", seed=0, images=10**7, overrides={})
    assert "\n" not in str(error.value)


def test_faulty_baseline_at_a_relative_path_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "toy.py").write_text(FAULTY.format(**(RIGHT | {"third": "raise ValueError('no such thing')"})))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"^toy.py:\d+: ValueError: no such thing$"):
        loop.train(Path("toy.py"), "digits", tmp_path / "run", seed=0, images=10**7, overrides={})


def test_generator_that_breaks_later_keeps_its_last_good_weights(tmp_path: Path) -> None:
    broken = "x if self.calls < 20 else x * float('nan')"
    (tmp_path / "toy.py").write_text(FAULTY.format(**(RIGHT | {"generate": broken})))
    run = loop.train(tmp_path / "toy.py", "digits", tmp_path / "run", seed=0, images=64 * 100, overrides={})
    assert run.diverged == "8 of 8 samples are not finite at 1,280 images"
    assert run.seen == 640
    history = [json.loads(line)["images"] for line in (tmp_path / "run/history.jsonl").read_text().splitlines()]
    assert history[-1] == 1280


def test_run_that_diverges_at_once_keeps_its_first_weights(tmp_path: Path) -> None:
    run = train(tmp_path, lr_g=1e30, lr_d=1e30)
    assert run.diverged
    assert all(torch.isfinite(value).all() for value in load_file(tmp_path / checkpoint.MODEL).values())


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", ["dcgan", "biggan", "pggan", "sngan", "vae"])
def test_gpu_draws_the_samples_that_the_cpu_draws(name: str, tmp_path: Path) -> None:
    settings = {k: 8 for k in baseline.config(baseline.resolve(name)).model_fields if k.startswith("width")}
    loop.train(
        baseline.resolve(name),
        "digits",
        tmp_path,
        seed=0,
        images=640,
        overrides=settings | {"batch": 32},
        device="cuda",
    )
    a, b = (
        np.asarray(sampling.sample(tmp_path, sampling.Drawing(250, 0, device=device)).x).astype(int)
        for device in ("cpu", "cuda")
    )
    assert np.abs(a - b).max() <= 2  # of 255
