"""What a trained GAN makes of given images, and scores of pairs: translate, encode, score --pairs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from ganbench import baseline, data, samples, score
from ganbench.cli import app
from ganbench.errors import UserError
from ganbench.samples import Rows, SampleSet
from ganbench.scoring import pairing
from ganbench.training import gallery, inference, loop
from ganbench.training.sampling import Drawing, sample

SETTINGS = {
    "pix2pix": ("digits+edges", {"batch": 25, "width": 4}),
    "icgan": ("digits", {"batch": 25, "width": 4, "z": 4, "images_gan": 50}),
    "dcgan": ("digits", {"batch": 25, "width": 4}),
    "gan_cls": ("shapes-32", {"batch": 25, "width": 4}),
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of a few steps each."""
    folder = tmp_path_factory.mktemp("runs")
    for name, (dataset, overrides) in SETTINGS.items():
        loop.train(baseline.resolve(name), dataset, folder / name, seed=0, images=100, overrides=dict(overrides))
    return folder


def digits(n: int) -> SampleSet:
    return SampleSet(np.asarray(data.load("digits", "test").x[:n]), None, {"name": "digits"})


def write(folder: Path, x: Rows, names: list[str]) -> Path:
    for image, name in zip(np.asarray(x), names, strict=True):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0]).save(folder / name)
    return folder


def refusal(*arguments: object) -> str:
    done = CliRunner().invoke(app, list(map(str, arguments)))
    assert isinstance(done.exception, UserError)
    assert done.exception.exit_code == 2
    assert "\n" not in str(done.exception)
    return str(done.exception)


def test_translations_have_the_names_of_their_inputs_and_repeat(runs: Path, tmp_path: Path) -> None:
    edges = write(tmp_path / "edges", digits(3).x, ["b.png", "a.bmp", "deep/c.png"])
    for out in ("one", "two"):
        done = CliRunner().invoke(app, ["translate", str(runs / "pix2pix"), str(edges), "--out", str(tmp_path / out)])
        assert done.exit_code == 0
    first, second = (samples.read(tmp_path / out) for out in ("one", "two"))
    assert first.names == ("a.png", "b.png", "deep/c.png")
    assert first.x.shape == (3, 8, 8, 1)
    np.testing.assert_array_equal(first.x, second.x)
    about = json.loads((tmp_path / "one" / inference.SIGN).read_text())
    assert (about["run"]["baseline"], about["input"]["n"], about["seed"]) == ("pix2pix", 3, 0)


def test_conditions_of_a_dataset_are_translated_into_a_set(runs: Path, tmp_path: Path) -> None:
    out = tmp_path / "made.npz"
    assert (
        CliRunner().invoke(app, ["translate", str(runs / "pix2pix"), "digits+edges", "--out", str(out)]).exit_code == 0
    )
    made = score(out, "digits", features="pixels", metrics=["paired_error"], pairs=True)
    edges = data.conditions("digits+edges", "test")
    assert edges is not None
    assert callable(edges.of)
    given = SampleSet(edges.of(np.asarray(data.load("digits", "test").x)), None, {"name": "edges"})
    assert made.samples.n == 797
    again = inference.translate(inference.load(runs / "pix2pix"), given, 0)
    np.testing.assert_array_equal(samples.read(out).x, again)
    assert 0 < (made.metrics["paired_error"].value or 0) < 1


def test_codes_have_classes_and_reconstructions(runs: Path, tmp_path: Path) -> None:
    shown = write(tmp_path / "shown", digits(3).x, ["a.png", "b.png", "c.png"])
    z, again = tmp_path / "z.npz", tmp_path / "again"
    done = CliRunner().invoke(
        app, ["encode", str(runs / "icgan"), str(shown), "--out", str(z), "--reconstruct", str(again)]
    )
    assert done.exit_code == 0
    with np.load(z) as codes:
        assert (codes["z"].shape, codes["y"].shape, codes["y"].dtype) == ((3, 4), (3,), np.int64)
    assert samples.read(again).names == ("a.png", "b.png", "c.png")
    trained = inference.load(runs / "icgan")
    codes = inference.encode(trained, digits(3), 0)
    own = [inference.edit(trained, codes, int(label))[i] for i, label in enumerate(codes.y)]  # type: ignore[arg-type]
    np.testing.assert_array_equal(np.stack(own), codes.x)


