"""Mark settings whose values are the names in a table."""

from dataclasses import dataclass

from sceneparse.tables import table


@dataclass(frozen=True)
class Choice:
    """Marks a setting whose values are a table's names: `Annotated[str, Choice("architectures")]`.

    The setting's `__post_init__` refuses others by `sceneparse.tables.require_known`.

    Args:
        table: The table, a key of `sceneparse.tables.HOMES`.
    """

    table: str

    def names(self) -> list[str]:
        """The values that there are now, those of other packages among them."""
        return list(table(self.table))
