"""The benchmark's table."""

from tests.bench.report import row, table


def test_row_holds_medians_and_their_ratio() -> None:
    made = row("session", "s", [1.0, 9.0, 2.0], [4.0, 4.0, 8.0], "<= 0.5x")
    assert (made.ours, made.stock, made.ratio, made.runs) == (2.0, 4.0, 0.5, 3)


def test_row_without_a_peer_has_no_ratio() -> None:
    made = row("click to Lab", "s", [3.0])
    assert (made.stock, made.ratio) == (None, None)
    assert "None" not in table([made])
