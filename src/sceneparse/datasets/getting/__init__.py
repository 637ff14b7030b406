"""Download and unpack published data sets."""
