"""Metrics of conditional generators: known answers, perfect generators, intervals, and what is missing."""

# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ganbench import metrics
from ganbench.data import scenes
from ganbench.statistics import share

RNG = np.random.default_rng(0)
NAMES = (
    "attribute_accuracy", "r_precision", "condition_diversity", "paired_error", "partner_retrieval", "class_kept",
    "code_information",
)  # fmt: skip


def compute(name: str, **inputs: Any) -> dict[str, Any]:
    n = len(next(iter(inputs.values())))
    return metrics.compute([name], {"gen": np.zeros((n, 2))} | inputs)[name]


@pytest.mark.parametrize("name", NAMES)
def test_missing_input_is_said_with_needs(name: str) -> None:
    reason = metrics.compute([name], {"gen": np.zeros((200, 2))})[name]["reason"]
    assert reason is not None
    assert reason.startswith((f"{name} needs ", f"{name} is for images"))


class TestAttributes:
    stated = np.array([[0, 1, -1]] * 20 + [[2, -1, -1]] * 20 + [[-1, -1, -1]] * 10)
    shown = np.array([[0, 1, 4]] * 10 + [[0, 0, 4]] * 10 + [[2, 1, 1]] * 15 + [[3, 1, 1]] * 5 + [[0, 0, 0]] * 10)

    def test_value_worked_out_by_hand(self) -> None:
        result = compute(
            "attribute_accuracy", gen_attributes=self.shown, gen_stated=self.stated, attribute_names=("a", "b c", "d")
        )
        assert result["value"] == pytest.approx((10 * 1 + 10 * 0.5 + 15) / 40)
        assert result["all"] == pytest.approx(25 / 40)
        assert result["all_interval"] == pytest.approx(list(share(25, 40)))
        assert result["a"] == pytest.approx(35 / 40)
        assert result["b_c"] == pytest.approx(0.5)
        assert "d" not in result
        assert "held_out" not in result

    def test_held_out_combinations_are_counted_alone(self) -> None:
        new = np.arange(50) >= 20
        result = compute("attribute_accuracy", gen_attributes=self.shown, gen_stated=self.stated, gen_held_out=new)
        assert result["held_out"] == result["held_out_all"] == pytest.approx(0.75)

    def test_perfect_is_the_accuracy_of_the_recogniser(self) -> None:
        right = {"ref_attributes": np.zeros((40, 3), int), "ref_stated": np.zeros((40, 3), int)}
        right["ref_attributes"][:4] = 1
        result = compute("attribute_accuracy", gen_attributes=self.shown, gen_stated=self.stated, **right)
        assert result["perfect"] == pytest.approx(0.9)

    def test_swapped_captions_have_the_value_of_chance(self) -> None:
        every = scenes.singles()[:, :5]
        value = compute("attribute_accuracy", gen_attributes=every, gen_stated=RNG.permutation(every))["value"]
        assert value == pytest.approx(np.mean([1 / 9, 1 / 4, 1 / 6, 1 / 8, 1 / 3]), abs=0.015)

    def test_captions_that_state_nothing_are_a_reason(self) -> None:
        nothing = np.full((50, 3), -1)
        result = compute("attribute_accuracy", gen_attributes=self.shown, gen_stated=nothing)
        assert result["reason"] == "attribute_accuracy needs captions that state an attribute"

    def test_interval_of_a_mean_of_shares_holds_the_truth(self) -> None:
        held = 0
        for repeat in range(200):
            rng = np.random.default_rng(repeat)
            stated = np.zeros((60, 4), int)
            shown = (rng.random((60, 4)) > 0.9).astype(int)
            low, high = compute("attribute_accuracy", gen_attributes=shown, gen_stated=stated)["interval"]
            held += low <= 0.9 <= high
        assert held >= 190


