"""The command line as a script that loaders' processes may import once more."""

import sys

from sceneparse.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
