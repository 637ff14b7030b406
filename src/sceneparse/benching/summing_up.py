"""What `sceneparse bench` says of its measurements in words: of each row at once, and of all in the end."""

from sceneparse.arguments import argument
from sceneparse.benching.record import Bench, Row
from sceneparse.weights.measured import ALIKE


def first_line(row: Row) -> str:
    """Return the line about a row that was only just measured, or why it was not."""
    name = f"{row.engine:<11} {row.precision:<8}"
    if row.ms is None:
        return f"{name} {row.note}"
    return f"{name} {three_digits(row.ms):>7} ms a picture, ready in {row.ready_s or 0:.1f} s"


def three_digits(value: float) -> str:
    """Return a number with three digits that count: 1,234, 123, 12.3, 1.23."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def concluded(result: Bench, precision: str) -> tuple[str, str]:
    """Return which row was the fastest, and in a sentence what that means for `auto`; both from the measurement alone.

    Args:
        result: With all rows.
        precision: What `auto` computes in here.

    Returns:
        Such as "torch, float32", empty where nothing could be measured, and the sentence.
    """
    measured = [(row.ms, row) for row in result.rows if row.ms is not None]
    if not measured:
        return "", "nothing could be measured"
    least, fastest = min(measured, key=lambda pair: pair[0])
    name, time = f"{fastest.engine}, {fastest.precision}", f"{three_digits(least)} ms"
    begun = f"fastest here: {name} ({time} a picture)"
    own = [pair for pair in measured if pair[1].engine == result.auto_engine]
    # A quantised file has one precision, whatever auto means elsewhere.
    found = next((pair for pair in own if pair[1].precision in (precision, "int8")), None)
    if found is None:
        return name, f"{begun}; auto takes {result.auto_engine} in {precision}, which was not measured"
    took, row = found
    taken = f"{row.engine}, {row.precision}"
    if row is fastest:
        return name, f"{begun}, which auto takes"
    if took < least * ALIKE:
        return name, f"{begun}; auto takes {taken}, as fast ({three_digits(took)} ms)"
    options = argument("engine", fastest.engine)
    if fastest.precision != "int8":
        options += f" {argument('precision', fastest.precision)}"
    return name, (
        f"{begun}, {took / least:.1f} times as fast as what auto takes, {taken} ({three_digits(took)} ms): {options}"
    )