class TestRPrecision:
    def test_chance_is_one_in_a_hundred(self) -> None:
        n = 400
        pictures, captions = RNG.standard_normal((2, n, 8))
        value = compute("r_precision", gen=pictures, gen_captions=captions, gen_stated=np.arange(n)[:, None])["value"]
        assert value == pytest.approx(0.01, abs=0.01)

    def test_ignored_condition_has_the_value_of_chance(self) -> None:
        captions = RNG.standard_normal((400, 8))
        same = np.ones((400, 8))
        value = compute("r_precision", gen=same, gen_captions=captions, gen_stated=np.arange(400)[:, None])["value"]
        assert value == pytest.approx(0.01, abs=0.002)

    def test_probability_is_that_of_draws_without_replacement(self) -> None:
        angles = 2 * np.pi * np.arange(150) / 150
        captions = np.stack([np.cos(angles), np.sin(angles)], 1)
        pictures = np.roll(captions, 1, 0)
        pictures = 0.9 * pictures + 0.1 * captions  # one wrong caption is nearer than the own caption
        value = compute("r_precision", gen=pictures, gen_captions=captions, gen_stated=np.arange(150)[:, None])["value"]
        assert value == pytest.approx(1 - 99 / 149)

    def test_caption_that_fits_too_is_no_rival(self) -> None:
        n = 300
        captions = np.repeat(RNG.standard_normal((n // 2, 8)), 2, 0)
        stated = np.repeat(np.arange(n // 2), 2)[:, None]
        nearer = np.roll(np.tile([0, 0.5], n // 2), 1)[:, None] * captions + captions
        assert compute("r_precision", gen=nearer, gen_captions=captions, gen_stated=stated)["value"] == 1

    def test_few_captions_are_a_reason(self) -> None:
        x = RNG.standard_normal((120, 4))
        reason = compute("r_precision", gen=x, gen_captions=x, gen_stated=np.arange(120)[:, None] % 2)["reason"]
        assert reason == "r_precision needs 99 captions that do not fit, for each sample"

    def test_perfect_is_the_value_of_real_pictures(self) -> None:
        x, t = RNG.standard_normal((2, 200, 4))
        stated = np.arange(200)[:, None]
        own = compute("r_precision", gen=x, gen_captions=x + 0.3 * t, gen_stated=stated)["value"]
        result = compute(
            "r_precision", gen=t, gen_captions=x, gen_stated=stated, ref=x, ref_captions=x + 0.3 * t, ref_stated=stated
        )
        assert result["perfect"] == own > 0.2


class TestDiversity:
    def test_value_worked_out_by_hand(self) -> None:
        x = np.tile([[0.0], [2.0], [10.0], [10.0]], (6, 1))
        condition = np.tile([0, 0, 1, 1], 6)
        within = 12 * 1 / (24 - 2)  # twelve squares of 1 and twelve of 0
        assert compute("condition_diversity", gen=x, gen_condition=condition)["value"] == pytest.approx(
            within / x.var(ddof=1)
        )

    def test_perfect_is_the_value_of_a_generator_of_fitting_pictures(self) -> None:
        every = scenes.singles()[:, :5]
        features = np.eye(9)[every[:, 0]] @ RNG.standard_normal((9, 6)) + np.eye(8)[every[:, 3]] @ RNG.standard_normal(
            (8, 6)
        )
        stated = RNG.permutation(every)[:300].copy()
        stated[:200, 0] = -1  # the place is not stated
        condition = np.repeat(np.arange(300), 4)
        rows = []
        for caption in stated[condition]:
            given = caption >= 0
            rows.append(RNG.choice(np.flatnonzero((every[:, given] == caption[given]).all(1))))
        result = compute(
            "condition_diversity", gen=features[rows], gen_condition=condition, gen_stated=stated[condition], ref=features,
            ref_attributes=every,
        )  # fmt: skip
        assert result["perfect"] == pytest.approx(result["value"], rel=0.15)
        assert 0.1 < result["perfect"] < 0.9

    @pytest.mark.parametrize("groups", [2, 100])
    def test_interval_holds_the_truth(self, groups: int) -> None:
        held = 0
        for repeat in range(150):
            rng = np.random.default_rng([groups, repeat])
            of = np.arange(300) % groups
            places = rng.standard_normal((groups, 3)) if groups > 2 else np.array([[1.0] * 3, [-1.0] * 3])
            x = places[of] + rng.standard_normal((300, 3))
            low, high = compute("condition_diversity", gen=x, gen_condition=of)["interval"]
            held += low <= 0.5 <= high
        assert held >= 135

    def test_one_sample_per_condition_is_a_reason(self) -> None:
        reason = compute("condition_diversity", gen=RNG.random((30, 2)), gen_condition=np.arange(30))["reason"]
        assert reason == "condition_diversity needs two conditions or more, with two samples or more of a condition"


class TestPairs:
    shape = (16, 16, 3)
    truth = RNG.random((40, 768))

    def error(self, x: np.ndarray, **more: Any) -> dict[str, Any]:
        return compute(
            "paired_error", gen_pixels=x, gen_truth_pixels=self.truth, **({"image_shape": self.shape} | more)
        )

    def test_partner_itself_has_no_error(self) -> None:
        result = self.error(self.truth)
        assert result["value"] == result["perfect"] == 0
        assert result["interval"] == [0, 0]
        assert result["ssim"] == pytest.approx(1)
        assert result["psnr"] == pytest.approx(20 * np.log10(510))

    def test_error_and_psnr_of_a_known_step(self) -> None:
        result = self.error(self.truth + np.where(np.arange(768) % 2, 0.1, -0.1))
        assert result["value"] == pytest.approx(0.1)
        assert result["psnr"] == pytest.approx(20)

    def test_similarity_is_that_of_its_formula_on_flat_images(self) -> None:
        flat = {
            "gen_pixels": np.full((20, 256), 0.2),
            "gen_truth_pixels": np.full((20, 256), 0.6),
            "image_shape": (16, 16, 1),
        }
        expected = (2 * 0.2 * 0.6 + 1e-4) / (0.2**2 + 0.6**2 + 1e-4)
        assert compute("paired_error", **flat)["ssim"] == pytest.approx(expected)

    def test_similarity_of_the_middle_pixel_is_that_of_its_window(self) -> None:
        """One 11 x 11 image: the mean over mirrored windows is not checked, but the window's weights sum to one."""
        a, b = RNG.random((2, 121, 121))
        far = compute("paired_error", gen_pixels=a, gen_truth_pixels=b, image_shape=(11, 11, 1))["ssim"]
        same = compute("paired_error", gen_pixels=a, gen_truth_pixels=1 - a, image_shape=(11, 11, 1))["ssim"]
        assert -1 <= same < far < 1

    def test_blur_has_a_smaller_error_than_another_true_picture(self) -> None:
        blurred = np.broadcast_to(self.truth.mean(0), self.truth.shape)
        features = {"gen": np.roll(self.truth, 1, 0), "gen_truth": self.truth}
        shuffled = self.error(np.roll(self.truth, 1, 0), **features)
        assert self.error(blurred)["value"] < shuffled["value"]
        assert shuffled["features"] == pytest.approx(1, abs=0.1)

    def test_retrieval_of_shuffled_partners_is_chance(self) -> None:
        truth = RNG.standard_normal((300, 4))
        result = compute("partner_retrieval", gen=RNG.permutation(truth), gen_truth=truth)
        assert result["value"] <= 0.03
        assert result["candidates"] == 300
        assert compute("partner_retrieval", gen=truth + 1e-3, gen_truth=truth)["value"] > 0.95

    def test_one_output_finds_one_partner(self) -> None:
        truth = RNG.standard_normal((300, 4))
        assert compute("partner_retrieval", gen=np.zeros((300, 4)), gen_truth=truth)["value"] == pytest.approx(1 / 300)

    def test_class_kept_counts_the_largest_logit(self) -> None:
        logits = np.eye(4)[np.arange(80) % 4]
        truth = np.where(np.arange(80) < 20, 3, np.arange(80) % 4)
        result = compute(
            "class_kept", gen_logits=logits, gen_truth_labels=truth, ref_logits=logits[:8], ref_labels=truth[8:16]
        )
        assert result["value"] == pytest.approx((60 + 5) / 80)
        assert result["perfect"] == pytest.approx((np.arange(8) % 4 == 3).mean())


class TestCodes:
    def test_codes_that_name_classes_in_another_order_are_perfect(self) -> None:
        codes = np.arange(1000) % 10
        result = compute("code_information", gen_labels=codes, gen_logits=np.eye(10)[(3 * codes) % 10])
        assert result["normalised"] == pytest.approx(1)
        assert result["value"] == pytest.approx(np.log(10), abs=0.01)
        assert (result["codes"], result["classes"]) == (10, 10)

    def test_codes_without_meaning_have_no_information_on_average(self) -> None:
        values = []
        for repeat in range(60):
            rng = np.random.default_rng(repeat)
            logits = rng.random((200, 5))
            result = compute("code_information", gen_labels=rng.integers(0, 5, 200), gen_logits=logits)
            values.append([result["value"], result["interval"][0] <= 0 <= result["interval"][1]])
        mean, held = np.mean(values, 0)
        assert abs(mean) < 0.006  # the plain estimate is 0.04 on average
        assert held >= 0.9

    def test_generator_of_one_class_has_no_information(self) -> None:
        result = compute("code_information", gen_labels=np.arange(100) % 10, gen_logits=np.eye(3)[np.zeros(100, int)])
        assert result["value"] == pytest.approx(0)
        assert result["normalised"] == pytest.approx(0, abs=1e-12)
        assert result["classes"] == 1
