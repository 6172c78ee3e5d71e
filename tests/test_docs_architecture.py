"""The plan and the templates of docs/architecture.md hold for the code as it is."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from conftest import REPOSITORY

from ganbench import baseline, data, plugins
from ganbench.data import folder
from ganbench.features import Extractor
from ganbench.gan import Batch, DataSpec
from ganbench.metrics import Card
from ganbench.samples import Declared

PAGE = (REPOSITORY / "docs/architecture.md").read_text(encoding="utf-8")
TEMPLATES = dict(re.findall(r"^```python (\S+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
LONGEST = 35  # lines of a template


def _plan() -> ModuleType:
    spec = importlib.util.spec_from_file_location("plan", REPOSITORY / "docs/plan.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Write a template of the page into a file, from which its name can be imported."""

    def write(name: str) -> Path:
        path = tmp_path / Path(name).name
        path.write_text(TEMPLATES[name], encoding="utf-8")
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, path.stem, raising=False)
        return path

    return write


def test_plan_names_a_circle_of_imports() -> None:
    with pytest.raises(ValueError, match="a -> b -> a"):
        _plan().floors({"a": {"b"}, "b": {"a"}})


def test_page_describes_every_room_of_the_plan() -> None:
    rooms = PAGE.partition("## The rooms")[2].partition("Outside of the package")[0]
    described = set(re.findall(r"`(\w+)`", "".join(line.split("|")[1] for line in rooms.splitlines() if "|" in line)))
    assert described == {room for room in _plan().rooms() if not room.startswith("_")}


@pytest.mark.parametrize("name", TEMPLATES)
def test_template_is_short(name: str) -> None:
    assert len(TEMPLATES[name].splitlines()) <= LONGEST


@pytest.mark.parametrize("spec", [DataSpec((2,)), DataSpec((1, 8, 8), classes=10), DataSpec((3, 16, 16))])
def test_template_of_a_gan_plays(template: Callable[[str], Path], spec: DataSpec) -> None:
    torch.manual_seed(0)
    gan = baseline.create(template("baselines/hinge.py"), spec, {"width": 8, "units": 8})
    real = Batch(torch.rand(6, *spec.shape) * 2 - 1, torch.full((6,), -1))
    for losses, player in ((gan.d_loss(real), gan.D), (gan.g_loss(real), gan.G)):
        losses["loss"].backward()
        assert torch.isfinite(losses["loss"])
        assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in player.parameters())
    assert gan.eval().sample(3).shape == (3, *spec.shape)


def test_template_of_a_metric_sees_what_its_card_promises(template: Callable[[str], Path]) -> None:
    name = template("ganbench/metrics/mean_distance.py").stem
    module = plugins.load(name, ("CARD", name))
    gen, ref = np.random.default_rng(0).standard_normal((2, 500, 4))
    same, shifted = (getattr(module, name)(gen + shift, ref).value for shift in (0, 1))
    assert isinstance(module.CARD, Card)
    assert abs(same) < 0.1
    assert shifted == pytest.approx(4, abs=0.5)


def test_template_of_an_extractor_gives_what_it_describes(template: Callable[[str], Path]) -> None:
    name = template("ganbench/features/profiles.py").stem
    module = plugins.load(name, ("NAMES", "BATCH", "CACHED", "describe", "load"))
    x = np.asarray(data.load("digits", "test").x[: module.BATCH])
    features, logits = module.load(Extractor(module.NAMES[0]))(x)
    assert features.shape == (len(x), 16)
    assert features.dtype == np.float32
    np.testing.assert_allclose(features[:, 0], x[:, :, 0].mean((1, 2)) / 255, rtol=1e-6)
    assert logits is None
    assert module.describe(Extractor(module.NAMES[0]))["id"].startswith(name)


def test_template_of_a_dataset_builds_the_same_bytes_twice(template: Callable[[str], Path], tmp_path: Path) -> None:
    name = template("ganbench/data/families/corners.py").stem
    module = plugins.load(name, ("DATASETS",))
    for copy in ("one", "two"):
        (tmp_path / copy).mkdir()
        folder.write(tmp_path / copy, name, module.DATASETS[name].about, module.DATASETS[name].build(tmp_path))
    assert folder.digest(tmp_path / "one") == folder.digest(tmp_path / "two")
    train = folder.read(tmp_path / "one", "train")
    assert train.x.shape == (2000, 2)
    assert set(train.y) == {0, 1, 2, 3}


def test_template_of_a_sample_form_reads_points(template: Callable[[str], Path], tmp_path: Path) -> None:
    module = plugins.load(template("ganbench/samples/table.py").stem, ("FAULTS", "opens", "read"))
    path = tmp_path / "points"
    path.write_text("# points\n1 2\n3 4\n")
    assert module.opens(path, path.read_bytes())
    assert not module.opens(path, b"\x89PNG")
    np.testing.assert_array_equal(module.read(path, Declared()).x, [[1, 2], [3, 4]])
    path.write_text("# points\n1 2\n3\n")
    with pytest.raises(module.FAULTS):
        module.read(path, Declared())
