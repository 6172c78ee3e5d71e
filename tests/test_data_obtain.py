"""`obtain` and `load`: the bytes that dvc.lock pins, from wherever they can be had, and never others."""

# mypy: no-strict-optional

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ganbench import data, paths
from ganbench.data import dvc as dvc_store
from ganbench.data import registry, store
from ganbench.data.mixture import Mixture
from ganbench.errors import Unreachable, UserError

CHECKOUT = Path(data.__file__).parents[2]
NAME = "gaussian1d"


def export(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for file in (
        "dvc.yaml",
        "dvc.lock",
        ".dvcignore",
        ".dvc/config",
        ".dvc/.gitignore",
        ".gitignore",
        "ganbench/data/families/toys.py",
    ):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(CHECKOUT / file, folder / file)
    (folder / "baselines").mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(folder.parent / "site"))
    return folder


@pytest.fixture
def exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout without .git, as from a tarball, in which nothing is built."""
    return export(tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def obtained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A git checkout in which `NAME` was obtained: it was built, there being neither cache nor remote."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        folder = export(tmp_path_factory.mktemp("git"), monkeypatch)
        subprocess.run(["git", "init", "-q"], check=True)
        subprocess.run(["git", "add", "-A"], check=True)
        data.obtain(NAME)
    return folder


@pytest.fixture
def clone(obtained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of `obtained`, to be spoilt."""
    folder = tmp_path / "clone"
    shutil.copytree(obtained, folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(folder.parent / "site"))
    return folder


@pytest.fixture
def no_build(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(name: Any, root: Any = None) -> None:
        raise AssertionError("built")

    monkeypatch.setattr(store, "build", build)


def dvc(*arguments: str) -> str:
    done = subprocess.run([sys.executable, "-m", "dvc", *arguments], capture_output=True, text=True, check=True)
    return done.stdout


def spoil(folder: Path) -> None:
    content = bytearray((folder / "train.npy").read_bytes())
    content[-1] ^= 1
    (folder / "train.npy").write_bytes(content)


def test_root_is_the_checkout_around_the_folder_or_the_folder(
    exported: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert paths.root() == paths.definitions() == exported
    (exported / "below").mkdir()
    monkeypatch.chdir(exported / "below")
    assert paths.root() == exported
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.chdir(elsewhere)
    assert paths.root() == elsewhere
    assert paths.definitions() == CHECKOUT


def test_an_installed_package_uses_its_own_files_and_the_users_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(paths, "PACKAGE", tmp_path / "site-packages" / "ganbench")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "user"))
    assert paths.definitions() == tmp_path / "site-packages" / "ganbench" / "shipped"
    assert paths.data() == tmp_path / "user" / "ganbench" / "data"
    monkeypatch.setenv("GANBENCH_DATA", str(tmp_path / "mine"))
    assert paths.data() == tmp_path / "mine"


