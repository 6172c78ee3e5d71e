"""A benchmark outside of the package: plug-ins are found, and the example goes through the whole pipeline."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ganbench import baseline, data, metrics
from ganbench.boards import grid
from ganbench.cli import catalogue
from ganbench.data import registry
from ganbench.errors import UserError

EXAMPLE = Path(__file__).parents[1] / "examples" / "own-benchmark"


def distribution(folder: Path, name: str, points: str) -> None:
    """The metadata of an installed package, as an installer writes it."""
    about = folder / f"{name}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(points)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Install a package of one module `mine_*` for one test; datasets go to a folder of this test."""

    def installed(points: str, source: str) -> None:
        distribution(tmp_path, "mine", points)
        (tmp_path / "mine_module.py").write_text(source)
        monkeypatch.syspath_prepend(tmp_path)
        registry._datasets.cache_clear()

    monkeypatch.setenv("GANBENCH_DATA", str(tmp_path / "data"))
    yield installed
    monkeypatch.undo()
    sys.modules.pop("mine_module", None)
    registry._datasets.cache_clear()


DATASET = """
import numpy as np
from ganbench.data import Built, Dataset, Facts, Split

def build(root):
    x = np.arange(40, dtype=np.float32).reshape(20, 2)
    return Built(Split(x[:12], np.full(12, -1)), Split(x[12:], np.full(8, -1)), {"licence": "none"})

DATASETS = {"stairs": Dataset("points on a line", build, facts=Facts((2,), 12, 8), pin=PIN)}
"""
POINTS = "[ganbench.datasets]\nstairs = mine_module\n"


def pinned(pin: str | None) -> str:
    return f"PIN = {pin!r}\n{DATASET}"


def test_dataset_of_another_package_is_built_pinned_and_listed(install: Callable[[str, str], None]) -> None:
    install(POINTS, pinned(None))
    data.build("stairs")
    pin = data.check("stairs").partition(";")[0]
    with pytest.raises(
        UserError,
        match="the plug-in that brings 'stairs' does not pin the dataset 'stairs': run `ganbench data build stairs`",
    ):
        data.version("stairs")
    sys.modules.pop("mine_module")
    Path(sys.path[0], "mine_module.py").write_text(pinned(pin) + "# pinned\n")
    registry._datasets.cache_clear()
    assert data.version("stairs") == pin
    assert len(data.load("stairs", "test").x) == 8
    assert "stairs" in {entry["name"] for entry in catalogue.datasets()}
    assert data.facts("stairs").shape == (2,)


def test_dataset_that_is_built_otherwise_than_pinned_is_refused(install: Callable[[str, str], None]) -> None:
    install(POINTS, pinned("0" * 32 + ".dir"))
    with pytest.raises(UserError, match="has the hash"):
        data.load("stairs")


def test_dataset_that_is_built_otherwise_than_declared_is_refused(install: Callable[[str, str], None]) -> None:
    install(POINTS, pinned(None).replace("Facts((2,), 12, 8)", "Facts((2,), 13, 8)"))
    with pytest.raises(UserError, match=r"is declared as .*train=13.* but it was built as .*train=12"):
        data.build("stairs")


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ("[ganbench.datasets]\ndigits = mine_module\n", "'digits' of mine .* name that is taken"),
        ("[ganbench.datasets]\nother = mine_module\n", "mine_module has no 'other' in DATASETS"),
        ("[ganbench.datasets]\nother = nowhere\n", "nowhere cannot be imported"),
    ],
)
def test_broken_plug_in_of_a_dataset_is_one_line(
    install: Callable[[str, str], None], points: str, message: str
) -> None:
    install(points, pinned(None))
    with pytest.raises(UserError, match=message):
        data.names()


def test_baseline_of_another_package_is_found_by_its_name(install: Callable[[str, str], None]) -> None:
    install("[ganbench.baselines]\nmine = mine_module\n", (EXAMPLE / "relativistic.py").read_text())
    path = baseline.resolve("mine")
    assert path.name == "mine_module.py"
    assert "mine_module" not in sys.modules
    assert baseline.config(path).model_fields["gp"].default == 1.0
    listed = {entry["name"]: entry["about"] for entry in catalogue.baselines()}
    assert listed["mine"].startswith("The relativistic average GAN")


def test_baseline_may_not_take_a_built_in_name(install: Callable[[str, str], None]) -> None:
    install("[ganbench.baselines]\ndcgan = mine_module\n", "")
    with pytest.raises(UserError, match=r"'dcgan' of mine .* name that is taken"):
        baseline.resolve("gan")


@pytest.fixture
def example(tmp_path: Path) -> dict[str, str]:
    """The example in a folder of its own, its metric installed, its data drawn; the environment of its commands."""
    shutil.copytree(EXAMPLE, tmp_path / "own", ignore=shutil.ignore_patterns("*.npz", "__pycache__"))
    points = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]["entry-points"]
    named = "".join(f"{name} = {module}\n" for name, module in points["ganbench.metrics"].items())
    distribution(tmp_path / "own", "own-benchmark", f"[ganbench.metrics]\n{named}")
    places = [str(tmp_path / "own"), str(Path(grid.__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(places), "GANBENCH_DATA": str(tmp_path / "data")}
    subprocess.run([sys.executable, "discs.py"], cwd=tmp_path / "own", check=True, capture_output=True)
    return environment


def run(folder: Path, environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_board_of_the_example_is_sound(example: dict[str, str], tmp_path: Path) -> None:
    done = run(tmp_path / "own", example, "ganbench", "check", "board.yaml")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("board: nothing is wrong; 6 runs to train")


def test_metric_without_calibration_needs_the_boards_word(example: dict[str, str], tmp_path: Path) -> None:
    board = tmp_path / "own/board.yaml"
    board.write_text(board.read_text().replace("    uncalibrated: [brightness]", "    #"))
    done = run(tmp_path / "own", example, "ganbench", "check", "board.yaml")
    assert done.returncode == 2
    assert "or write `uncalibrated: [brightness]`" in done.stderr


@pytest.mark.slow
def test_example_goes_through_the_whole_pipeline(example: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "own"
    done = run(folder, example, "ganbench", "run", "board.yaml", "--cores", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    board = pd.read_csv(folder / "runs/boards/board/leaderboard.csv")
    assert {"relativistic", "dcgan", "real", "copycat", "noise"} == set(board.row)
    cells = board[board.metric == "brightness"].set_index("row")["mean"]
    assert cells["real"] < 0.02 < 0.1 < cells["noise"]
    page = (folder / "runs/boards/board/leaderboard.md").read_text()
    assert "No calibration shows that these metrics see what they promise to see: `brightness`." in page
    records = [json.loads(path.read_text()) for path in folder.glob("runs/relativistic-*/run.json")]
    assert len(records) == 3
    assert {record["dataset"][:6] for record in records} == {"discs-"}
    assert {record["classes"] for record in records} == {3}
    assert list((tmp_path / "data/own").glob("discs-*"))
    assert np.load(next(folder.glob("runs/relativistic-*/samples-60.npz")))["arr_0"].shape == (60, 8, 8, 3)
    assert "brightness" not in metrics.names()
