"""A board is checked whole before anything trains: each fault is one line that names the file, its line and the field."""

# mypy: disable-error-code="operator"

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from ganbench import baseline, cli, code, config, data, metrics
from ganbench.boards import checks, grid
from ganbench.errors import UserError

SOUND = """\
about: for tests
seeds: [0, 1, 2]
datasets:
  digits:
    images: 1000
    samples: 200
    metrics: [fid, kid, support, support.lower_bound]
    rank: fid
    rows:
      dcgan:
        set: {width: 4}
      began:
        set:
          gamma: 0.5
  ring:
    images: 1000
    samples: 500
    metrics: [modes, modes.high_quality, coverage]
    rank: coverage
    rows:
      gan:
"""


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current folder is no checkout, and data of one's own go there."""
    obtained = data.load("digits", "test").x, data.load("ring", "test").x
    assert all(len(x) for x in obtained)
    monkeypatch.chdir(tmp_path)


def problems(text: str | bytes) -> list[str]:
    Path("my.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    return grid.problems("my.yaml")


def test_sound_board_has_no_problem() -> None:
    assert problems(SOUND) == []
    assert len(grid.runs("my.yaml")) == 2 * (1 + 3 * 4) + 3 * 3


# What is replaced in the sound board, by what, and the whole line that is said.
DIGITS = "datasets.digits"
FAULTS = [
    # fields
    ("about: for tests\n", "", r"my.yaml:1: about: is missing"),
    ("about: for tests", "about:", r"my.yaml:1: about: must be a text, not null"),
    ("about: for tests", "abuot: x\nabout: y", r"my.yaml:1: abuot: no setting 'abuot'; did you mean 'about'\?"),
    ("    images: 1000\n    samples: 200", "    image: 1000\n    samples: 200", rf"{DIGITS}.images: is missing"),
    ("images: 1000", "images: many", rf"my.yaml:5: {DIGITS}.images: must be a whole number, not 'many'"),
    ("images: 1000", "images: 1e6", rf"{DIGITS}.images: must be a whole number, not '1e6'; write 1000000$"),
    ("images: 1000", "images: 2000.0", rf"{DIGITS}.images: must be a whole number, not 2000.0; write 2000$"),
    ("images: 1000", "images: 2.5", rf"{DIGITS}.images: must be a whole number, not 2.5$"),
    ("images: 1000", f"images: 1{'0' * 23}", rf"my.yaml:5: {DIGITS}.images: a run can see at most 1,000,000,000,000 images, not 1.00e\+23"),
    ("images: 1000", f"images: {'9' * 5000}", r"my.yaml:5: this number has more than 100 digits"),
    ("images: 1000", "images: 127", rf"my.yaml:5: {DIGITS}.images: one step of dcgan takes 128 images .* must be at least 128, not 127"),
    ("        set: {width: 4}", "        images: 99\n        set: {batch: 20, n_critic: 5}",
     rf"my.yaml:11: {DIGITS}.rows.dcgan.images: one step of dcgan takes 100 images .* at least 100, not 99"),
    ("        set: {width: 4}", f"        images: 1{'0' * 15}", rf"{DIGITS}.rows.dcgan.images: a run can see at most"),
    ("images: 1000", "images: true", rf"{DIGITS}.images: must be a whole number, not true"),
    ("images: 1000", "images: 0", rf"{DIGITS}.images: must be at least 1, not 0"),
    ("metrics: [fid, kid, support, support.lower_bound]", "metrics: fid", rf"{DIGITS}.metrics: must be a list, not 'fid'"),
    ("metrics: [fid, kid, support, support.lower_bound]", "metrics: []", rf"{DIGITS}.metrics: must have at least 1 entries"),
    ("rows:\n      dcgan:\n        set: {width: 4}\n      began:\n        set:\n          gamma: 0.5", "rows: {}",
     rf"my.yaml:9: {DIGITS}.rows: must have at least one row"),
    ("      gan:\n", "      gan: yes\n", r"my.yaml:21: datasets.ring.rows.gan: must be a mapping of names to values, not true"),
    ("      gan:\n", "      gan: {stet: {}}\n", r"rows.gan.stet: no setting 'stet'; did you mean 'set'\?"),
    # seeds
    ("[0, 1, 2]", "[0, 1]", r"my.yaml:2: seeds: must have at least 3 entries; it has 2"),
    ("[0, 1, 2]", "[0, 0, 0]", r"my.yaml:2: seeds: the seed 0 appears 3 times"),
    ("[0, 1, 2]", "[0, 1, -1]", r"my.yaml:2: seeds.2: a seed is a whole number from 0"),
    ("[0, 1, 2]", "[a, b, -1]", r"my.yaml:2: seeds.2: a seed is a whole number from 0 .* not -1"),
    ("[0, 1, 2]", "[a, 1, 1]", r"my.yaml:2: seeds: the seed 1 appears 2 times"),
    ("[0, 1, 2]", "[0, 1, 2e0]", r"my.yaml:2: seeds.2: must be a whole number, not '2e0'; write 2"),
    ("[0, 1, 2]", "[0, 1, 0.5]", r"my.yaml:2: seeds.2: must be a whole number, not 0.5"),
    # settings
    ("gamma: 0.5", "gamma: oops", rf"my.yaml:14: {DIGITS}.rows.began.set.gamma: must be a number, not 'oops'"),
    ("gamma: 0.5", "gama: 0.5", rf"my.yaml:14: {DIGITS}.rows.began.set.gama: no setting 'gama'; did you mean 'gamma'\?"),
    ("gamma: 0.5", "lr_g: abc", r"set.lr_g: must be a number, not 'abc'"),
    ("gamma: 0.5", "lr_g: .nan", r"set.lr_g: must be a finite number, not nan"),
    ("gamma: 0.5", "gamma: .inf", r"set.gamma: must be a finite number, not inf"),
    ("gamma: 0.5", "lr_g: -1", r"my.yaml:14: datasets.digits.rows.began.set.lr_g: must be greater than 0, not -1"),
    ("gamma: 0.5", "batch: -5", r"set.batch: must be at least 1, not -5"),
    ("gamma: 0.5", "batch: true", r"set.batch: must be a number, not true"),
    ("gamma: 0.5", "betas: [0.5]", r"set.betas.1: is missing"),
    ("gamma: 0.5", "optimiser: adma", r"set.optimiser: must be 'adam', 'rmsprop' or 'sgd', not 'adma'"),
    ("gamma: 0.5", "batch: '32'", rf"my.yaml:14: {DIGITS}.rows.began.set.batch: must not be a text; write 32 without the quotes of '32'"),
    ("gamma: 0.5", "betas: [0.5, '0.9']", rf"{DIGITS}.rows.began.set.betas.1: must not be a text; write 0.9"),
    ("gamma: 0.5", "batch: 1e2", r"set.batch: must be a whole number, not '1e2'; write 100"),
    ("width: 4", "width: -4", rf"my.yaml:11: {DIGITS}.rows.dcgan.set.width: must be at least 1, not -4"),
    # sizes
    ("samples: 200", "samples: 500", rf"my.yaml:6: {DIGITS}.samples: digits has 797 held-out samples, .* at most 398, not 500"),
    ("samples: 200", "samples: 2000", rf"{DIGITS}.samples: digits has 1,000 training samples, .* not 2,000"),
    ("samples: 200", "samples: 150", r"metrics.2: support needs at least 200 samples, and this board has 150 per set"),
    # extractors
    ("samples: 200", "samples: 200\n    features: identity", r"my.yaml:7: .*features: identity is for points, .* \[8, 8, 1\]"),
    ("samples: 200", "samples: 200\n    features: mnist-cnn", r"features: mnist-cnn is for images of the shape \[28, 28, 1\]"),
    ("samples: 500", "samples: 500\n    features: pixels", r"features: pixels is for images, .* \[2\]; use identity"),
    ("samples: 200", "samples: 200\n    features: pixles", r"features: no extractor 'pixles'; did you mean 'pixels'\?"),
    # metrics
    ("[fid, kid,", "[fid, fdi,", rf"my.yaml:7: {DIGITS}.metrics.1: no metric 'fdi'; did you mean 'fid'\?"),
    ("[fid, kid,", "[fid, fid,", rf"{DIGITS}.metrics: the column 'fid' appears 2 times"),
    ("[fid, kid,", "[fid, fid.nope,", r"metrics.1: fid has no number 'nope' here; its further numbers are infinity, n_ref"),
    ("[fid, kid,", "[fid, kid.n,", r"metrics.1: kid has no number 'n' here; it has no further numbers"),
    ("[fid, kid,", "[fid, modes,", r"metrics.1: modes is for datasets whose modes are known, so this column would be empty"),
    ("[fid, kid,", "[fid, wasserstein_1d,", r"metrics.1: wasserstein_1d is for data on the line"),
    ("[fid, kid,", "[fid, classification_accuracy,",
     r"metrics.1: classification_accuracy needs a class-conditional GAN, but no row has such a GAN"),
    ("modes.high_quality, coverage]", "classifier_score, coverage]", r"classifier_score needs an extractor with class logits"),
    # rank
    ("rank: fid", "rank: vendi", rf"my.yaml:8: {DIGITS}.rank: 'vendi' is not among the metrics of this board: fid, kid"),
    ("kid, support, support.lower_bound]\n    rank: fid", "vendi]\n    rank: vendi", r"rank: 'vendi' has no better direction"),
    ("rank: coverage", "rank: modes.high_quality", r"rank: 'modes.high_quality' has no better direction; rank by the metric itself"),
    # rows
    ("      dcgan:\n", "      real: {baseline: dcgan}\n      dcgan:\n", r"my.yaml:10: .*rows.real: 'real' is the name of a control"),
    ("      dcgan:\n", "      train: {baseline: dcgan}\n      dcgan:\n", r"rows.train: 'train' is the name of a control"),
    ("      dcgan:\n", "      a/b: {baseline: dcgan}\n      dcgan:\n", r"'a/b' cannot be the name of a row: a name starts with"),
    ("      dcgan:\n", "      ../..: {baseline: dcgan}\n      dcgan:\n", r"'../..' cannot be the name of a row"),
    ("      dcgan:\n", "      a b;c: {baseline: dcgan}\n      dcgan:\n", r"'a b;c' cannot be the name of a row"),
    ("      dcgan:\n", "      dcgan (w=4): {baseline: dcgan}\n      dcgan:\n", r"'dcgan \(w=4\)' cannot be the name of a row"),
    ("      dcgan:\n", f"      ? {'a' * 5000}\n      : {{baseline: dcgan}}\n      dcgan:\n", r"'a{61}\.\.\.' cannot be the name"),
    ("      dcgan:\n", "      dcgna:\n      dcgan:\n", r"my.yaml:10: .*rows.dcgna: no baseline 'dcgna'; did you mean 'dcgan'\?"),
    ("      dcgan:\n", "      x: {baseline: ./x.py}\n      dcgan:\n", r"rows.x.baseline: no file x.py, and no baseline"),
    ("      gan:\n", "      dcgan:\n", r"my.yaml:21: datasets.ring.rows.dcgan: "),
    # datasets
    ("  ring:\n", "  rings:\n", r"my.yaml:15: datasets.rings: no dataset or file 'rings'; did you mean 'ring'\?"),
    ("  ring:\n", "  ./mine:\n", r"my.yaml:15: datasets.'./mine': mine: there is no such file or folder"),
    # names that a plug-in may bring
    ("[fid, kid,", "[fid, zzz,", r"metrics.1: no metric 'zzz' \(.*\); if another package brings it, install that package first"),
    ("  ring:\n", "  zzz:\n", r"datasets.zzz: no dataset or file 'zzz' \(.*\); if another package brings it"),
    ("      gan:\n", "      zzz-q:\n", r"rows.zzz-q: no baseline 'zzz-q' \(.*\); if another package brings it"),
    ("samples: 200", "samples: 200\n    features: zzz", r"features: no extractor 'zzz' \(.*\); if another package brings it"),
    # YAML
    ("about: for tests", "about: [", r"my.yaml:3: this is not a YAML file that can be read: "),
    ("about: for tests", "about: !!python/object/apply:os.getcwd []", r"my.yaml:1: the tag .*os.getcwd is refused"),
    ("about: for tests", "about: !mine x", r"my.yaml:1: the tag !mine is refused"),
    ("about: for tests", "about: 2020-01-01", r"my.yaml:1: a date is not a setting; write it in quotes if it is text"),
    ("about: for tests", "about: !!binary aGk=", r"my.yaml:1: binary data is not a setting"),
    ("about: for tests", "about: x\nabout: y", r"my.yaml:2: 'about' appears twice in one mapping"),
    ("about: for tests", "about: x\n1: y", r"my.yaml:2: '1' is not a name; write the name in quotes"),
    ("about: for tests", "about: x\n[a, b]: y", r"my.yaml:2: a list or a mapping is not a name"),
    ("about: for tests", "about: &a [*a]", r"my.yaml:1: this anchor contains itself"),
    ("about: for tests", "about: " + "[" * 50 + "]" * 50, r"my.yaml:1: lists and mappings are nested more than 20 deep"),
    ("about: for tests", "about: " + "[" * 5000 + "]" * 5000, r"lists and mappings are nested more than 20 deep"),
    ("about: for tests", "about: for tests\n---\nabout: two", r"my.yaml:2: .* but found another document"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "message"), FAULTS)
def test_fault_is_one_line_with_file_line_and_field(old: str, new: str, message: str) -> None:
    assert old in SOUND
    found = problems(SOUND.replace(old, new, 1))
    assert any(re.search(message, line) for line in found), found
    assert all(line.startswith("my.yaml") and "\n" not in line for line in found)
    assert not re.search("valid (dictionary|integer|list|string|number)|Input should|pydantic", " ".join(found))


def bomb() -> str:
    levels = [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    return "\n".join(["a0: &a0 [x, x, x, x]", *levels])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"# nothing\n", "the file is empty"),
        (b"\xff\xfe\x00\x81", "the file is not text in UTF-8"),
        (b"\x00\x01", "this is not a YAML file that can be read"),
        (b"[1, 2]", "a board is a mapping with about, seeds and datasets"),
        (b"text", "a board is a mapping with about, seeds and datasets"),
        (SOUND.partition("datasets:")[0].encode() + b"datasets: {}", "datasets: must have at least 1 entries"),
        (SOUND.partition("datasets:")[0].encode() + b"datasets:", "datasets: must be a mapping"),
        (bomb().encode(), r"aliases \(\*\) make more than 100,000 values"),
        (b"a: " + b"x" * 2**20, "too many for a board"),
    ],
)
def test_file_that_is_no_board_is_one_line(content: bytes, message: str) -> None:
    begun = time.monotonic()
    (line,) = problems(content)
    assert re.search(message, line), line
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: os.mkfifo("my.yaml"), "this is not a regular file"),
        (lambda: Path("my.yaml").mkdir(), "this is not a regular file"),
        (lambda: Path("my.yaml").symlink_to("nowhere"), "there is no such file"),
        (lambda: None, "there is no such file"),
    ],
)
def test_what_is_no_file_is_refused_and_not_waited_for(make: Any, message: str) -> None:
    make()
    (line,) = grid.problems("my.yaml")
    assert message in line


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("quick.yaml", "'quick' is the name of a built-in board; rename the file"),
        ("a{b}.yaml", "'a{b}' cannot be the name of a board; rename the file"),
    ],
)
def test_name_of_the_file_must_do_as_the_name_of_a_board(file: str, message: str) -> None:
    Path(file).write_text(SOUND)
    (line,) = grid.problems(file)
    assert message in line