def test_what_cannot_be_translated_is_named_in_one_line(runs: Path, tmp_path: Path) -> None:
    edges = write(tmp_path / "edges", digits(2).x, ["a.png", "b.png"])
    wide = write(tmp_path / "wide", np.zeros((1, 8, 9, 1), np.uint8), ["a.png"])
    (tmp_path / "colour").mkdir()
    Image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3)).save(tmp_path / "colour/a.png")
    twins = write(tmp_path / "twins", digits(2).x, ["a.png", "a.bmp"])
    out = tmp_path / "out"
    pix2pix = runs / "pix2pix"
    for arguments, message in (
        ((runs / "dcgan", edges), "dcgan makes its samples from noise, so it translates no images"),
        ((pix2pix, edges, "--back"), "pix2pix translates in one direction only"),
        ((pix2pix, wide), "takes grey images of 8 x 8 pixels, and wide has grey images of 9 x 8 pixels"),
        ((pix2pix, tmp_path / "colour"), "and colour has colour images of 8 x 8 pixels"),
        ((pix2pix, twins), "two images would be written as a.png"),
    ):
        assert message in refusal("translate", *arguments, "--out", out)
        assert not out.exists()
    assert "is an input of this command" in refusal("translate", pix2pix, edges, "--out", edges)
    assert "holds other files" in refusal("translate", pix2pix, edges, "--out", wide)
    assert "dcgan has no encoder" in refusal("encode", runs / "dcgan", edges, "--out", tmp_path / "z.npz")


def test_pairs_by_name_find_their_partner_in_any_order(tmp_path: Path) -> None:
    x = np.asarray(digits(30).x)
    made = samples.read(write(tmp_path / "made", x, [f"{i:02}.png" for i in range(30)]))
    truth = samples.read(write(tmp_path / "truth", x[::-1], [f"{29 - i:02}.bmp" for i in range(30)]))
    result = score(made, truth, features="pixels", metrics="paired_error,partner_retrieval", pairs=True)
    assert (result.metrics["paired_error"].value, result.metrics["partner_retrieval"].value) == (0, 1)
    assert result.protocol.extra["pairs"] == "name"
    crossed = write(tmp_path / "crossed", x[::-1], [f"{i:02}.png" for i in range(30)])
    assert (
        score(crossed, truth, features="pixels", metrics="paired_error", pairs=True).metrics["paired_error"].value or 0
    ) > 0.1


def test_pairs_without_names_go_by_order(tmp_path: Path) -> None:
    result = score(digits(30), digits(30), features="pixels", metrics=["paired_error"], pairs=True)
    assert (result.metrics["paired_error"].value, result.protocol.extra["pairs"]) == (0, "order")
    alone = score(digits(30), digits(30), features="pixels", metrics=["paired_error"])
    assert alone.metrics["paired_error"].value is None
    assert "pairs" not in alone.protocol.extra


def test_missing_partners_are_named(tmp_path: Path) -> None:
    def named(*names: str) -> SampleSet:
        return digits(len(names)).with_(names=names, manifest={"name": "-".join(names)})

    for gen, ref, message in (
        (named("a.png", "b.png"), named("a.png"), r"1 image without a partner of the same name in a.png \(b\)"),
        (named("a.png"), named("a.png", "b.png"), r"1 image without a partner of the same name in a.png \(b\)"),
        (named("a.png", "a.bmp"), named("a.png"), "two images are called a"),
        (digits(2), digits(3), "pairs by order need equally many"),
        (digits(2), SampleSet(np.zeros((2, 9, 8, 1), np.uint8), None, {"name": "wide"}), "need one size"),
    ):
        with pytest.raises(UserError, match=message):
            pairing.pair(gen, ref)


