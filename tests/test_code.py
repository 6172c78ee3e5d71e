"""The code that results come from beside a baseline's own file: what is pinned, and what an edit changes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ganbench import baseline, code, features, paths
from ganbench.boards import grid


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the layers and the extractors, in the place of ours."""
    for name in code.FOLDERS:
        shutil.copytree(paths.PACKAGE / name, tmp_path / name, ignore=shutil.ignore_patterns("*.safetensors"))
    monkeypatch.setattr("ganbench.paths.PACKAGE", tmp_path)
    return tmp_path


def test_pins_are_those_of_the_code() -> None:
    """After an edit: raise `RECIPE`, or the `id` of the extractor, if a number can move. Then `python -m ganbench.code`."""
    assert code.PINS.read_text() == code.pins()


@pytest.mark.parametrize(
    ("name", "there", "absent"),
    [
        ("gan", ("maxout.py", "mlp.py"), ("dcgan.py", "resnet.py")),
        ("sagan", ("attention.py", "resnet.py", "dcgan.py", "strided.py"), ("maxout.py",)),  # through other layers
    ],
)
def test_layers_of_a_baseline_are_followed_through_their_imports(
    name: str, there: tuple[str, ...], absent: tuple[str, ...]
) -> None:
    used = {path.name for path in code.used(baseline.resolve(name))}
    assert used >= set(there)
    assert not used & set(absent)


def test_edited_layer_renames_the_runs_that_use_it_and_no_others(package: Path) -> None:
    before = {run.run: run for run in grid.runs("quick")}
    path = package / "layers/mlp.py"
    path.write_text(path.read_text() + "\nEDITED = True\n")
    after = {run.run for run in grid.runs("quick")}
    renamed = {before[name].path for name in before.keys() - after}
    assert renamed == {
        run.path
        for run in before.values()
        if run.path and "mlp.py" in {used.name for used in code.used(paths.definitions() / run.path)}
    }
    assert 0 < len(renamed) < len({run.path for run in before.values()})


def test_comment_in_a_layer_is_no_edit(package: Path) -> None:
    path = package / "layers/mlp.py"
    path.write_text(path.read_text() + "# a comment\n")
    assert code.edited(code.used(baseline.resolve("gan"))) == {}


def test_edited_extractor_is_named_and_its_siblings_are_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pins = tmp_path / "code.json"
    pins.write_text(code.PINS.read_text().replace('"features/plain.py": "', '"features/plain.py": "0'))
    monkeypatch.setattr(code, "PINS", pins)
    assert list(features.edited("pixels")) == ["features/plain.py"]
    assert features.edited("digits-cnn") == {}


def test_names_of_published_runs_are_as_before() -> None:
    planned = {run.run for run in grid.runs("quick") if run.scored}
    assert planned == {path.stem for path in (paths.results() / "quick/runs").glob("*.json")}
