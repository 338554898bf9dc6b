"""The benchmark's arithmetic."""

import pytest

from hack.bench.book import ROWS, Book, Row, verdict
from hack.bench.figures import cpu_per_item, median, percentile, spread


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [float(value) for value in range(100, 0, -1)]

    assert percentile(values, 50) == 50
    assert percentile(values, 99) == 99
    assert percentile(values, 100) == 100
    assert percentile([7.0], 1) == 7


def test_the_99th_percentile_of_few_values_is_the_highest() -> None:
    assert percentile([1.0, 2.0, 3.0, 90.0], 99) == 90


@pytest.mark.parametrize("percent", [0, -1, 101])
def test_a_percentage_out_of_range_is_an_error(percent: float) -> None:
    with pytest.raises(ValueError, match="percentage"):
        percentile([1.0], percent)


def test_nothing_has_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)


def test_the_median_of_an_even_number_lies_between_two_values() -> None:
    assert median([1, 2, 4, 100]) == 3


def test_the_spread_is_the_largest_distance_from_the_median() -> None:
    assert spread([100, 90, 130]) == pytest.approx(0.3)
    assert spread([5, 5, 5]) == 0


@pytest.mark.parametrize("values", [[], [1.0], [0.0, 0.0]])
def test_there_is_no_spread_to_tell_of(values: list[float]) -> None:
    assert spread(values) is None


def test_cpu_is_told_in_milliseconds_for_each_item() -> None:
    assert cpu_per_item(2.0, 2.9, 3000) == pytest.approx(0.3)
    with pytest.raises(ValueError, match="nothing was done"):
        cpu_per_item(0, 1, 0)


def test_a_target_is_kept_up_to_its_very_value() -> None:
    most = Row("a", "", "ms", 1, target=10)
    least = Row("b", "", "/s", 0, target=2600, better="more")

    assert verdict(most, 10) == "kept"
    assert verdict(most, 12) == "missed by 20%"
    assert verdict(least, 2600) == "kept"
    assert verdict(least, 1300) == "missed by 50%"
    assert verdict(Row("c", "", "ms", 1), 1e9) == ""


def test_a_book_tells_medians_of_what_was_measured_in_the_order_of_the_table() -> None:
    book = Book()
    for value in (3.0, 1.0, 2.0):
        book.add("ours", "p99", value)
    book.add("original", "rate", 427)

    assert [row.key for row in book.rows()] == ["rate", "p99"]
    assert book.value("ours", "p99") == 2
    assert book.spread("ours", "p99") == 0.5
    assert book.value("ours", "rate") is None
    assert book.spread("ours", "rate") is None


def test_every_row_has_a_key_of_its_own() -> None:
    assert len({row.key for row in ROWS}) == len(ROWS)
