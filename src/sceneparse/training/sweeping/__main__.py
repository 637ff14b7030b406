import sys

from sceneparse.training.sweeping.one import main

sys.exit(main())
