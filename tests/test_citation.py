"""`ganbench cite`: every metric, baseline and dataset of images has its paper."""

from __future__ import annotations

import pytest

from ganbench import baseline, metrics
from ganbench.cli import citation
from ganbench.errors import UserError


@pytest.mark.parametrize("name", sorted({*metrics.names(), *baseline.names()}))
def test_every_metric_and_baseline_has_the_papers_that_it_names(name: str) -> None:
    numbers = citation.named(name)
    assert numbers
    assert set(numbers) <= {paper.number for paper in citation.papers()}


def test_bibtex_has_each_paper_once_after_the_software() -> None:
    text = citation.bibtex(["precision", "recall", "wgan", "mnist", "ring"])
    assert text.startswith("@software{ganbench,")
    assert text.count("Improved Precision and Recall") == 1
    assert text.count("Wasserstein {GAN}") == 1
    assert text.count("@article{lecun1998,") == 1
    assert text.count("{VEEGAN}") == 1


def test_entries_are_balanced_and_name_who_what_and_when() -> None:
    for paper in citation.papers():
        assert paper.text.count("{") == paper.text.count("}")
        for field in ("author", "title", "year"):
            assert f"  {field} = {{" in paper.text


def test_an_unknown_name_is_one_line_with_the_nearest_name() -> None:
    with pytest.raises(UserError, match="did you mean 'memorisation'"):
        citation.bibtex(["memorization"])
