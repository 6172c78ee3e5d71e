"""Code of a user: its faults are one line with file and line number, and a foreign text cannot steer the terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ganbench import errors, metrics, plugins
from ganbench.cli import main
from ganbench.errors import UserError
from ganbench.features import Extractor, custom
from ganbench.metrics import Metric
from ganbench.scoring import Scorer
from ganbench.training import loop
from ganbench.training.sampling import Drawing, sample

GAN = Path("baselines/gan.py").read_text()
TAIL = len(GAN.splitlines()) + 1


def spoilt(place: str, with_: str) -> str:
    """The code of the baseline `gan`, with another first statement in one of its methods."""
    assert place in GAN
    return GAN.replace(place, f"{place}\n        {with_}", 1)


@pytest.mark.parametrize(
    ("source", "line", "message"),
    [
        (GAN + "raise SystemExit(0)\n", TAIL, "cannot be imported: SystemExit: 0"),
        (GAN + "1 / 0\n", TAIL, "cannot be imported: ZeroDivisionError: division by zero"),
        (spoilt("super().__init__(spec, config)", "raise SystemExit(3)"), None, "SystemExit: 3"),
        (spoilt("super().__init__(spec, config)", "raise ValueError('no')"), None, "ValueError: no"),
    ],
)
def test_fault_of_a_baseline_is_a_line_with_its_place(
    tmp_path: Path, source: str, line: int | None, message: str
) -> None:
    path = tmp_path / "mine.py"
    path.write_text(source)
    line = line or next(i for i, text in enumerate(source.splitlines(), 1) if text.strip().startswith("raise"))
    with pytest.raises(UserError) as error:
        loop.train(path, "ring", tmp_path / "run", seed=0, images=100, overrides={})
    assert str(error.value) == f"{path}:{line}: {message}"


def test_config_of_another_kind_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(GAN.replace("class Config(TrainConfig):", "class Config:\n    pass\n\n\nclass Other(TrainConfig):"))
    with pytest.raises(UserError, match=r"mine\.py: the Config of a baseline is a subclass of"):
        loop.train(path, "ring", tmp_path / "run", seed=0, images=100, overrides={})


def test_exit_in_a_step_ends_training_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(GAN + "\n    def after_d_step(self, losses):\n        raise SystemExit\n")
    with pytest.raises(UserError, match=r"mine\.py:\d+: SystemExit"):
        loop.train(path, "ring", tmp_path / "run", seed=0, images=100, overrides={})


def test_fault_in_sampling_is_the_line_of_the_baseline(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    broken = "assert len(z) < 250, 'too many'"
    path.write_text(
        f"{GAN}\n    def generate(self, z, y=None, cond=None):\n        {broken}\n        return self.G(z)\n"
    )
    loop.train(path, "ring", tmp_path / "run", seed=0, images=100, overrides={"width_g": 8, "width_d": 8})
    with pytest.raises(UserError, match=r"mine\.py:\d+: AssertionError: too many"):
        sample(tmp_path / "run", Drawing(10, 0, trust=True))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise SystemExit(0)", r"e\.py:2 failed: SystemExit: 0"),
        ("return 1 / 0", r"e\.py:2 failed: ZeroDivisionError"),
        ("return x.reshape(len(x), -1) * float('nan')", r"e\.py gives features or logits that are NaN or infinite"),
        ("return x.reshape(len(x), -1) * 1j", r"e\.py failed: TypeError: .* these are complex"),
        ("return x[0]", r"e\.py gives .* it must give features \[n, d\]"),
    ],
)
def test_fault_of_an_extractor_is_a_line_with_its_place(tmp_path: Path, body: str, message: str) -> None:
    path = tmp_path / "e.py"
    path.write_text(f"def extract(x):\n    {body}\n")
    with pytest.raises(UserError, match=message):
        custom.load(Extractor(str(path)))(np.zeros((4, 8, 8, 1), np.uint8))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise SystemExit(0)", r"the metric mine_metric: .*mine_metric\.py:4: SystemExit: 0"),
        ("return 1 / 0", r"the metric mine_metric: .*mine_metric\.py:4: ZeroDivisionError"),
        ("return gen.nonsense", r"the metric mine_metric: .*mine_metric\.py:4: AttributeError"),
        *(
            (f"return {score}", rf"the metric mine_metric \(.*mine_metric\.py\) gives no score: .*{why}")
            for score, why in (
                ("None", "NoneType, and not a `Score`"),
                ("0.5", "float, and not a `Score`"),
                ("Score(float('nan'))", "nan"),
                ("Score(float('inf'))", "inf"),
                ("Score('small')", "small"),
                ("Score([1, 2])", "list"),
                ("Score(0.5, (0,))", "two ends"),
                ("Score(0.5, 3)", "int"),
                ("Score(0.5, (0, float('nan')))", "nan"),
                ("Score(0.5, perfect=float('-inf'))", "inf"),
                ("Score(0.5, extra=3)", "int"),
                ("Score(0.5, extra={'value': 3})", "name 'value'"),
                ("Score(0.5, extra={'more': gen})", "ndarray"),
                ("Score(0.5, extra={'more': float('nan')})", "not finite"),
                ("Score(0.5, extra={(1, 2): 3})", "tuple"),
            )
        ),
    ],
)
def test_fault_of_a_metric_is_a_line_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, message: str
) -> None:
    card = "CARD = Card('?', 'lower', (0, 1), 2, '-', 1)"
    code = f"from ganbench.metrics import Card, Score\n{card}\ndef mine_metric(gen, ref):\n    {body}\n"
    (tmp_path / "mine_metric.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "modules", {k: v for k, v in sys.modules.items() if k != "mine_metric"})
    module = plugins.load("mine_metric", ())
    monkeypatch.setattr(metrics, "_modules", lambda: {"mine_metric": "mine_metric"})
    monkeypatch.setattr(metrics, "get", lambda name: Metric(name, module.CARD, module.mine_metric))
    monkeypatch.setattr("ganbench.scoring.scorer.get", metrics.get)
    points = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    with pytest.raises(UserError, match=message):
        Scorer.of(points, features="identity", metrics=["mine_metric"])(points)


def run_cli(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["ganbench", *arguments])
    with pytest.raises(SystemExit) as exit_:
        main()
    return int(exit_.value.code or 0)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("no room"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:119] . DefaultCPUAllocator: can't allocate memory: 40 bytes"),
        RuntimeError("Storage size calculation overflowed with sizes=[99999999, 99999999]"),
        ImportError("libtorch_cpu.so: failed to map segment from shared object"),
    ],
)
def test_too_little_memory_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr("ganbench.cli.catalogue.boards", fail)
    assert run_cli(monkeypatch, "list", "boards") == 2
    said = capsys.readouterr().err
    assert said.startswith("ganbench: the memory is too small: ")
    assert said.count("\n") == 1


@pytest.mark.parametrize("verb", ["compare", "score"])
def test_foreign_name_cannot_steer_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    rng, name = np.random.default_rng(0), "a\x1b]0;title\x07\x9b2J"
    points = [rng.normal(size=(60, 2)).astype(np.float32) for _ in range(3)]
    scorer = Scorer.of(points[0], features="identity", metrics=["fid"])
    for i in (1, 2):
        content = json.loads(scorer(points[i]).to_json())
        content["samples"]["name"] = name
        content["metrics"][name] = content["metrics"]["fid"]
        del content["digest"]
        (tmp_path / f"{i}.json").write_text(json.dumps(content))
    np.savez(tmp_path / "a.npz", points[1])
    (tmp_path / "a.json").write_text(json.dumps({"name": name}))
    np.save(tmp_path / "ref.npy", points[0])
    commands: dict[str, Callable[[], list[str]]] = {
        "compare": lambda: ["compare", str(tmp_path / "1.json"), str(tmp_path / "2.json")],
        "score": lambda: [
            "score",
            str(tmp_path / "a.npz"),
            "--reference",
            str(tmp_path / "ref.npy"),
            "--metrics",
            "fid",
        ],
    }
    run_cli(monkeypatch, *commands[verb]())
    out, err = capsys.readouterr()
    assert "a\\x1b]0;title" in out + err
    assert all(c.isprintable() or c == "\n" for c in out + err)


def test_space_between_number_and_unit_stays() -> None:
    assert errors.readable("95\xa0%\n\x1b[1m") == "95\xa0%\n\\x1b[1m"
