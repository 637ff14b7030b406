"""The label spaces of the toy world's five tasks, and which parts each object has."""

from typing import NamedTuple

from sceneparse.labels import IGNORE, Color, LabelSpace, PartTree, TaskLabels

SCENES = LabelSpace(("street", "skyline", "river", "beach", "countryside", "mountain", "forest", "bedroom"))

_OBJECT_COLORS: dict[str, Color] = {
    "sky": (135, 196, 250),
    "building": (150, 108, 96),
    "skyscraper": (105, 110, 170),
    "house": (222, 120, 82),
    "road": (88, 88, 96),
    "pavement": (188, 172, 186),
    "grass": (142, 204, 92),
    "tree": (38, 120, 52),
    "water": (40, 110, 200),
    "sand": (240, 214, 140),
    "mountain": (128, 128, 110),
    "rock": (170, 60, 190),
    "sheep": (255, 250, 235),
    "car": (220, 30, 50),
    "boat": (250, 150, 20),
    "person": (250, 100, 160),
    "wall": (214, 190, 170),
    "floor": (150, 96, 44),
    "bed": (90, 60, 130),
    "pillow": (190, 150, 250),
    "lamp": (250, 230, 30),
    "umbrella": (20, 200, 190),
    "traffic light": (0, 60, 60),
}

OBJECTS = LabelSpace(tuple(_OBJECT_COLORS), colors=tuple(_OBJECT_COLORS.values()))

MATERIALS = LabelSpace(
    (
        "air",
        "brick",
        "concrete",
        "plaster",
        "stone",
        "asphalt",
        "roof tile",
        "wood",
        "metal",
        "glass",
        "fabric",
        "foliage",
        "sand",
        "water",
        "snow",
        "skin",
        "wool",
        "rubber",
    )
)

TEXTURES = LabelSpace(
    (
        "plain",
        "cloudy",
        "speckled",
        "striped",
        "dotted",
        "checkered",
        "woven",
        "bricked",
        "shingled",
        "slabbed",
        "grained",
        "wavy",
        "leafy",
        "grassy",
        "rugged",
    )
)

_PARTS_OF: dict[str, tuple[str, ...]] = {
    "building": ("wall", "window", "door", "roof"),
    "skyscraper": ("wall", "window", "roof"),
    "house": ("wall", "window", "door", "roof", "chimney"),
    "tree": ("trunk", "crown"),
    "sheep": ("head", "body", "leg"),
    "car": ("body", "cabin", "window", "wheel", "light"),
    "boat": ("hull", "cabin", "window", "mast", "sail", "fender"),
    "person": ("head", "torso", "arm", "leg"),
    "wall": ("window", "picture", "skirting"),
    "bed": ("headboard", "cover", "frame", "leg"),
    "lamp": ("base", "pole", "shade"),
    "umbrella": ("base", "pole", "canopy"),
    "traffic light": ("pole", "housing", "light"),
}

PARTS = LabelSpace(tuple(dict.fromkeys(part for parts in _PARTS_OF.values() for part in parts)))

PART_TREE = PartTree(
    OBJECTS,
    PARTS,
    tuple(tuple(PARTS.names.index(part) for part in _PARTS_OF.get(name, ())) for name in OBJECTS.names),
)

TASKS = TaskLabels(OBJECTS, SCENES, PART_TREE, MATERIALS, TEXTURES)

LOOKALIKES: tuple[tuple[str, str], ...] = (("car", "boat"), ("sheep", "rock"), ("lamp", "umbrella"))
"""Pairs of objects that, where they are planted (see `lookalikes`), only the scene around them tells apart."""


class Tag(NamedTuple):
    """The labels of a pixel: class indices in `OBJECTS`, `PARTS` (or IGNORE), `MATERIALS` and `TEXTURES`."""

    object: int
    part: int
    material: int
    texture: int


_INDEX = [{name: index for index, name in enumerate(space.names)} for space in (OBJECTS, PARTS, MATERIALS, TEXTURES)]


def tag(thing: str, material: str, texture: str = "plain", part: str | None = None) -> Tag:
    """Return the labels of the named object, material, texture and part."""
    return Tag(_INDEX[0][thing], IGNORE if part is None else _INDEX[1][part], _INDEX[2][material], _INDEX[3][texture])
