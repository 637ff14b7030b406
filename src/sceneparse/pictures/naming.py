"""Names of pictures of several inputs: unique, as are the paths by which other tools know the pictures."""

from pathlib import PurePath, PurePosixPath


def tool_path(name: str, file: PurePath) -> str:
    """Return the path by which tools know a picture: its name with the file's suffix.

    A name that keeps its suffix, since another picture of its folder differs in that alone, is that path already.

    Args:
        name: The picture's name, with "/" between folders.
        file: Its file.
    """
    return name if PurePosixPath(name).name == file.name else f"{name}{file.suffix}"


class UniqueNames:
    """Names that were given to pictures, of which no two are equal, nor the paths by which tools know them."""

    def __init__(self) -> None:
        # Of each name the suffix that its path has more: as small as it can be, for millions of names.
        self._suffixes: dict[str, str] = {}

    def give(self, name: str, file: PurePath) -> str:
        """Return a picture's name, with "-2", "-3", … at its end where another picture has the name or its path.

        "a" of a.jpg has the path "a.jpg", which another picture's name may be where its folder has an a.png too.

        Args:
            name: The name that it would have alone.
            file: Its file.
        """
        unique, number = name, 1
        while unique in self._suffixes or self._is_known(tool_path(unique, file), file.suffix):
            number += 1
            unique = f"{name}-{number}"
        self._suffixes[unique] = tool_path(unique, file)[len(unique) :]
        return unique

    def _is_known(self, path: str, suffix: str) -> bool:
        """Whether another picture has the path, as its whole name or as its name and suffix."""
        return self._suffixes.get(path) == "" or (
            suffix != "" and self._suffixes.get(path.removesuffix(suffix)) == suffix
        )
