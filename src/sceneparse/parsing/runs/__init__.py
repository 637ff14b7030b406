"""Runs: whole folders of pictures, videos, volumes and collections, parsed into a folder; a second run goes on."""