def test_all_problems_are_listed_and_one_is_raised() -> None:
    text = SOUND.replace("gamma: 0.5", "gamma: oops").replace("samples: 500", "samples: 5000")
    assert len(problems(text)) == 2
    with pytest.raises(
        UserError, match=r"samples: ring has .* \(and 1 more: run `ganbench check my.yaml`\)|gamma"
    ) as error:
        grid.runs("my.yaml")
    assert "\n" not in str(error.value)


def test_line_of_a_merged_setting_is_where_it_is_written() -> None:
    text = SOUND.replace("set: {width: 4}", "set: &wide {width: 4, lr_g: abc}").replace(
        "gamma: 0.5", "<<: *wide\n          gamma: 0.5"
    )
    assert [line.partition(": ")[0] for line in problems(text)] == ["my.yaml:11", "my.yaml:11"]


def test_row_without_anything_after_it_is_the_paper_settings() -> None:
    assert problems(SOUND.replace("set: {width: 4}", "set:")) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("      dcgan:\n", "      real:\n      dcgan:\n"),
        ("      dcgan:\n", "      a/b:\n      dcgan:\n"),
        ("[fid, kid, support,", "[fid, zzz, zzz.further, support,"),
        ("  ring:\n", "  ./mine:\n"),
        ("images: 1000\n    samples: 200", "images: 1\n    samples: 200"),
    ],
)
def test_a_fault_is_one_line_and_not_two(old: str, new: str) -> None:
    lines = problems(SOUND.replace(old, new, 1))
    assert len(lines) == 1, lines


