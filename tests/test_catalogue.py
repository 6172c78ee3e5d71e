"""`ganbench list`, `cite` and `--version`: what there is, and whose work it is."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from ganbench import __version__, baseline, cli, data, metrics, paths
from ganbench.cli import catalogue, citations
from ganbench.data import pins
from ganbench.errors import UserError
from ganbench.features import fidelity


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run a command that must succeed, and return what it prints."""
    monkeypatch.setattr("sys.argv", ["ganbench", *arguments])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code in (0, None)
    return capsys.readouterr().out


@pytest.fixture
def no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("GANBENCH_WEIGHTS", "TORCH_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / variable))


def test_datasets_are_listed_although_one_is_not_pinned(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pins, "_hashes", lambda path, *state: {"digits": "1.dir"})
    lines = run(monkeypatch, capsys, "list", "datasets").splitlines()
    assert len(lines) == len(data.names())
    unpinned = {line.split()[0] for line in lines if line.endswith("; not pinned yet")}
    assert unpinned == {*data.names()} - {"digits"}
    entries = json.loads(run(monkeypatch, capsys, "list", "datasets", "--json"))
    assert {entry["name"]: entry["version"] for entry in entries} == dict.fromkeys(data.names()) | {"digits": "1.dir"}


def test_extractors_without_weights_on_this_machine_are_marked(no_weights: None) -> None:
    about = {entry["name"]: entry for entry in catalogue.extractors()}
    assert not about["clip"]["weights_present"]
    assert "its weights are not on this machine: its first use downloads 354 MB" in about["clip"]["about"]
    for name in ("identity", "pixels", "mnist-cnn"):
        assert about[name]["weights_present"]
        assert "not on this machine" not in about[name]["about"]


def test_extractors_with_weights_on_this_machine_are_not_marked(no_weights: None, tmp_path: Path) -> None:
    (tmp_path / "GANBENCH_WEIGHTS").mkdir()
    (tmp_path / "GANBENCH_WEIGHTS" / fidelity.CARDS["clip"].weights.file).touch()
    assert {entry["name"]: entry["weights_present"] for entry in catalogue.extractors()}["clip"]


def test_version_is_that_of_the_package(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, capsys, "--version") == f"ganbench {__version__}\n"


@pytest.mark.parametrize("name", [*metrics.names(), *baseline.names(), *data.names()])
def test_every_name_has_a_paper_and_every_paper_an_entry(name: str) -> None:
    papers = citations.papers(name)
    assert papers
    for paper in papers:
        assert paper in citations.entries()


def test_no_metric_baseline_and_dataset_share_a_name() -> None:
    names = [*metrics.names(), *baseline.names(), *data.names()]
    assert len(names) == len(set(names))


def test_entries_are_whole_and_none_is_unused() -> None:
    blocks = set(citations.entries().values())
    for block in blocks:
        assert re.match(r"@(article|inproceedings|misc)\{[a-z]+\d{4}[a-z]+,\n", block)
        assert block.count("{") == block.count("}")
        for field in ("title", "author", "year"):
            assert len(re.findall(rf"^  {field} = \{{.+\}},$", block, re.MULTILINE)) == 1
    cited = {
        block
        for name in (*metrics.names(), *baseline.names(), *data.names())
        for block in citations.cite([name]).split("\n\n")
    }
    assert cited == blocks


def test_a_paper_is_cited_once_for_two_names() -> None:
    bibtex = citations.cite(["precision", "recall", "fid"])
    assert re.findall(r"@\w+\{(\w+)", bibtex) == ["kynkaanniemi2019improved", "heusel2017gans"]


def test_a_paper_without_an_entry_becomes_a_comment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(citations, "papers", lambda name: ["2999.00001"])
    assert citations.cite(["mine"]) == "% no entry for https://arxiv.org/abs/2999.00001"


def test_cite_without_names_gives_ganbench_itself(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bibtex = run(monkeypatch, capsys, "cite")
    assert bibtex.startswith("@software{ganbench,\n")
    assert f"version = {{{__version__}}}" in bibtex


def test_citation_file_has_the_version_of_the_package() -> None:
    assert yaml.safe_load((paths.definitions() / "CITATION.cff").read_text())["version"] == __version__


def test_cite_of_an_unknown_name_names_the_nearest_one() -> None:
    with pytest.raises(UserError, match="did you mean 'fid'"):
        citations.cite(["fdi"])


def test_entries_name_the_paper_under_its_title_at_the_venue() -> None:
    entry = citations.entries()["2004.05675"]
    assert "A Three Sample Hypothesis Test for Evaluating Generative Models" in entry
    assert "pages = {3546--3556}" in entry
    assert "pages = {2278--2324}" in citations.entries()["lecun1998gradient"]
