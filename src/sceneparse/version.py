"""The version of sceneparse: the only place where it is written; packaging, the command line and CITATION.cff follow it."""

__version__ = "0.1.0"