def test_wrong_form_in_one_place_hides_no_fault_in_another() -> None:
    text = SOUND.replace("about: for tests", "abuot: x").replace("images: 1000", "images: many", 1)
    text = (
        text.replace("gamma: 0.5", "gama: 0.5")
        .replace("rank: coverage", "rank: vendi")
        .replace("[0, 1, 2]", "[0, 0, x]")
    )
    lines = [line.partition(": ")[0] + ": " + line.split(": ")[1] for line in problems(text)]
    assert lines == [
        "my.yaml:1: abuot",
        "my.yaml:1: about",
        "my.yaml:2: seeds.2",
        "my.yaml:2: seeds",
        "my.yaml:5: datasets.digits.images",
        "my.yaml:14: datasets.digits.rows.began.set.gama",
        "my.yaml:19: datasets.ring.rank",
    ]


def test_number_with_an_exponent_is_a_number_as_before() -> None:
    assert problems(SOUND.replace("gamma: 0.5", "lr_g: 1e-4")) == []


@pytest.mark.parametrize("name", ["clip", "dinov2", "inception"])
def test_extractor_without_its_weights_says_how_to_get_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    for place in ("GANBENCH_WEIGHTS", "TORCH_HOME"):
        monkeypatch.setenv(place, str(tmp_path / "none"))
    monkeypatch.setattr(checks.importlib.util, "find_spec", lambda name: None)
    lines = problems(SOUND.replace("samples: 200", f"samples: 200\n    features: {name}"))
    assert len(lines) == 1, lines
    assert "my.yaml:7: datasets.digits.features: " in lines[0]
    assert f"the weights of {name} are not on this machine: `ganbench embed FOLDER --features {name}" in lines[0]
    assert f"into {tmp_path / 'none'}" in lines[0]
    assert ("clip needs torch-fidelity: pip install 'ganbench[peers]'" in lines[0]) == (name == "clip")


