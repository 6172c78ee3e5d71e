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
from ganbench.metrics._inputs import table

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
    for name in [m for m in sys.modules if m.startswith(("ganbench_energy", "asks"))]:
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


def plug_in(folder: Path, signature: str) -> None:
    """A metric in one file, with these parameters."""
    (folder / "asks.py").write_text(
        "from ganbench.metrics import Card, Score\n"
        "CARD = Card(answers='?', better='lower', range=(0, 1), minimum=2, paper='', version=1)\n"
        f"def asks({signature}):\n    return Score(0.5)\n"
    )


@pytest.mark.parametrize("name", metrics.INPUTS)
def test_a_missing_input_is_the_reason_of_an_empty_cell(
    install: Callable[..., None], tmp_path: Path, name: str
) -> None:
    plug_in(tmp_path, "gen" if name == "gen" else f"gen, {name}")
    install("asks", "[ganbench.metrics]\nasks = asks\n")
    result = metrics.compute(["asks"], {"gen": np.zeros((5, 2))})["asks"]
    if name in ("gen", "rng"):  # always there
        assert result["value"] == 0.5
    else:
        assert result["value"] is None
        assert result["reason"] == f"asks {metrics.INPUTS[name].absent}"


@pytest.mark.parametrize("signature", ["gen, gen_label", "gen, gen_label=None", "gen, **gen_label"])
def test_an_unknown_input_is_one_line_with_the_nearest(
    install: Callable[..., None], tmp_path: Path, signature: str
) -> None:
    plug_in(tmp_path, signature)
    install("asks", "[ganbench.metrics]\nasks = asks\n")
    with pytest.raises(UserError, match=r"metric asks.*'gen_label'; did you mean 'gen_labels'\?") as error:
        metrics.get("asks")
    assert "\n" not in str(error.value)


def test_a_constant_of_a_metric_is_no_input(install: Callable[..., None], tmp_path: Path) -> None:
    plug_in(tmp_path, "gen, k=5")
    install("asks", "[ganbench.metrics]\nasks = asks\n")
    assert metrics.compute(["asks"], {"gen": np.zeros((5, 2))})["asks"]["value"] == 0.5


def test_table_of_inputs_in_the_docs_is_that_of_the_code() -> None:
    assert table() in (EXAMPLE.parents[1] / "docs" / "plugins.md").read_text()


def test_two_plug_ins_of_one_name_are_refused(install: Callable[..., None]) -> None:
    install("one", "[ganbench.metrics]\nmine = one.mine\n")
    install("two", "[ganbench.metrics]\nmine = two.mine\n")
    with pytest.raises(UserError, match="taken"):
        metrics.names()
