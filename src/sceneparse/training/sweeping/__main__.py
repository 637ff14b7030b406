"""The process of one run of a sweep: `python -m sceneparse.training.sweeping`."""

import sys

from sceneparse.training.sweeping.one import main

sys.exit(main())
