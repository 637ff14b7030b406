"""Uses an installed sceneparse as a newcomer does, in an empty folder: version, help, a short training, predictions.

    python .github/smoke.py

It needs nothing but the package: no extra, no checkout, no network, and a minute or two on two cores.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

SHORT = ("--data.train_count=8", "--data.eval_count=4", "--training.iterations=4", "--training.batch=2")


def sceneparse(*words: str) -> str:
    """Run a command; return what it prints, or end with what it complains of."""
    done = subprocess.run([sys.executable, "-m", "sceneparse.cli", *words], capture_output=True, text=True)
    print(f"$ sceneparse {' '.join(words)}\n{done.stdout}{done.stderr}")
    if done.returncode:
        sys.exit(f"'sceneparse {' '.join(words)}' ended with {done.returncode}")
    return done.stdout


def main() -> None:
    """Run it all; ends with 1 and a line at the first thing that fails."""
    import sceneparse as package

    version = sceneparse("--version").strip()
    if version != f"sceneparse {package.__version__}":
        sys.exit(f"'{version}' is not the version of the package, {package.__version__}")
    sceneparse("--help")
    sceneparse("train", "--help")
    sceneparse("data", "export", "toyworld", "--data.train_count=8", "--data.eval_count=4", "--out", "pictures")
    sceneparse("train", "toy-pspnet", *SHORT, "--out", "run")
    sceneparse("evaluate", "run/model", "--count", "2")
    pictures = sorted(Path("pictures/test/images").iterdir())
    sceneparse("predict", "run/model", "pictures/test/images", "--out", "parsed")
    parse = package.load("run/model")(pictures[0])
    missing = [path.stem for path in pictures if not Path("parsed", f"{path.stem}.png").is_file()]
    if missing or parse.labels.ndim != 2:
        sys.exit(f"no label map of {', '.join(missing) or pictures[0].stem}")
    print(f"sceneparse {package.__version__} trains and predicts here")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        import os

        os.chdir(folder)
        try:
            main()
        finally:
            # Windows deletes no folder that a process stands in.
            os.chdir(Path(folder).parent)
