"""Shapes with captions: the scenes are known, pictures lead back to them, and captions say what is in them."""

# mypy: disable-error-code="arg-type,union-attr"

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from ganbench import data
from ganbench.data import caption_encoder, folder, grammar, registry, scenes
from ganbench.data.families import shapes
from ganbench.errors import UserError
from ganbench.features.scenes import network, train
from ganbench.training.order import TrainingData

RNG = np.random.default_rng(0)
SOME = train.draw(200, scenes.SEVERAL, RNG)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    for name in ("shapes-32", "shapes-32-attributes", "shapes-stars"):
        data.build(name, root)
    return root


def test_every_scene_of_one_object_is_another_picture() -> None:
    every = scenes.singles()
    pictures = scenes.render(every, 32)
    assert len(every) == scenes.count(scenes.SINGLE) == 9 * 4 * 6 * 8 * 3
    assert len(np.unique(pictures.reshape(len(every), -1), axis=0)) == len(every)


def test_count_of_scenes_of_several_objects_is_known() -> None:
    assert scenes.count(scenes.SEVERAL) == 4 * 2 * ((6 * 8 * 3) ** 2 + (6 * 8) ** 3)


@pytest.mark.parametrize("side", [32, 64])
@pytest.mark.parametrize("noise", [0, 25])
def test_nearest_scene_of_a_picture_is_its_own_scene(side: int, noise: int) -> None:
    for rows, kinds in ((scenes.singles()[:: 16 if side == 32 else 128], scenes.SINGLE), (SOME, scenes.SEVERAL)):
        moved = scenes.render(rows, side) + RNG.normal(0, noise, (len(rows), side, side, 3))
        assert np.array_equal(scenes.nearest(np.clip(moved, 0, 255).astype(np.uint8), kinds), rows)


def test_nearest_scene_is_that_of_a_search_through_all() -> None:
    every = scenes.singles()
    pictures = scenes.render(every, 32).reshape(len(every), -1).astype(np.float64)
    x = RNG.integers(0, 256, (5, 32, 32, 3)).astype(np.uint8)
    brute = [np.square(pictures - row).sum(1).argmin() for row in x.reshape(5, -1).astype(np.float64)]
    assert np.array_equal(scenes.nearest(x, scenes.SINGLE), every[brute])


def test_no_picture_has_no_scene() -> None:
    assert scenes.nearest(np.empty((0, 32, 32, 3), np.uint8), scenes.SINGLE).shape == (0, 11)


def test_larger_picture_shows_the_same_scene() -> None:
    means = scenes.render(SOME, 64).reshape(-1, 32, 2, 32, 2, 3).mean((2, 4))
    assert np.array_equal(scenes.nearest(means.astype(np.uint8), scenes.SEVERAL), SOME)
    assert abs(means - scenes.render(SOME, 32)).mean() < 0.2


def test_six_combinations_of_shape_and_colour_are_held_out() -> None:
    every = scenes.singles()
    pairs = np.unique(every[scenes.held_out(every)][:, 2:4], axis=0)
    assert len(pairs) == 6
    assert len(np.unique(pairs[:, 0])) == len(np.unique(pairs[:, 1])) == 6