def test_load_obtains_what_is_missing_and_says_so_once(exported: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (exported / "dvc.lock").read_bytes()
    x, y = data.load(NAME)
    assert (x.shape, y.shape) == ((20_000, 1), (20_000,))
    assert capsys.readouterr().err.count("\n") == 1
    data.load(NAME, "test")
    assert capsys.readouterr().err == ""
    assert (exported / "dvc.lock").read_bytes() == before


def test_load_of_a_spoilt_folder_gives_the_pinned_bytes(exported: Path) -> None:
    want = np.array(data.load(NAME).x)
    spoil(exported / "data" / NAME)
    np.testing.assert_array_equal(data.load(NAME).x, want)


def test_a_file_too_many_is_not_the_pinned_dataset(exported: Path) -> None:
    data.obtain(NAME)
    (exported / "data" / NAME / "more.txt").write_text("more")
    assert f"but dvc.lock pins {data.version(NAME)}" in data.check(NAME)
    data.obtain(NAME)
    assert data.check(NAME) == f"{data.version(NAME)}, as dvc.lock pins it"


def test_other_bytes_than_pinned_are_an_error_that_leaves_the_lock_alone(exported: Path) -> None:
    lock = exported / "dvc.lock"
    real = data.version(NAME)
    pinned = "0" * 32 + ".dir"
    lock.write_text(lock.read_text().replace(real, pinned))
    before = lock.read_bytes()
    with pytest.raises(UserError, match=rf"data/{NAME} has the hash {real}, but dvc\.lock pins {pinned}: .*dvc repro"):
        data.obtain(NAME)
    assert lock.read_bytes() == before


def test_dataset_without_a_pin_is_an_error_that_says_what_to_do(exported: Path) -> None:
    (exported / "dvc.lock").write_text("stages: {}\n")
    with pytest.raises(UserError, match=f"dvc repro {NAME}"):
        data.version(NAME)


def test_check_of_a_dataset_without_a_pin_says_so(exported: Path) -> None:
    (exported / "dvc.lock").write_text("stages: {}\n")
    assert data.pin(NAME) is None
    assert "dvc.lock does not pin it yet" in data.check(NAME)


def test_dvc_is_used_only_in_a_git_checkout_that_has_it(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert dvc_store.ways()
    monkeypatch.setenv("GANBENCH_DATA", str(clone / "elsewhere"))
    assert dvc_store.ways() == ()
    monkeypatch.delenv("GANBENCH_DATA")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert dvc_store.ways() == ()


def test_without_dvc_the_digest_alone_decides(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(dvc_store, "_run", lambda *arguments, **options: pytest.fail("DVC was run"))
    spoil(clone / "data" / NAME)
    assert data.obtain(NAME) == data.version(NAME)
    assert data.check(NAME).endswith("as dvc.lock pins it")


def test_another_projects_lock_is_no_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dvc.lock").write_text("schema: '2.0'\n")
    monkeypatch.chdir(tmp_path)
    assert paths.checkout() is None


def test_own_calibration_stands_after_the_shipped_one_and_is_told_from_it(
    exported: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for folder in ("ring", "digits"):
        page = exported / "results/calibration" / folder
        page.mkdir(parents=True)
        (page / "promises.csv").touch()
    monkeypatch.setattr(paths, "PACKAGE", exported / "ganbench")
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    own = elsewhere / "results/calibration/ring"
    own.mkdir(parents=True)
    (own / "promises.csv").touch()
    monkeypatch.chdir(elsewhere)
    shipped = tuple(exported / "results/calibration" / name for name in ("digits", "ring"))
    assert paths.calibrations() == (*shipped, own)
    assert [paths.is_shipped(folder) for folder in paths.calibrations()] == [True, True, False]


def test_what_a_dataset_is_made_of_is_obtained_before(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order = []

    def build(name: str, root: Any = None) -> None:
        order.append(name)
        raise Unreachable("no network")

    monkeypatch.setattr(store, "build", build)
    with pytest.raises(Unreachable):
        data.obtain("stacked-mnist")
    assert order == ["mnist"]


def test_failed_build_leaves_nothing_behind_and_what_was_there_alone(
    exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data.obtain(NAME)
    before = data.check(NAME)

    def fail(root: Path) -> None:
        raise Unreachable("no network")

    monkeypatch.setattr(registry, "get", lambda name: data.Dataset("made up", fail))
    with pytest.raises(Unreachable):
        data.build(NAME)
    assert data.check(NAME) == before
    assert sorted(p.name for p in (exported / "data").iterdir() if p.is_dir()) == [NAME]


def test_builds_at_the_same_time_give_one_whole_dataset(exported: Path) -> None:
    code = f"from ganbench import data; data.build({NAME!r}); data.build({NAME!r})"
    several = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(3)]
    assert [p.wait() for p in several] == [0, 0, 0]
    assert data.check(NAME).endswith("as dvc.lock pins it")


def test_deleted_or_spoilt_dataset_comes_back_from_the_cache(clone: Path, no_build: Any) -> None:
    shutil.rmtree(clone / "data")
    assert data.obtain(NAME) == data.version(NAME)
    spoil(clone / "data" / NAME)
    assert not data.check(NAME).endswith("as dvc.lock pins it")
    data.obtain(NAME)
    assert data.check(NAME).endswith("as dvc.lock pins it")
    assert (clone / "dvc.lock").read_bytes() == (CHECKOUT / "dvc.lock").read_bytes()


def test_dataset_comes_from_the_remote(clone: Path, no_build: Any) -> None:
    (clone / ".dvc" / "cache").rename(clone.parent / "store")  # a remote has the layout of a cache
    config = clone / ".dvc" / "config"
    config.write_text(f"{config.read_text()}    remote = store\n['remote \"store\"']\n    url = {clone.parent}/store\n")
    shutil.rmtree(clone / "data")
    data.obtain(NAME)
    assert data.check(NAME).endswith("as dvc.lock pins it")


def test_what_was_built_is_unknown_to_git_and_known_to_dvc(clone: Path) -> None:
    status = subprocess.run(["git", "status", "--porcelain"], capture_output=True, text=True, check=True).stdout
    assert {line[:2] for line in status.splitlines()} == {"A "}  # as added before: none changed, none new
    assert list((clone / ".dvc" / "cache").rglob("*.dir"))


def test_comment_in_the_recipe_changes_nothing_and_its_number_does(clone: Path) -> None:
    toys = clone / "ganbench/data/families/toys.py"
    toys.write_text(toys.read_text() + "# a comment\n")
    assert dvc("status", NAME).strip() == "Data and pipelines are up to date."
    toys.write_text(toys.read_text().replace("RECIPE = 1\n", "RECIPE = 1000\n"))
    assert "RECIPE" in dvc("status", NAME)


@pytest.mark.parametrize(("wrong", "hint"), [("rnig", "ring"), ("mnsit", "mnist")])
def test_unknown_dataset_names_the_nearest_one(wrong: str, hint: str) -> None:
    for function in (data.version, data.obtain, data.load, data.card, data.build, data.about):
        with pytest.raises(UserError, match=f"did you mean '{hint}'"):
            function(wrong)


def test_unknown_split_names_the_nearest_one() -> None:
    with pytest.raises(UserError, match="did you mean 'test'"):
        data.load(NAME, "tset")


def test_mixture_is_the_truth_of_the_card(exported: Path) -> None:
    means, sd = data.mixture(NAME)
    assert isinstance(data.mixture(NAME), Mixture)
    assert (means.tolist(), sd) == ([[4.0]], 0.5)
    assert json.loads((exported / "data" / NAME / "card.json").read_text()) == data.card(NAME)


def test_images_have_no_mixture(exported: Path) -> None:
    assert data.mixture("digits") is None
