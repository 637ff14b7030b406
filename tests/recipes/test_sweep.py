"""Sweeps: which rows and runs a file stands for, and what is refused before anything runs."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from sceneparse.errors import UserError
from sceneparse.recipes.changes import Changes
from sceneparse.recipes.sweep import Sweep, read_sweep, sweep_names
from sceneparse.settings import NetworkSettings

BASE: dict[str, Any] = {"base": "toy-pspnet", "rows": [{"name": "avg"}, {"name": "max", "network": {"pool": "max"}}]}


@pytest.fixture
def sweep(tmp_path: Path) -> Any:
    """Reads a sweep whose file holds these keys beside the base's."""

    def read(changes: Changes | None = None, only: list[int] | None = None, **keys: Any) -> Sweep:
        path = tmp_path / "mine.yaml"
        content = {key: value for key, value in (BASE | keys).items() if value is not ...}
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        return read_sweep(path, only, **(changes or {}))

    return read


class TestRows:
    def test_every_row_gets_what_is_set_for_all_and_its_own(self, sweep: Any) -> None:
        read = sweep(set={"training": {"iterations": 5}, "network": {"pool": "avg"}})
        assert [row.recipe.network.pool for row in read.rows] == ["avg", "max"]
        assert {row.recipe.training.iterations for row in read.rows} == {5}
        assert {row.recipe.network.channels for row in read.rows} == {64}

    def test_a_grid_makes_a_row_of_every_combination(self, sweep: Any) -> None:
        read = sweep(rows=..., grid={"network.pool": ["avg", "max"], "network.bins": [[1], [1, 2, 3, 6]]})
        assert [row.name for row in read.rows] == [
            "pool avg, bins [1]",
            "pool avg, bins [1 2 3 6]",
            "pool max, bins [1]",
            "pool max, bins [1 2 3 6]",
        ]
        assert [row.recipe.network.bins for row in read.rows] == [(1,), (1, 2, 3, 6), (1,), (1, 2, 3, 6)]

    def test_rows_and_a_grid_are_crossed(self, sweep: Any) -> None:
        read = sweep(set={"network": {"aux": True}}, grid={"loss.aux_weight": [0.2, 0.4]})
        assert [row.name for row in read.rows] == [
            "avg, aux_weight 0.2",
            "avg, aux_weight 0.4",
            "max, aux_weight 0.2",
            "max, aux_weight 0.4",
        ]

    def test_settings_of_one_name_are_told_apart_in_a_rows_name(self, sweep: Any) -> None:
        read = sweep(
            rows=..., grid={"network.aux": [True, False], "optimizer.kind": ["sgd"], "data.kind": ["toyworld"]}
        )
        assert read.rows[1].name == "network.aux off, optimizer.kind sgd, data.kind toyworld"

    def test_runs_are_in_the_order_of_seeds_and_each_has_its_seed_and_folder(self, sweep: Any) -> None:
        runs = sweep(seeds=[4, 7]).runs()
        assert [(run.folder, run.recipe.training.seed) for run in runs] == [
            ("avg/seed4", 4),
            ("max/seed4", 4),
            ("avg/seed7", 7),
            ("max/seed7", 7),
        ]
        assert len({run.recipe.name for run in runs}) == 4

    @pytest.mark.parametrize(
        ("name", "folder"),
        [("with Lovász, Ünal's", "with-lovasz-unal-s"), ("½ size", "1-2-size"), ("大", "大"), ("?!", "row")],
    )
    def test_a_rows_folder_has_its_letters_without_accents(self, sweep: Any, name: str, folder: str) -> None:
        assert [run.folder for run in sweep(rows=[{"name": name}], seeds=[0]).runs()] == [f"{folder}/seed0"]

    def test_seeds_and_settings_of_the_command_line_win(self, sweep: Any) -> None:
        read = sweep({"training": {"iterations": 3}}, [9], seeds=[1, 2], set={"training": {"iterations": 5}})
        assert read.seeds == (9,) and read.rows[0].recipe.training.iterations == 3

    def test_tests_are_the_recipes_protocol_with_changes(self, sweep: Any) -> None:
        read = sweep(
            set={"protocol": {"flip": True}},
            tests={"plain": {}, "scales": {"scales": [0.5, 1.0]}, "other": {"name": "mmseg"}},
        )
        tests = read.rows[0].tests
        assert tests["plain"].flip and tests["scales"].flip and tests["scales"].scales == (0.5, 1.0)
        assert tests["other"].name == "mmseg" and tests["other"].flip is None

    def test_a_base_beside_the_sweep_may_extend_others(self, sweep: Any, tmp_path: Path) -> None:
        (tmp_path / "base.yaml").write_text("extends: toy-fcn\ntraining: {batch: 4}\n")
        row = sweep(base="base.yaml", rows=[{"name": "only"}]).rows[0]
        assert row.recipe.network.architecture == "fcn" and row.recipe.training.batch == 4


