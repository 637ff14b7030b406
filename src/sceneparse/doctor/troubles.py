"""What the doctor says of files that cannot be used, by their kind of trouble."""

from sceneparse.pictures.problems import Problem

TROUBLES: dict[Problem, str] = {
    "missing": "files vanished during the check; check again",
    "unreadable": "files cannot be read; put whole ones in their place or leave them out",
    "too-large": "pictures are too large to be decoded; cut them into tiles",
    "form": "files have a form that cannot be used; convert them",
    "package": "files need a package that is not installed, and may be whole; install it",
    "size": "masks differ from their picture in size; make each at its picture's size, without interpolation",
    "turned": "masks fit their picture only if EXIF's orientation is treated otherwise; if that holds for all "
    "pictures, set data.orientation (ignore in place of apply, or the reverse), else save those pictures' pixels "
    "upright and without EXIF",
    "georeference": "masks lie elsewhere than their raster, or in another projection, by what both files say; make "
    "each on its raster's grid",
    "jpeg-mask": "masks are JPEGs or in another lossy form, whose compression changes label values; export them as PNG "
    "from their source",
    "mask-pages": "masks hold several pages or frames, and which is the mask is not certain; save that one alone",
    "mask-clear": "masks are partly transparent; lay them over the value of a background class, or of an ignored one, "
    "and save them without transparency",
    "mask-bits": "masks may hold ids, or greys that a program packed into fewer bits; write them anew with 8 bits",
    "mask-is-rgb": "masks are colour pictures, but the label space expects ids; if the colours stand for classes, say "
    '"masks": "rgb" in classes.json, and give each its colour in "colors"',
    "mask-is-index": "masks are grey, but the label space expects colours; if the grey values are ids, say "
    '"masks": "index" in classes.json',
    "values": "files hold labels that cannot be used",
}
"""For each kind of trouble: what several files have in common, and what to do."""

VARIOUS: frozenset[Problem] = frozenset(("unreadable", "form", "package", "size", "georeference", "values"))
"""Kinds of trouble whose cause differs from file to file, so that one file's own message says more."""
