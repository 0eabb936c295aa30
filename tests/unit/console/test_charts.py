"""Charts drawn by the server."""

from integrahub.console.charts import Series, bar_chart, line_chart, sparkline, stacked_bar


def test_a_gap_begins_the_line_again() -> None:
    chart = line_chart("t", [Series("n", [1, 2, None, 4])], ["a", "b"])
    assert chart.count("M") - chart.count('d="M0 164H') == 2


def test_the_parts_of_a_stacked_bar_fill_it() -> None:
    assert 'width="360.0"' in stacked_bar("t", [("ok", 3), ("failed", 1)])
    assert "<rect" not in stacked_bar("t", [("ok", 0)])


def test_bars_stand_on_each_other() -> None:
    chart = bar_chart("t", [Series("a", [1.0], "ok"), Series("b", [1.0], "failed")], [])
    assert 'class="bar ok" x="48.0" y="82.0"' in chart and 'class="bar failed" x="48.0" y="0.0"' in chart


def test_texts_are_escaped_and_nothing_is_drawn_of_no_values() -> None:
    assert "<b>" not in sparkline("<b>", []) + line_chart("<b>", [], ["<b>"]) + bar_chart("<b>", [], [])


def test_the_scale_stands_above_the_highest_value() -> None:
    for chart in (line_chart("t", [Series("n", [1, 9])], [], "9"), bar_chart("t", [Series("n", [1, 9])], [], "9")):
        assert 'viewBox="0 -16 480 196"' in chart and 'y="-4">9</text>' in chart