def test_rows_in_any_script_have_folders_of_their_own(sweep: Any) -> None:
    names = ["東京", "大阪", "が", "か", "हिन्दी", "हन्द", "Été à Łódź", "Max pool, 3×3_b"]
    folders = [row.folder for row in sweep(rows=[{"name": name} for name in names]).rows]
    assert len(set(folders)) == len(names)
    assert folders[0] == "東京" and folders[6:] == ["ete-a-łodz", "max-pool-3-3-b"]


class TestRefusals:
    @pytest.mark.parametrize(
        ("keys", "message"),
        [
            ({"base": ...}, "base is missing"),
            ({"base": "toy-nothing"}, "no recipe named 'toy-nothing'"),
            ({"rows": ...}, "neither rows nor grid"),
            ({"seed": [1]}, "unknown key 'seed'; did you mean 'seeds'"),
            ({"rows": [{"network": {}}]}, "has no name"),
            ({"rows": [{"name": "a"}, {"name": "a"}]}, "two rows have the name 'a'"),
            ({"rows": [{"name": "a b"}, {"name": "a-b"}]}, "two rows have the folder 'a-b'"),
            ({"rows": [{"name": "a", "network": {"pol": "max"}}]}, "row 'a': unknown setting 'network.pol'"),
            ({"rows": [{"name": "a", "network": {"pool": "min"}}]}, "row 'a': network.pool is 'min'"),
            ({"rows": [{"name": "a", "network": {"bins": [0]}}]}, "row 'a': network.bins is"),
            ({"rows": [{"name": "a", "training": {"seed": 1}}]}, "list seeds under 'seeds'"),
            ({"set": {"trainin": {}}}, "unknown setting 'trainin'"),
            ({"set": 5}, "set is 5"),
            ({"grid": {"training.seed": [1, 2]}}, "list seeds under 'seeds'"),
            ({"grid": {"network.pool": "avg"}}, "grid: network.pool is 'avg', but must be a list"),
            ({"grid": {"network.poll": ["avg"]}}, "unknown setting 'network.poll'"),
            ({"grid": {"network.pool": []}}, "but must be a list"),
            ({"seeds": []}, "seeds are"),
            ({"seeds": [-1]}, "seeds are"),
            ({"seeds": [1, 1]}, "has one twice"),
            ({"tests": {}}, "tests is"),
            ({"tests": {"a": {"scale": [1]}}}, "test 'a': unknown setting 'scale'; did you mean 'scales'"),
            ({"groups": {"a": "car"}}, "groups is"),
        ],
    )
    def test_a_mistake_is_told_in_a_line(self, sweep: Any, keys: dict[str, Any], message: str) -> None:
        with pytest.raises(UserError) as caught:
            sweep(**keys)
        assert message in str(caught.value) and "\n" not in str(caught.value)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            (
                {"network": {"pool": "max"}},
                "network.pool cannot be set for all of a sweep's runs: it differs from row to row",
            ),
            ({"training": {"seed": 3}}, "give seeds (--seeds)"),
            ({"network": NetworkSettings()}, "network.pool cannot be set for all"),
            ({"network": {"pol": "max"}}, "did you mean 'network.pool'"),
        ],
    )
    def test_what_rows_vary_cannot_be_set_for_all(self, sweep: Any, changes: Changes, message: str) -> None:
        with pytest.raises(UserError) as caught:
            sweep(changes)
        assert message in str(caught.value)

    def test_an_unknown_sweep_is_answered_with_the_nearest(self) -> None:
        with pytest.raises(UserError, match="no sweep named 'toy-table2'; did you mean 'toy-table1'"):
            read_sweep("toy-table2")


@pytest.mark.parametrize("name", sweep_names())
def test_every_sweep_of_the_package_can_be_read(name: str) -> None:
    read = read_sweep(name, data={} if name.startswith("toy") else {"root": "anywhere"})
    assert read.description and len(read.seeds) >= 3
    if not name.startswith(("toy", "camvid")):  # these are of our own
        assert all(row.published for row in read.rows)
        assert {figure.test for row in read.rows for figure in row.published} == set(read.tests)


def test_the_toy_table_has_the_rows_of_the_papers() -> None:
    toy, paper = read_sweep("toy-table1"), read_sweep("pspnet-table1", data={"root": "anywhere"})
    for ours, theirs in zip(toy.rows, paper.rows, strict=True):
        networks = ours.recipe.network, theirs.recipe.network
        for name in ("architecture", "bins", "pool", "reduce"):
            assert len({getattr(network, name) for network in networks}) == 1, ours.name


def test_reading_a_sweep_does_not_wait_for_torch() -> None:
    code = "import sys, sceneparse.recipes.sweep as s; s.read_sweep('toy-table1'); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
