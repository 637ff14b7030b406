"""Notes on a data set: what its user should know of it."""

from collections.abc import Iterable


class DataNote(str):
    """A note whose end is of use where its data are about to be learnt from, and too long where they are tested.

    It is the whole text.

    Args:
        short: What stands everywhere.
        more: What follows in full.
    """

    short: str

    def __new__(cls, short: str, more: str = "") -> "DataNote":
        """Make the text of both."""
        note = super().__new__(cls, short + more)
        note.short = short
        return note

    def of(self, source: str) -> "DataNote":
        """Return the note as one on a part of a data set, by its name."""
        return DataNote(f"{source}: {self.short}", self[len(self.short) :])


def of_source(source: str, note: str) -> str:
    """Return a note on one of several data sets, which begins with its name."""
    return note.of(source) if isinstance(note, DataNote) else f"{source}: {note}"


def short_notes(notes: Iterable[str]) -> tuple[str, ...]:
    """Return notes without what helps those alone who are about to train."""
    return tuple(note.short if isinstance(note, DataNote) else note for note in notes)