def test_gallery_of_a_translator_has_input_output_and_truth(runs: Path, tmp_path: Path) -> None:
    trained = inference.load(runs / "pix2pix")
    made = gallery.build(trained, gallery.Wish(rows=3))
    assert made.heads == ["input", "output", "truth"]
    edges = data.conditions("digits+edges", "test")
    assert edges is not None
    assert callable(edges.of)
    for line in made.lines:
        np.testing.assert_array_equal(edges.of(line.images[2][None])[0], line.images[0])
    drawn = sample(runs / "pix2pix", Drawing(3, 0)).condition
    assert drawn is not None
    truth = np.asarray(data.load("digits", "test").x)[drawn]
    np.testing.assert_array_equal(truth, np.stack([line.images[2] for line in made.lines]))
    own = gallery.build(trained, gallery.Wish(rows=2, given=digits(5)))
    assert (own.heads, len(own.lines)) == (["input", "output"], 2)


def test_gallery_of_an_encoder_changes_the_class_of_one_code(runs: Path) -> None:
    trained = inference.load(runs / "icgan")
    made = gallery.build(trained, gallery.Wish(rows=2, given=digits(2)))
    assert made.heads == ["input", "again", *(f"class {label}" for label in range(10))]
    codes = inference.encode(trained, digits(2), 0)
    for i, line in enumerate(made.lines):
        assert codes.y is not None
        np.testing.assert_array_equal(line.images[1], line.images[2 + codes.y[i]])


def test_walk_between_sentences_begins_and_ends_at_them(runs: Path) -> None:
    trained = inference.load(runs / "gan_cls")
    said = ("a red circle", "a large blue star")
    walk = gallery.build(trained, gallery.Wish(rows=2, columns=4, captions=said, walk=True))
    grid = gallery.build(trained, gallery.Wish(columns=2, captions=said))
    assert [line.caption for line in grid.lines] == list(said)
    for row in range(2):
        np.testing.assert_allclose(walk.lines[row].images[0].astype(int), grid.lines[0].images[row].astype(int), atol=1)
        np.testing.assert_allclose(walk.lines[row].images[3].astype(int), grid.lines[1].images[row].astype(int), atol=1)


def test_gallery_of_captions_is_a_picture_with_the_truth(runs: Path, tmp_path: Path) -> None:
    out = tmp_path / "said.png"
    run = str(runs / "gan_cls")
    done = CliRunner().invoke(app, ["gallery", run, "--rows", "2", "--columns", "3", "--out", str(out)])
    assert done.exit_code == 0
    with Image.open(out) as picture:
        assert picture.width > picture.height > 200
    made = gallery.build(inference.load(runs / "gan_cls"), gallery.Wish(rows=2, columns=3))
    language = data.language("shapes-32")
    assert language is not None
    for line in made.lines:
        stated, shown = language.meaning(line.caption), language.attributes(line.images[0][None])[0]
        assert all(shown[stated >= 0] == stated[stated >= 0])


def test_what_has_no_gallery_is_named_in_one_line(runs: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.png"
    for arguments, message in (
        (("dcgan",), "dcgan has no condition; `ganbench overview` shows its samples"),
        (("pix2pix", "--caption", "a red circle"), "pix2pix on digits+edges does not draw from captions"),
        (("gan_cls", "--caption", "a redd circle"), "no word for captions 'redd'; did you mean 'red'?"),
        (("gan_cls", "--caption", "a red circle", "--walk"), "--walk needs two or more captions"),
        (("gan_cls", "--images", "digits"), "--images: gan_cls takes no images"),
    ):
        assert message in refusal("gallery", runs / arguments[0], *arguments[1:], "--out", out)
    assert "no word for captions 'redd'" in refusal(
        "sample", runs / "gan_cls", "--caption", "redd", "--out", tmp_path / "a.npz"
    )
    assert list(tmp_path.iterdir()) == []
