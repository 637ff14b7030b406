"""`python -m sceneparse.cli`: the command line."""

import sys

from sceneparse.cli import main

sys.exit(main())