def test_shape_that_a_gan_refuses_has_the_channels_last_everywhere() -> None:
    x = np.random.default_rng(0).integers(0, 256, (60, 9, 10, 3), dtype=np.uint8)
    np.savez("wide.npz", arr_0=x)
    text = SOUND.replace("  digits:", "  wide.npz:").replace("samples: 200", "samples: 5\n    features: pixels")
    text = text.replace("[fid, kid, support, support.lower_bound]", "[fid, kid]").partition("      began:")[0]
    (line,) = problems(text)
    assert f"dcgan cannot train on {data.resolve('wide.npz')}: " in line
    assert "this data has shape [9, 10, 3]; choose another dataset" in line


def test_unknown_key_of_the_pipeline_is_refused() -> None:
    with pytest.raises(UserError, match="no --config key 'bord'; did you mean 'board'"):
        grid.check_config({"bord": "mine"})
    assert grid.check_config({}) == "quick"


def test_fault_that_only_a_constructor_knows_stops_the_pipeline() -> None:
    np.savez("unlabelled.npz", arr_0=np.random.default_rng(0).integers(0, 256, (60, 8, 8, 1), dtype=np.uint8))
    text = SOUND.replace("  digits:", "  ./unlabelled.npz:").replace("samples: 200", "samples: 5\n    features: pixels")
    text = text.replace("[fid, kid, support, support.lower_bound]", "[fid, kid]").replace(
        "      dcgan:", "      acgan:"
    )
    assert problems(text) == [
        f"my.yaml:11: datasets.'./unlabelled.npz'.rows.acgan: acgan cannot train on {data.resolve('unlabelled.npz')}: an "
        "auxiliary classifier needs data with labels; choose another dataset (`ganbench list datasets`) or another baseline "
        "(`ganbench list baselines`)"
    ]
    assert grid.runs("my.yaml")
    with pytest.raises(UserError, match="needs data with labels"):
        grid.check_config({"board": "my.yaml"})


