"""What an older version is given of a model's settings."""

import json
from dataclasses import replace

from sceneparse.labels import LabelSpace
from sceneparse.recipes import to_mapping
from sceneparse.settings import LearntSizes, Temperatures
from tests.support.brightest import brightest_parser


def test_an_older_version_is_given_the_settings_that_it_knows() -> None:
    import photo_sizes

    known = brightest_parser(labels=LabelSpace(("a", "b", "c")), sizes=LearntSizes(48, 48, (24, 96))).config
    config = replace(known, temperatures=Temperatures(object=1.5))
    changed = photo_sizes.differing(to_mapping(config), to_mapping(photo_sizes.plain(config)))
    given = photo_sizes.without_new(changed)
    assert set(given) == {"backbone", "network", "preprocessing", "protocol", "data"}
    assert "1.5" not in json.dumps(given)
