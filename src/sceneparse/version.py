"""The version, written here alone: the package, the command line and the citation follow it."""

__version__ = "0.1.0"