def test_conditional_row_makes_its_column_possible() -> None:
    text = SOUND.replace("[fid, kid,", "[fid, classification_accuracy,")
    assert len(problems(text)) == 1
    assert problems(text.replace("      dcgan:\n", "      acgan: {set: {width: 4}}\n      dcgan:\n")) == []


def test_baselines_and_data_are_relative_to_the_file() -> None:
    Path("far").mkdir()
    Path("far/mine.py").write_text((baseline.folder() / "gan.py").read_text())
    np.savez("far/photos.npz", arr_0=np.random.default_rng(0).integers(0, 256, (60, 8, 8, 1), dtype=np.uint8))
    text = SOUND.replace("  digits:", "  ./photos.npz:").replace("samples: 200", "samples: 5\n    features: pixels")
    text = text.replace("[fid, kid, support, support.lower_bound]", "[fid, kid]")
    Path("far/my.yaml").write_text(text.replace("      gan:\n", "      mine: {baseline: ./mine.py}\n"))
    assert grid.problems("far/my.yaml") == []
    runs = grid.runs("far/my.yaml")
    assert {run.dataset[:7] for run in runs} == {"photos-", "ring"}
    assert {run.path for run in runs if run.row == "mine"} == {str(Path("far/mine.py").resolve())}
    assert all("/" not in run.run for run in runs)


