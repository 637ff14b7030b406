"""Times in words."""

from sceneparse.errors import counted


def in_words(minutes: float) -> str:
    """Return a time such as "1 minute" or "2.5 minutes"."""
    return f"{minutes:g} {'minute' if minutes == 1 else 'minutes'}"


def roughly(seconds: float) -> str:
    """Return a time as one says it: "about 20 seconds", "about 2.5 minutes"."""
    if seconds < 50:
        return f"about {counted(max(10, 10 * round(seconds / 10)), 'second')}"
    minutes = round(seconds / 30) / 2 if seconds < 570 else float(round(seconds / 60))
    return f"about {in_words(minutes)}"


def exactly(seconds: float) -> str:
    """Return a time to the second: "41 s", "2 min 5 s"."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
