"""docs/pitfalls.md and the list of tests/test_pitfalls.py agree."""

from __future__ import annotations

import re

import pytest
from conftest import REPOSITORY
from test_pitfalls import PITFALLS

PAGE = (REPOSITORY / "docs/pitfalls.md").read_text(encoding="utf-8")
SECTIONS = {
    int(number): text for number, text in re.findall(r"^## (\d+)\. (.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
}


def test_page_and_list_have_the_same_numbers() -> None:
    assert list(SECTIONS) == list(PITFALLS)


@pytest.mark.parametrize("number", PITFALLS)
def test_page_names_the_tests_of_each_pitfall(number: int) -> None:
    assert tuple(re.findall(r"`(test_\w+::test_\w+)`", SECTIONS[number])) == PITFALLS[number].tests
