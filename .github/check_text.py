"""Checks text files for what editors leave behind; `python .github/check_text.py FILE…` names each line that has it."""

import sys
from collections.abc import Iterator
from pathlib import Path

LARGEST = 1_000_000
"""Bytes: what is larger is data, and belongs somewhere else."""


def faults(path: Path) -> Iterator[str]:
    """Yield a line for each fault of a file."""
    content = path.read_bytes()
    if len(content) > LARGEST:
        yield f"{path}: {len(content):,} bytes; files of text hold {LARGEST:,} at most"
        return
    if b"\r" in content:
        yield f"{path}: line ends of Windows; save it with \\n alone"
    if content and (not content.endswith(b"\n") or content.endswith(b"\n\n")):
        yield f"{path}: does not end with exactly one newline"
    for number, line in enumerate(content.split(b"\n"), 1):
        if line.rstrip(b" \t\r") != line.rstrip(b"\r"):
            yield f"{path}:{number}: spaces at the end of the line"
        if line.startswith((b"<<<<<<< ", b">>>>>>> ")):
            yield f"{path}:{number}: a mark of a merge conflict"


if __name__ == "__main__":
    found = [fault for name in sys.argv[1:] for fault in faults(Path(name))]
    print("\n".join(found), end="\n" if found else "")
    sys.exit(bool(found))
