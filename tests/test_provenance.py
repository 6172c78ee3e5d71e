"""Provenance: what made a number stands beside it, and no name and no score depends on it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ganbench import baseline, paths
from ganbench.boards import controls
from ganbench.cli import main
from ganbench.training import checkpoint, loop, provenance
from ganbench.training.provenance import Work
from ganbench.training.run import Identity, Run
from ganbench.training.sampling import Drawing, write_samples

FACTS = {
    "ganbench", "commit", "dirty", "sources", "lock", "python", "packages", "machine", "processor",
    "date", "threads", "seconds", "cpu_seconds", "peak_megabytes",
}  # fmt: skip


def git(folder: Path, *arguments: str) -> str:
    person = [part for name in ("AUTHOR", "COMMITTER") for part in (f"GIT_{name}_NAME=a", f"GIT_{name}_EMAIL=a@b")]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    environment |= dict(entry.split("=", 1) for entry in person)
    command = ["git", "-C", str(folder), "-c", "commit.gpgsign=false", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with code, a baseline and a document."""
    for name in ("ganbench/a.py", "baselines/gan.py", "docs/a.md"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("1\n")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "-m", "a")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "dirty"),
    [("ganbench/a.py", True), ("baselines/new.py", True), ("Snakefile", True), ("docs/a.md", False), ("notes", False)],
)
def test_commit_is_dirty_if_code_differs_from_it(checkout: Path, name: str, dirty: bool) -> None:
    commit = git(checkout, "rev-parse", "HEAD")
    assert provenance.state(checkout) == (commit, False)
    (checkout / name).write_text("2\n")
    assert provenance.state(checkout) == (commit, dirty)


def test_commit_is_that_of_the_checkout_and_of_no_other(
    checkout: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path_factory.mktemp("other")
    monkeypatch.setenv("GIT_DIR", str(other))  # as in a hook of git
    assert provenance.state(checkout)[0] == git(checkout, "rev-parse", "HEAD")
    inner = checkout / "exported"
    inner.mkdir()
    assert provenance.state(inner) == (None, None)
    monkeypatch.setenv("PATH", str(other))
    assert provenance.state(checkout) == (None, None)  # without git


def test_wheel_has_no_commit_and_the_same_hash_of_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = provenance.maker()
    package = tmp_path / "site-packages" / "ganbench"
    shutil.copytree(paths.PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "shipped/baselines").mkdir(parents=True)
    (package / "shipped/baselines/gan.py").write_text("")
    monkeypatch.setattr(paths, "PACKAGE", package)
    wheel = provenance.maker()
    assert (wheel["commit"], wheel["dirty"], wheel["lock"]) == (None, None, None)
    assert wheel["sources"] == here["sources"]
    (package / "paths.py").write_text("")
    assert provenance.sources() != here["sources"]


def test_record_has_every_fact_and_json_holds_it() -> None:
    record = Work().record()
    assert set(record) == FACTS
    assert json.loads(json.dumps(record)) == record
    assert record["lock"] == provenance.sha256(paths.definitions() / "requirements.lock")
    assert {"torch", "numpy", "scipy"} <= set(record["packages"])
    assert 20 < record["peak_megabytes"] < 100_000
    assert record["threads"] == 1  # tests/conftest.py


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    out = tmp_path_factory.mktemp("run")
    train(out)
    return out


def train(out: Path, images: int = 600) -> Run:
    overrides = {"width_g": 8, "width_d": 8}
    return loop.train(
        baseline.folder() / "gan.py", "ring", out, seed=0, images=images, overrides=overrides, device="cpu"
    )


def test_run_has_its_provenance_without_the_facts_of_other_fields(folder: Path) -> None:
    recorded = Run.read(folder).provenance
    assert recorded is not None
    assert set(recorded) == FACTS - set(Run.model_fields)
    assert set(recorded) >= {"commit", "dirty", "sources", "lock", "packages", "peak_megabytes", "date"}


def test_identity_of_a_run_has_nothing_of_its_provenance(folder: Path) -> None:
    identity = json.loads(checkpoint.read(folder / "model.safetensors")[1]["identity"])
    assert set(identity) == set(Identity.model_fields) - {"layers"}  # no layer is edited


def test_finished_run_keeps_its_provenance_a_continued_one_not(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(folder, tmp_path / "run")
    before = (tmp_path / "run/run.json").read_bytes()
    monkeypatch.setattr("ganbench.training.provenance.state", lambda checkout: ("c" * 40, False))
    train(tmp_path / "run")
    assert (tmp_path / "run/run.json").read_bytes() == before
    later = train(tmp_path / "run", images=900).provenance
    assert later is not None
    assert later["commit"] == "c" * 40


def test_samples_name_the_hash_of_the_weights_and_what_drew_them(folder: Path, tmp_path: Path) -> None:
    write_samples(folder, Drawing(10, 0), tmp_path / "a.npz")
    manifest = json.loads((tmp_path / "a.json").read_text())
    assert manifest["model"] == provenance.sha256(folder / "model.safetensors")
    assert set(manifest["provenance"]) == FACTS
    assert manifest["run"]["provenance"] == Run.read(folder).provenance
    controls.write("real", "ring", 10, 0, tmp_path / "b.npz")
    assert set(json.loads((tmp_path / "b.json").read_text())["provenance"]) == FACTS


def test_two_equal_scorings_differ_only_in_their_provenance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = []
    for i in range(2):
        out = tmp_path / f"{i}.json"
        command = ["score", "ring:train", "--reference", "ring", "--metrics", "fid", "--json", str(out)]
        monkeypatch.setattr(sys, "argv", ["ganbench", *command])
        with pytest.raises(SystemExit) as end:
            main()
        assert not end.value.code
        found.append(json.loads(out.read_text()))
    provenances = [result.pop("provenance") for result in found]
    assert [set(facts) for facts in provenances] == [FACTS | {"device"}] * 2
    first, second = ({name: fact for name, fact in result.items() if name != "digest"} for result in found)
    assert first == second
    assert set(found[0]["embeddings"]) == {"samples", "reference", "train"}
    assert found[0]["embeddings"]["samples"] == found[0]["embeddings"]["train"]
