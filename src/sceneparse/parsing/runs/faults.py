"""Faults of disks: which end a run, which cost one input only, and what the user reads of them."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sceneparse.errors import UnwritableError, UserError
from sceneparse.parsing.artefacts.artefact import ArtefactError

_OF_THE_NAME = {errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.EEXIST}
"""Faults in writing that come from a picture's name; any other (disk full, no permission) would meet the next too."""


class LeftOutError(UserError):
    """An input that gets no parse; the run goes on with the others."""


@contextmanager
def enough_memory(shown: Path | str) -> Iterator[None]:
    """Raise it as an input's own fault where there is not enough memory for it: the next one may make do with less.

    Args:
        shown: What messages call the input.

    Raises:
        LeftOutError: There is not.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        # Commands read this module before they load PyTorch.
        from sceneparse.devices.memory import ran_out
        from sceneparse.inference.foreseen_memory import way_to_less

        if not ran_out(error):
            raise
        raise LeftOutError(f"{shown}: not enough memory for a picture of this size: {way_to_less()}") from None


@contextmanager
def parsing(shown: Path | str) -> Iterator[None]:
    """Raise what keeps a picture that was read from being parsed.

    Args:
        shown: What messages call the picture.

    Raises:
        LeftOutError: It is too small for its engine, say, or too large for the memory.
    """
    with enough_memory(shown):
        try:
            yield
        except UserError as error:
            raise LeftOutError(f"{shown}: {error}") from None


def cannot_write(path: Path | str, error: OSError) -> UnwritableError:
    """Return a disk's complaint as a line for the user."""
    wrong = UnwritableError(
        f"{path}: cannot be written ({error.strerror or error}); free space or choose another output folder"
    )
    wrong.errno = error.errno
    return wrong


@contextmanager
def writing(path: Path | str) -> Iterator[None]:
    """Raise a disk's complaints as `UnwritableError`, which end the run."""
    try:
        yield
    except UnwritableError:  # it says all that there is to say
        raise
    except OSError as error:
        raise cannot_write(path, error) from None


@contextmanager
def writing_parse(path: Path | str, shown: Path | str) -> Iterator[None]:
    """Raise what goes wrong as an input's parse is written.

    Args:
        path: What is written.
        shown: What messages call the input.

    Raises:
        LeftOutError: A fault that comes from this input.
        UnwritableError: One that the next input would meet, too.
    """
    try:
        yield
    except ArtefactError as error:
        raise LeftOutError(f"{shown}: {error}") from None
    except OSError as error:
        wrong = error if isinstance(error, UnwritableError) else cannot_write(path, error)
        raise (LeftOutError(f"{shown}: {wrong}") if error.errno in _OF_THE_NAME else wrong) from None