@pytest.mark.parametrize("split", [shapes.split_of_one, shapes.split_of_several])
def test_training_has_no_held_out_combination_and_no_held_out_scene(split) -> None:  # type: ignore[no-untyped-def]
    fitted, held = split()
    both = np.concatenate([fitted, held])
    assert len(np.unique(both, axis=0)) == len(both)
    assert not scenes.held_out(fitted).any()
    assert scenes.held_out(held).tolist() == [i < len(held) // 2 for i in range(len(held))]


def test_built_dataset_holds_what_it_declares(root: Path) -> None:
    language = registry.get("shapes-32").language
    assert language is not None
    for split, k in (("train", 3888), ("test", 1296)):
        x = folder.read(root / "shapes-32", split)
        attributes = np.load(root / "shapes-32" / f"{split}_attributes.npy")
        said = folder.read_captions(root / "shapes-32", split)
        conditions = folder.read_conditions(root / "shapes-32", split)
        assert conditions is not None
        assert isinstance(conditions.of, np.ndarray)
        assert x.x.shape == (k, 32, 32, 3)
        assert np.array_equal(x.y, attributes[:, 2])
        assert np.array_equal(language.attributes(np.asarray(x.x[:300])), attributes[:300])
        assert np.array_equal(conditions.of[:40], language.encode(said[:40]))
        stated = np.stack([language.meaning(caption) for caption in said])
        own = np.repeat(attributes, 4, 0)
        assert np.array_equal(stated[::4], attributes)
        assert ((stated == own) | (stated == -1)).all()
        assert 0.1 < (stated == -1).mean() < 0.2  # three of four captions are silent about a quarter of four attributes
        assert len(set(said)) > 0.8 * len(said)


@pytest.mark.parametrize("name", sorted(shapes.DATASETS))
def test_dataset_has_the_pinned_bytes(name: str, root: Path) -> None:
    if (root / name).is_dir():
        assert folder.digest(root / name) == data.version(name)
    assert data.facts(name).classes == {"shapes-relations-32": 4, "shapes-relations-64": 4, "shapes-stars": 0}.get(
        name, 6
    )


@pytest.mark.parametrize("silence", [0.0, 0.4])
def test_caption_says_nothing_false(silence: float) -> None:
    for scene in np.concatenate([SOME, train.draw(200, scenes.SINGLE, RNG)]):
        stated = grammar.meaning(grammar.Speaker(RNG.random(grammar.Speaker.needed), silence).caption(scene))
        assert ((stated == scene) | (stated == -1)).all()
        if not silence and scene[0] not in (11, 12):  # three objects have no size to state
            assert np.array_equal(stated, scene)


def test_relation_can_be_said_from_both_sides() -> None:
    same = ["a small red circle above a blue square", "a blue box below a tiny scarlet disc"]
    assert len({grammar.meaning(caption).tobytes() for caption in same}) == 1
    other = grammar.meaning("a blue square above a small red circle")
    assert not np.array_equal(other, grammar.meaning(same[0]))


@pytest.mark.parametrize(
    ("caption", "words"),
    [
        ("a small rde circle", r"no word for captions 'rde'; did you mean 'red'\?"),
        (" , ", "the caption has no words"),
        ("small and red", "no word for captions 'and'"),
        ("a small red", "names no object"),
        ("a ring at the top bottom", "states both 'top' and 'bottom'"),
        ("a ring above a star left of a cross", "same relation"),
        ("a ring above a star above a cross above a box", "up to 3 objects"),
    ],
)
def test_fault_of_a_caption_is_named(caption: str, words: str) -> None:
    with pytest.raises(UserError, match=words) as raised:
        grammar.meaning(caption)
    assert "\n" not in str(raised.value)


def test_caption_of_other_scenes_than_the_dataset_has_is_refused() -> None:
    language = registry.get("shapes-32").language
    assert language is not None
    with pytest.raises(UserError, match="not of one object"):
        language.meaning("a ring above a star")
    assert language.meaning("an object at the top").tolist() == [1, -1, -1, -1, -1]


def test_one_hot_has_a_one_for_each_stated_attribute() -> None:
    coded = shapes.one_hot(np.array([[1, 3, 0, 7, 2], [-1, -1, 5, -1, -1]]))
    assert np.flatnonzero(coded[0]).tolist() == [1, 12, 13, 26, 29]
    assert np.flatnonzero(coded[1]).tolist() == [18]
    assert coded.shape == (2, 30)


def test_caption_encoder_is_the_network_that_was_trained() -> None:
    torch.manual_seed(0)
    said = ["a small red circle", "there is a big ring above a blue star on black", "a star"]
    model = network.CaptionEncoder()
    model.load_state_dict({k: torch.from_numpy(v).float() for k, v in caption_encoder._weights().items()})
    with torch.no_grad():
        expected = model(*map(torch.from_numpy, caption_encoder.numbered(said))).numpy()
    vectors = caption_encoder.encode(said)
    np.testing.assert_allclose(vectors, expected, atol=2 * caption_encoder.STEP)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 8, atol=0.01)
    assert np.array_equal(vectors[:1], caption_encoder.encode(said[:1])), (
        "a caption's vector depends on no other caption"
    )


def test_pictures_and_captions_find_each_other() -> None:
    images = network.load()
    for kinds, least in ((scenes.SINGLE, 0.7), (scenes.SEVERAL, 0.7)):
        rows = train.draw(100, kinds, np.random.default_rng(5))
        said = [grammar.Speaker(RNG.random(grammar.Speaker.needed)).caption(scene) for scene in rows]
        with torch.no_grad():
            v = images(network.to_input(scenes.render(rows, 32))).numpy()
        right = (v @ caption_encoder.encode(said).T).argmax(1) == np.arange(100)
        assert right.mean() > least


def test_synonym_changes_a_vector_less_than_another_word() -> None:
    said = ["a small red circle on white", "a tiny scarlet disc on white", "a large blue star on black"]
    a, same, other = caption_encoder.encode(said)
    assert a @ same > a @ other