def test_checking_needs_no_torch_before_the_constructors() -> None:
    Path("my.yaml").write_text(SOUND)
    code = "import sys; from ganbench.boards import grid; grid.runs('my.yaml'); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr


def test_large_board_hashes_a_source_once_per_row(monkeypatch: pytest.MonkeyPatch) -> None:
    content = yaml.safe_load(SOUND)
    for track in content["datasets"].values():
        track["rows"] = {f"row-{i}": {"baseline": "gan", "set": {"z": 2 + i}} for i in range(60)}
    content["seeds"] = [0, 1, 2, 3, 4]
    Path("my.yaml").write_text(yaml.safe_dump(content))
    hashed: list[Path] = []
    source_hash = code.source_hash

    def counted(path: Path) -> str:
        hashed.append(path)
        return source_hash(path)

    monkeypatch.setattr(code, "source_hash", counted)
    assert len(grid.runs("my.yaml")) == 2 * (1 + 5 * 4 + 5 * 60)
    hashed = [path for path in hashed if path.parent.name == "baselines"]
    assert len(hashed) <= 2 * (60 + 1)  # once for each row, and not once for each of its five seeds


@pytest.mark.parametrize("name", grid.boards())
def test_no_built_in_board_has_a_problem(name: str) -> None:
    assert grid.problems(name) == []


@pytest.mark.parametrize("name", baseline.names())
def test_settings_of_papers_are_within_the_bounds(name: str) -> None:
    assert config.faults(baseline.config(baseline.resolve(name)), {}) == []


def test_config_of_a_file_that_needs_more_than_light_imports_is_read_too() -> None:
    source = (baseline.folder() / "gan.py").read_text()
    Path("mine.py").write_text(source.replace("    z: int = 100", "    z: int = torch.Size([100]).numel()"))
    assert baseline.config(Path("mine.py")).model_fields["z"].default == 100


def test_numbers_of_published_results_are_known_as_columns() -> None:
    facts = data.facts("digits")
    for name in ("fid", "classifier_score", "memorisation", "support"):
        assert checks._tried(name, "digits", facts, "digits-cnn") >= NUMBERS[name]
    assert set(NUMBERS) <= set(metrics.names())


NUMBERS = {
    "fid": {"n_ref", "infinity"},
    "classifier_score": {"classical", "split_std"},
    "memorisation": {"threshold", "flagged"},
    "support": {"lower_bound", "pairs"},
}


@pytest.mark.parametrize(("text", "code"), [(SOUND, 0), (SOUND.replace("gamma: 0.5", "gamma: oops"), 2)])
def test_verb_lists_the_problems_and_says_so_by_its_exit_code(
    text: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("my.yaml").write_text(text)
    monkeypatch.setattr(sys, "argv", ["ganbench", "check", "my.yaml"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr()
    assert (ended.value.code or 0) == code
    if code:
        assert said.err == "ganbench: my.yaml:14: datasets.digits.rows.began.set.gamma: must be a number, not 'oops'\n"
    else:
        assert said.out == "my: nothing is wrong; 9 runs to train, 26 controls and references\n"
