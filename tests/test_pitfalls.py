"""Known ways to get a score wrong without noticing, and the test that each of them would fail."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from ganbench import data, features, scoring
from ganbench.samples import SampleSet


@dataclass(frozen=True)
class Pitfall:
    """A pitfall: either tests, or why it cannot be met here."""

    what: str
    tests: tuple[str, ...] = ()
    absent: str = ""


FID, KID, PR, DC = (
    "test_metrics_fid",
    "test_metrics_kid",
    "test_metrics_precision_recall",
    "test_metrics_density_coverage",
)
CS, MEMO, SUPPORT, MODES = (
    "test_metrics_classifier_score",
    "test_metrics_memorisation",
    "test_metrics_support",
    "test_metrics_modes",
)
HERE, NEAR, SW = "test_pitfalls", "test_neighbours", "test_metrics_sliced_wasserstein"


def pitfall(what: str, *tests: str) -> Pitfall:
    return Pitfall(what, tests)


PITFALLS = {
    1: pitfall(
        "matrix square root: complex, or gone from SciPy",
        "test_metrics_conformance::test_nothing_computes_a_matrix_square_root",
        f"{FID}::test_fid_of_singular_features_equals_that_of_their_free_coordinates",
    ),
    2: pitfall("FID(X, X) is not 0", f"{FID}::test_fid_of_a_set_with_itself_is_zero"),
    3: pitfall("n or n - 1 in the covariance", f"{FID}::test_fid_in_one_dimension_uses_unbiased_variances"),
    4: pitfall(
        "scores at different n are compared",
        "test_grid::test_rows_of_one_seed_share_one_reference",
        f"{HERE}::test_every_score_carries_its_n_and_a_reference_its_own",
    ),
    5: pitfall("the bias of FID is ignored", f"{FID}::test_fid_of_a_perfect_generator_is_its_stated_bias"),
    6: pitfall(
        "bootstrap with replacement",
        f"{FID}::test_the_naive_bootstrap_inflates_fid",
        f"{SUPPORT}::test_resampling_with_replacement_would_add_half_of_n_duplicates",
        f"{HERE}::test_resampling_with_replacement_would_shrink_a_manifold",
    ),
    7: pitfall("moments in float32", f"{FID}::test_moments_keep_a_unit_variance_at_offset_ten_thousand"),
    8: pitfall("merged shards are not the whole", f"{FID}::test_moments_of_shards_merge_to_those_of_one_pass"),
    9: pitfall(
        "quantisation: which range, how rounded",
        "test_train::test_images_are_rounded_and_clipped_never_rescaled",
        "test_samples_rules::test_arrays_of_uncertain_meaning_are_refused",
    ),
    10: pitfall(
        "an unnamed way to resize: nothing is resized here, other sizes are refused",
        "test_features::test_what_an_extractor_does_not_take_is_refused_with_what_it_needs",
    ),
    11: pitfall(
        "grey, alpha, channels first or last",
        "test_samples_rules::test_grey_images_without_a_channel_axis_get_one",
        "test_samples_rules::test_odd_images_in_a_folder_are_named",
        "test_samples_rules::test_arrays_of_uncertain_meaning_are_refused",
    ),
    12: pitfall(
        "KID depends on the scale of the features",
        f"{KID}::test_kid_does_not_move_with_the_scale_of_the_features",
        "test_features::test_features_are_scaled_to_mean_square_norm_d_on_training_data",
    ),
    13: pitfall(
        "KID clipped at 0", f"{KID}::test_kid_of_a_perfect_generator_is_zero_on_average_and_often_negative"
    ),
    14: pitfall("spread over subsets as an error bar", f"{KID}::test_kid_standard_error_is_that_of_monte_carlo"),
    15: pitfall(
        "a class of probability 0 makes NaN",
        f"{CS}::test_score_is_finite_with_a_huge_logit_gap_and_an_unused_class",
        "test_metrics_parity::test_classes_that_underflow_do_not_make_the_score_nan",
    ),
    16: pitfall("the score depends on the order", f"{CS}::test_sorted_and_shuffled_samples_score_the_same"),
    17: pitfall(
        "the bias of the Inception Score is ignored",
        f"{CS}::test_bias_correction_recovers_the_classes_that_the_plug_in_misses",
    ),
    18: pitfall(
        "a point is its own neighbour, or loses its copies",
        f"{NEAR}::test_self_is_removed_by_number_and_copies_stay",
        f"{PR}::test_three_identical_points_have_radius_zero_and_count_their_copies",
    ),
    19: pitfall(
        "open balls for closed ones",
        f"{DC}::test_exact_copies_have_density_one_and_coverage_one",
        "test_metrics_parity::test_all_four_equal_their_definitions_on_a_lattice_of_ties",
    ),
    20: pitfall(
        "precision and recall exchanged", f"{PR}::test_a_collapsed_generator_is_precise_and_recalls_nothing"
    ),
    21: pitfall(
        "one outlier makes precision perfect",
        f"{PR}::test_one_outlier_makes_precision_perfect_and_leaves_density_low",
    ),
    22: pitfall("what chance gives is not known", f"{DC}::test_a_perfect_generator_scores_the_exact_nulls"),
    23: pitfall("squared distances for distances", f"{NEAR}::test_knn_equals_brute_force"),
    24: pitfall("NaN finds the last row", f"{NEAR}::test_nan_is_refused"),
    25: pitfall(
        "cancellation far from the origin",
        "test_metrics_parity::test_an_offset_of_the_features_cancels_nothing",
        f"{NEAR}::test_float32_search_alone_would_be_wrong",
    ),
    26: pitfall(
        "authenticity without its null",
        f"{MEMO}::test_authenticity_difference_has_mean_zero_in_every_dimension",
    ),
    27: pitfall("C_T is not of unit variance", f"{MEMO}::test_c_t_has_unit_variance_without_copies"),
    28: pitfall(
        "another mix of classes looks like copying",
        f"{MEMO}::test_a_generator_of_one_dense_mode_does_not_look_like_a_copier",
    ),
    29: pitfall(
        "held-out data that are in the training set",
        f"{MEMO}::test_held_out_near_duplicates_are_counted_and_left_out",
    ),
    30: pitfall("planted copies are not found", f"{MEMO}::test_planted_copies_are_inside_the_interval"),
    31: pitfall("exact copies score best", f"{MEMO}::test_the_training_set_itself_gets_the_worst_score"),
    32: pitfall(
        "the classifier's errors are counted as modes",
        f"{MODES}::test_planted_stacked_modes_are_recovered_despite_wrong_classes",
    ),
    33: pitfall(
        "a ring that ends where it begins",
        "test_data_sets::test_ring_has_eight_distinct_modes_on_the_unit_circle",
        f"{MODES}::test_a_perfect_generator_has_all_modes_and_the_exact_share",
    ),
    34: pitfall("three sigma in many dimensions", f"{MODES}::test_a_perfect_generator_passes_in_any_dimension"),
    35: pitfall(
        "pairs taken for independent in the birthday test", f"{SUPPORT}::test_interval_covers_the_effective_support"
    ),
    36: pitfall(
        "no duplicate, or nothing but duplicates",
        f"{SUPPORT}::test_all_distinct_bounds_the_support_by_n_squared",
        f"{SUPPORT}::test_one_output_is_a_support_of_one",
        f"{SUPPORT}::test_rate_and_interval_of_all_pairs_and_of_none",
    ),
    37: pitfall(
        "duplicates by class, blur or noise",
        f"{SUPPORT}::test_distinct_samples_of_one_tight_class_are_not_duplicates",
        f"{SUPPORT}::test_density_contraction_is_not_called_discrete",
        f"{SUPPORT}::test_unlike_images_with_one_feature_vector_are_not_duplicates",
    ),
    38: pitfall(
        "a stale cache",
        f"{HERE}::test_features_of_other_weights_are_not_used",
        "test_metrics_parity::test_results_do_not_come_from_an_array_that_was_changed_in_place",
        "test_pipeline::test_changed_data_trains_exactly_the_runs_that_use_it_again",
    ),
    39: pitfall(
        "unseeded numbers, or another number of threads",
        "test_metrics_conformance::test_same_seed_same_result_without_the_inputs_of_other_metrics",
        "test_metrics_properties::test_no_score_depends_on_the_number_of_threads",
    ),
    40: pitfall(
        "scores depend on the batch",
        "test_features::test_features_do_not_depend_on_how_many_samples_there_are",
        "test_metrics_properties::test_no_score_depends_on_the_batches_in_which_features_were_made",
    ),
    41: pitfall(
        "a number that is no multiple of the batch",
        "test_features::test_an_embedding_has_the_shape_and_dtype_of_its_description",
        "test_train::test_sample_i_depends_on_the_seed_and_i_alone",
    ),
    42: Pitfall("path length of quantised images", absent="no metric here follows a path in the latent space"),
    43: pitfall(
        "sets standardised one by one hide brightness and contrast", f"{SW}::test_brightness_and_contrast_are_seen"
    ),
    44: pitfall(
        "the diagonal of a kernel matrix is a bias",
        f"{KID}::test_kid_of_a_perfect_generator_is_zero_on_average_and_often_negative",
    ),
    45: pitfall(
        "data that run code when they are read",
        "test_samples_rules::test_arrays_of_uncertain_meaning_are_refused",
        "test_features::test_weights_that_differ_from_the_card_are_refused_before_parsing",
        "test_data_sources::test_hostile_pickle_is_refused_and_runs_nothing",
    ),
}  # fmt: skip


def test_pitfalls_are_numbered_from_1_to_45() -> None:
    assert list(PITFALLS) == list(range(1, 46))


@pytest.mark.parametrize("number", PITFALLS)
def test_pitfall_has_a_test_that_exists_or_a_reason(number: int) -> None:
    one = PITFALLS[number]
    assert bool(one.tests) != bool(one.absent)
    for test in one.tests:
        module, function = test.split("::")
        source = (Path(__file__).parent / f"{module}.py").read_text(encoding="utf-8")
        assert re.search(rf"^\s*def {function}\(", source, re.MULTILINE), f"{test} does not exist"


def test_every_score_carries_its_n_and_a_reference_its_own() -> None:
    x = np.random.default_rng(0).standard_normal((200, 2)).astype(np.float32)
    about = {"name": "points"}
    found = scoring.score(
        SampleSet(x[:120], None, about), SampleSet(x[120:], None, about), metrics=["fid", "kid", "recall"]
    )
    assert {result.n for result in found.metrics.values()} == {120}
    assert found.samples.n == 120
    assert found.protocol.reference.n == found.metrics["fid"].extra["n_ref"] == 80


def test_resampling_with_replacement_would_shrink_a_manifold() -> None:
    """Copies take the places of neighbours: the radii fall, and precision with them."""
    from ganbench.metrics import compute

    rng = np.random.default_rng(0)
    gen, ref = rng.standard_normal((2, 600, 8))
    again = ref[rng.integers(0, 600, 600)]
    kept, drawn = (compute(["precision"], {"gen": gen, "ref": x})["precision"] for x in (ref, again))
    assert drawn["value"] < kept["interval"][0]


def test_features_of_other_weights_are_not_used() -> None:
    x = data.load("digits", "test").x[:20]
    stale = np.zeros((20, 64), np.float32)
    made = SampleSet(
        np.asarray(x), None, {"name": "a", "features": features.describe("digits-cnn") | {"sha256": "0"}}, stale
    )
    fresh = scoring.embed(made, "digits-cnn")
    assert fresh.features is not None
    assert np.abs(fresh.features).max() > 0
    assert scoring.embed(fresh, "digits-cnn").features is fresh.features
