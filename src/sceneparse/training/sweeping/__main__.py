"""`python -m sceneparse.training.sweeping`: one training of a sweep, in a process of its own."""

import sys

from sceneparse.training.sweeping.one import main

sys.exit(main())
