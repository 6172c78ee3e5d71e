"""The wheel, installed: in an empty folder, without a checkout, it does what the README promises."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from ganbench import __version__, data
from ganbench.data import folder

pytest.importorskip("hatchling", reason="hatchling builds the wheel: pip install 'ganbench[dev]'")
pytestmark = pytest.mark.slow  # the wheel is built, and every verb is a process of its own

REPOSITORY = Path(__file__).parents[1]
SOURCES = (
    "*.py",
    "*.toml",
    "*.md",
    "*.cff",
    "LICENSE",
    "Snakefile",
    "dvc.*",
    "baselines",
    "ganbench",
    "profiles",
    "results",
)
BUILD = "import sys; from hatchling import build; print(getattr(build, sys.argv[1])(sys.argv[2]))"


def build(kind: str, tree: Path, out: Path) -> Path:
    """Build an sdist or a wheel from a tree, without network and without Git."""
    out.mkdir()
    command = [sys.executable, "-c", BUILD, f"build_{kind}", str(out)]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return out / done.stdout.split()[-1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the sdist of a tree without `.git`."""
    top = tmp_path_factory.mktemp("build")
    (top / "tree").mkdir()
    for path in [path for pattern in SOURCES for path in REPOSITORY.glob(pattern)]:
        if path.is_dir():
            shutil.copytree(path, top / "tree" / path.name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(path, top / "tree")
    with tarfile.open(build("sdist", top / "tree", top / "sdist")) as archive:
        archive.extractall(top / "unpacked", filter="data")
    return build("wheel", top / "unpacked" / f"ganbench-{__version__}", top / "wheel")


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel, and a folder that was empty at first, where its commands run."""

    python: Path
    folder: Path
    environment: dict[str, str]

    def __call__(self, *arguments: str, code: int = 0) -> str:
        """Run `ganbench`; return what it prints, or its message if it must fail with `code`."""
        command = [str(self.python), "-m", "ganbench", *arguments]
        done = subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, text=True)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout if code == 0 else done.stderr


@pytest.fixture(scope="module")
def run(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel in a fresh environment, where the packages that ganbench needs are those of this interpreter."""
    top = tmp_path_factory.mktemp("installed")
    venv.create(top / "venv", symlinks=True)
    scheme = {"base": str(top / "venv"), "platbase": str(top / "venv")}
    site, scripts = (Path(sysconfig.get_path(name, "venv", scheme)) for name in ("purelib", "scripts"))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    (site / "dependencies.pth").write_text("\n".join({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}))
    (top / "empty").mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "GANBENCH"))}
    environment |= {"HOME": str(top / "home"), "XDG_DATA_HOME": str(top / "user"), "OMP_NUM_THREADS": "1"}

    return Installed(scripts / "python", top / "empty", environment)


@pytest.fixture(scope="module")
def samples(run: Installed) -> str:
    """The name of a sample set, drawn from a short run of a baseline that is named as `list` names it."""
    run("train", "dcgan", "--dataset", "digits", "--images", "1000", "--out", "runs/mine")
    run("sample", "runs/mine", "--n", "200", "--out", "samples.npz")
    return "samples.npz"


def test_the_wheel_carries_every_definition_of_the_checkout(wheel: Path) -> None:
    patterns = (
        "CITATION.cff",
        "Snakefile",
        "dvc.lock",
        "baselines/*.py",
        "baselines/boards/**/*.yaml",
        "results/calibration/*/promises.csv",
    )
    files = [path for pattern in (*patterns, "profiles/*/*") for path in REPOSITORY.glob(pattern)]
    with zipfile.ZipFile(wheel) as archive:
        shipped = {name for name in archive.namelist() if name.startswith("ganbench/shipped/")}
        assert shipped == {f"ganbench/shipped/{path.relative_to(REPOSITORY).as_posix()}" for path in files}
        for path in files:
            assert archive.read(f"ganbench/shipped/{path.relative_to(REPOSITORY).as_posix()}") == path.read_bytes()


def test_the_wheel_carries_every_file_of_the_package(wheel: Path) -> None:
    files = {
        path.relative_to(REPOSITORY).as_posix()
        for path in (REPOSITORY / "ganbench").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        assert files <= set(archive.namelist())


@pytest.mark.parametrize("kind", ["baselines", "datasets", "metrics", "extractors", "boards"])
def test_the_wheel_lists_what_the_checkout_lists(run: Installed, kind: str) -> None:
    listed = [line.split()[0] for line in run("list", kind).splitlines()]
    command = [sys.executable, "-m", "ganbench", "list", kind]
    checkout = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    assert listed == [line.split()[0] for line in checkout.splitlines()]


def test_the_wheel_is_run_and_not_the_checkout(run: Installed) -> None:
    code = "import ganbench; from ganbench import paths; print(ganbench.__file__, paths.definitions())"
    command = [str(run.python), "-c", code]
    places = subprocess.check_output(command, cwd=run.folder, env=run.environment, text=True)
    assert str(REPOSITORY) not in places
    assert places.strip().endswith(str(Path("ganbench", "shipped")))
    assert run("--version") == f"ganbench {__version__}\n"
    assert run("cite").startswith("@software{ganbench,")


def test_datasets_go_into_the_folder_of_the_user(run: Installed) -> None:
    run("data", "build", "gaussian1d")
    built = Path(run.environment["XDG_DATA_HOME"], "ganbench/data/gaussian1d")
    assert folder.digest(built) == data.version("gaussian1d")
    assert not (run.folder / "data").exists()


def test_a_baseline_is_trained_by_its_name_sampled_and_scored(run: Installed, samples: str) -> None:
    assert "fid" in run("score", samples, "--reference", "digits", "--metrics", "fid,kid")


def test_a_run_is_walked_through(run: Installed, samples: str) -> None:
    run("interpolate", "runs/mine", "--out", "strip.png")
    assert (run.folder / "strip.png").stat().st_size > 0


def test_a_calibration_is_written_below_the_current_folder(run: Installed) -> None:
    run("calibrate", "ring", "--n", "60", "--repeats", "2")
    assert (run.folder / "results/calibration/ring/promises.csv").is_file()


def test_a_board_is_run_below_the_current_folder(run: Installed) -> None:
    track = {"images": 500, "samples": 200, "metrics": ["fid"], "rank": "fid", "rows": {"dcgan": {}}}
    board = {"about": "a tiny board", "seeds": [0, 1, 2], "datasets": {"digits": track}}
    (run.folder / "tiny.yaml").write_text(json.dumps(board))  # JSON is YAML
    assert "dcgan" in run("run", "tiny.yaml", "--cores", "2")
    assert (run.folder / "runs/boards/tiny/leaderboard.csv").is_file()
    assert run("run", "smoke", "--dry-run")


def test_a_wrong_name_is_one_line(run: Installed) -> None:
    error = run("train", "dcgn", "--dataset", "digits", code=2)
    assert "dcgan" in error
    assert error.count("\n") == 1
