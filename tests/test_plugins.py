"""Metrics from other packages: found by their entry points, scored, listed and refused like ours."""

# mypy: no-strict-optional

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from ganbench import data, features, metrics, score
from ganbench.boards import checks
from ganbench.cli import catalogue
from ganbench.errors import UserError

EXAMPLE = Path(__file__).parents[1] / "examples" / "plugin"


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Install packages for one test: a folder on the path, and beside it the metadata that an installer would write."""

    def installed(name: str, points: str, folder: Path = tmp_path) -> None:
        about = tmp_path / f"{name}-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text(points)
        for path in (tmp_path, folder):
            monkeypatch.syspath_prepend(path)
        _forget()

    yield installed
    monkeypatch.undo()
    _forget()


def _forget() -> None:
    metrics._modules.cache_clear()
    metrics.get.cache_clear()
    features._families.cache_clear()
    for name in [m for m in sys.modules if m.startswith("ganbench_energy")]:
        del sys.modules[name]


@pytest.fixture
def energy(install: Callable[..., None]) -> None:
    """The example, installed."""
    import tomllib

    points = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]["entry-points"]
    text = "".join(
        f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in named.items()) for group, named in points.items()
    )
    install("ganbench-energy", text, EXAMPLE)


@pytest.mark.usefixtures("energy")
def test_metric_of_another_package_is_scored_and_listed() -> None:
    rng = np.random.default_rng(0)
    near, far, ref = (rng.normal(shift, 1, (300, 3)).astype(np.float32) for shift in (0, 1, 0))
    values = [score(x, ref, metrics=["energy"]).metrics["energy"].value for x in (near, far)]
    assert abs(values[0]) < 0.05 < 0.3 < values[1]
    assert "energy" in score(near, ref).metrics
    assert "energy" in {entry["name"] for entry in catalogue.metrics()}


@pytest.mark.usefixtures("energy")
def test_extractor_of_another_package_embeds_and_is_listed() -> None:
    x = np.asarray(data.load("digits", "test").x)
    found = features.embed("quarters", x).features
    np.testing.assert_allclose(found[:, 3], x[:, 4:, 4:, 0].mean((1, 2)) / 255, rtol=1e-6)
    result = score(x[::2], x[1::2], features="quarters", metrics=["energy"])
    assert result.protocol.features.id == "quarters@1"
    assert abs(result.metrics["energy"].value or 1) < 0.01
    assert "quarters" in {entry["name"] for entry in catalogue.extractors()}


def test_extractor_may_not_take_a_name_of_ours(install: Callable[..., None]) -> None:
    install("other", "[ganbench.features]\npixels = other.pixels\n")
    with pytest.raises(UserError, match="taken"):
        features.names()


@pytest.mark.usefixtures("energy")
def test_metric_of_another_package_enters_no_board_before_its_calibration() -> None:
    why = checks.calibration_problem(metrics.get("energy"), "digits")
    assert "energy (version 1) cannot enter a board" in str(why)
    assert checks.calibration_problem(metrics.get("energy"), "digits", uncalibrated=True) is None


def test_without_the_package_there_is_no_such_metric() -> None:
    assert "energy" not in metrics.names()


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ("[ganbench.metrics]\nfid = other.fid\n", "'fid' of other .* name that is taken"),
        ("[ganbench.metrics]\nother = nowhere.other\n", "nowhere.other cannot be imported: ModuleNotFoundError"),
        ("[ganbench.metrics]\nother = json.tool\n", "json.tool has no 'CARD'"),
    ],
)
def test_broken_plug_in_is_one_line(install: Callable[..., None], points: str, message: str) -> None:
    install("other", points)
    with pytest.raises(UserError, match=message) as error:
        metrics.get("other")
    assert "\n" not in str(error.value)


def test_two_plug_ins_of_one_name_are_refused(install: Callable[..., None]) -> None:
    install("one", "[ganbench.metrics]\nmine = one.mine\n")
    install("two", "[ganbench.metrics]\nmine = two.mine\n")
    with pytest.raises(UserError, match="taken"):
        metrics.names()
