import math

import pytest

from girsanov.ledger.entry import Entry
from girsanov.ledger.numbers import count, data_name, interval_of, number, span, value_of


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (5.2573, "5.26"),
        (0.99951, "1.00"),
        (9.996, "10.0"),
        (104.4, "104"),
        (-0.03124, "−0.0312"),
        (0.001, "0.00100"),
        (0.00099999, "0.00100"),
        (4.1e-6, "4.10 × 10⁻⁶"),
        (99999.0, "1.00 × 10⁵"),
        (54321.0, "54321"),
        (1.5e300, "1.50 × 10³⁰⁰"),
        (math.inf, "∞"),
    ],
)
def test_numbers_have_three_digits(value, text):
    assert number(value) == text


def test_counts_are_grouped_from_five_digits_on():
    assert count(2000) == "2000"
    assert count(1234567) == "1\u202f234\u202f567"


@pytest.mark.parametrize(
    ("entry", "value", "interval"),
    [
        (Entry("a", 0.5, 0.25, 0.75, "estimate", ""), "0.500", "0.250 to 0.750"),
        (Entry("a", 0.0, 0.0, 0.0, "exact", ""), "0", "exact"),
        (Entry("a", None, 1.18, None, "lower bound", ""), "≥ 1.18", "1.18 and up"),
        (Entry("a", None, None, 3.0, "upper bound", ""), "≤ 3.00", "0 to 3.00"),
        (Entry("a", 3.0, 3.0, None, "lower bound", ""), "≥ 3.00", "3.00 and up"),
        (Entry("a", None, None, None, "unknown", ""), "unknown", "none"),
    ],
)
def test_entries_in_words(entry, value, interval):
    assert value_of(entry) == value
    assert interval_of(entry) == interval


def test_an_interval_that_was_cut_at_zero_is_not_upside_down():
    assert span(Entry("init", -0.2, 0.0, -0.1, "estimate", "")) == (0.0, 0.0)


def test_names_of_data_are_in_plain_words():
    assert data_name("digits (rest of 0.8, seed 0)") == "the held-out fifth of digits"
    assert data_name("digits (0.8, seed 0)") == "80 % of digits"
    assert data_name("a (b) (rest of 0.63, seed 7)") == "the held-out 37 % of a (b)"
    assert data_name("plain.npy") == "plain.npy"