def test_weights_are_small_and_an_altered_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both = sum(p.stat().st_size for where in (caption_encoder.WEIGHTS, network.WEIGHTS) for p in where.iterdir())
    assert both < 1e6
    for name in ("caption-encoder.json", "caption-encoder.safetensors"):
        (tmp_path / name).write_bytes((caption_encoder.WEIGHTS / name).read_bytes())
    with (tmp_path / "caption-encoder.safetensors").open("ab") as file:
        file.write(b"0")
    monkeypatch.setattr(caption_encoder, "WEIGHTS", tmp_path)
    caption_encoder._weights.cache_clear()
    with pytest.raises(UserError, match="install ganbench again"):
        caption_encoder.encode(["a star"])
    caption_encoder._weights.cache_clear()


def test_encoders_learn_from_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "BATCH", 32)
    rows = train.batch(16, scenes.SEVERAL, RNG)
    assert ((rows[:8] != rows[8:]).sum(1) <= 3).mean() > 0.5
    assert not scenes.held_out(rows).any()
    images, text = train.fit(3)
    assert set(train.retrieval(images, text, scenes.SINGLE, 20)) == {"pictures", "right"}


def test_hinge_counts_only_captions_that_do_not_fit() -> None:
    v = torch.eye(2, 64) * 8
    wrong = ~torch.eye(2, dtype=torch.bool)
    assert float(train.hinge(v, v, wrong)) == 0
    assert float(train.hinge(v, v.flip(0), wrong)) == pytest.approx(2 * 9)
    said = np.stack([grammar.meaning("a red circle"), grammar.meaning("a blue star")])
    shown = np.stack([scenes.singles()[0], scenes.singles()[0]])
    assert train.excluded(said, shown).tolist() == [[False, True], [False, True]]


class TestSeveralConditionsOfASample:
    split = data.Split(np.arange(6, dtype=np.float32)[:, None], np.full(6, -1))
    of = np.arange(18, dtype=np.float32)[:, None]

    def test_each_batch_draws_among_the_samples_own(self) -> None:
        source = TrainingData.of(self.split, data.Conditions(self.of), torch.device("cpu"))
        drawn = [source.batch(0, seen, 6) for seen in range(0, 300, 6)]
        pairs = {(int(x), int(c)) for batch in drawn for x, c in zip(batch.x, batch.cond, strict=True)}
        assert pairs == {(i, 3 * i + j) for i in range(6) for j in range(3)}
        again = source.batch(0, 6, 6)
        assert torch.equal(again.cond, drawn[1].cond)
        assert any(not torch.equal(a.cond, b.cond) for a, b in pairwise(drawn))

    def test_all_of_them_can_be_drawn(self) -> None:
        source = TrainingData.of(self.split, data.Conditions(self.of), torch.device("cpu"))
        assert source.conditions == 18
        assert len({float(c) for c in source.draw_conditions(500)}) == 18

    def test_number_that_fits_no_whole_share_is_refused(self) -> None:
        with pytest.raises(UserError, match="20 conditions cannot belong to 6 samples"):
            TrainingData.of(self.split, data.Conditions(np.zeros((20, 1), np.float32)), torch.device("cpu"))


def test_stars_are_the_scenes_of_their_circles_and_no_scene_trains_both() -> None:
    built = registry.get("shapes-stars").build(Path())
    assert built.conditions is not None
    train, test = (scenes.nearest(split.x, scenes.SINGLE) for split in (built.train, built.test))
    apart, asked = (scenes.nearest(conditions.of, scenes.SINGLE) for conditions in built.conditions)
    assert (built.conditions[0].paired, built.conditions[1].paired) == (False, True)
    circle, star = scenes.SHAPES.index("circle"), scenes.SHAPES.index("star")
    assert {*apart[:, scenes.FIRST], *asked[:, scenes.FIRST]} == {circle}
    assert {*train[:, scenes.FIRST], *test[:, scenes.FIRST]} == {star}
    for rows in (apart, asked):
        rows[:, scenes.FIRST] = star
    assert np.array_equal(asked, test)
    assert len(np.unique(np.concatenate([train, apart, test]), axis=0)) == 864


def test_caption_of_a_circle_says_what_its_translation_shows() -> None:
    built, language = registry.get("shapes-stars").build(Path()), registry.get("shapes-stars").language
    stated = np.stack([language.meaning(caption.decode()) for caption in built.further["captions"][1]])
    assert np.array_equal(stated, language.attributes(built.test.x))
    assert not language.held_out(stated).any()
    with pytest.raises(UserError, match="translates pictures"):
        language.encode(["a red star"])
