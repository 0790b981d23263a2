"""Methods are found in the built-in table, among installed plug-ins, and by path."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from lqbench.datasets.errors import UserError
from lqbench.methods import catalog
from lqbench.methods.catalog import ANNOUNCED_METHODS, MethodRegistry, load_plugin, method_cards, method_registry

METHOD = """
from lqbench.methods.base import Method
from lqbench.methods.card import MethodCard
from lqbench.methods.hr.method import HighResolution  # imported, not defined here

class {class_name}(Method):
    card = MethodCard(name="{name}", title="T", summary="S", kind="external")

    def setup(self, device, weights):
        pass

    def detect(self, batch):
        return []
"""


def plugin_text(name: str = "mine", class_name: str = "Mine") -> str:
    return METHOD.format(name=name, class_name=class_name)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Install entry points for one test; modules lie in a folder of their own on the path."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(**targets: str) -> MethodRegistry:
        points = [EntryPoint(name.replace("_", "-"), value, "lqbench.methods") for name, value in targets.items()]
        monkeypatch.setattr(catalog, "entry_points", lambda group: points)
        return method_registry.__wrapped__()

    return install


def test_built_in_methods_come_first_and_in_order() -> None:
    assert method_registry().names()[:3] == ("hr", "bicubic", "lr")


def test_cards_bear_their_registered_names() -> None:
    cards = method_cards()
    assert {name: card.name for name, card in cards.items()} == {name: name for name in cards}
    assert [name for name, card in cards.items() if card.needs_clean] == ["hr"]
    assert cards["hr"].kind == "oracle"
    assert cards["bicubic"].restores
    assert not cards["lr"].restores


def test_cards_and_names_cost_no_torch() -> None:
    program = (
        "import sys\n"
        "from lqbench.methods.catalog import method_cards\n"
        "from lqbench.methods.detectors.catalog import detector_registry\n"
        "from lqbench.methods.weights import WEIGHT_FILES\n"
        "assert {'hr', 'lr', 'bicubic'} <= set(method_cards())\n"
        "assert 'yolox-nano' in detector_registry()\n"
        "assert 'torch' not in sys.modules, 'torch was imported'\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_announced_methods_are_not_there_yet() -> None:
    assert not set(ANNOUNCED_METHODS) & set(method_registry())


def test_a_misspelt_name_gets_a_suggestion() -> None:
    with pytest.raises(UserError, match=r"unknown method 'bicubik'; did you mean 'bicubic'"):
        method_registry().get("bicubik")


class TestEntryPoints:
    def test_an_installed_plug_in_is_found(self, installed, tmp_path: Path) -> None:
        (tmp_path / "good_plugin_a.py").write_text(plugin_text("good"))
        registry = installed(good="good_plugin_a:Mine")
        assert registry.get("good").card.name == "good"
        assert "good" in method_cards(registry)

    def test_a_broken_one_is_a_warning_that_names_it(self, installed, tmp_path: Path) -> None:
        (tmp_path / "broken_plugin_a.py").write_text("import a_module_that_does_not_exist\n")
        registry = installed(bad_one="broken_plugin_a:Mine")
        with pytest.warns(UserWarning, match=r"plug-in 'bad-one' \(broken_plugin_a:Mine.*a_module_that_does_not_exist"):
            cards = method_cards(registry)
        assert "bad_one" not in cards
        assert {"hr", "bicubic", "lr"} <= set(cards)

    def test_asking_for_a_broken_one_is_one_sentence(self, installed, tmp_path: Path) -> None:
        (tmp_path / "broken_plugin_b.py").write_text("1 / 0\n")
        registry = installed(bad="broken_plugin_b:Mine")
        assert registry.get("hr").card.name == "hr"
        with pytest.raises(UserError, match=r"plug-in 'bad' .* cannot be imported \(ZeroDivisionError"):
            registry.get("bad")

    def test_a_target_that_is_no_method_is_named(self, installed) -> None:
        registry = installed(odd="json:JSONDecoder")
        with pytest.raises(UserError, match=r"plug-in 'odd' \(json:JSONDecoder.* is no Method class with a card"):
            registry.get("odd")

    def test_a_taken_name_names_both_places(self, installed) -> None:
        with pytest.raises(UserError, match=r"'hr' is registered twice: by \S*hr\.method:HighResolution and by x:Y"):
            installed(hr="x:Y")


class TestPluginPath:
    def test_a_file(self, tmp_path: Path) -> None:
        path = tmp_path / "mine.py"
        path.write_text(plugin_text())
        registry = MethodRegistry()
        assert load_plugin(path, registry) == ("mine",)
        assert registry.get("mine").card.title == "T"
        assert load_plugin(path, registry) == ("mine",), "loading twice must be harmless"

    def test_files_of_equal_name_do_not_meet(self, tmp_path: Path) -> None:
        registry = MethodRegistry()
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "method.py").write_text(plugin_text(name))
            load_plugin(tmp_path / name / "method.py", registry)
        assert registry.get("one").card.name == "one"
        assert registry.get("two").card.name == "two"

    @pytest.mark.parametrize("file", ["__init__.py", "method.py"])
    def test_a_folder_may_import_its_neighbours(self, tmp_path: Path, file: str) -> None:
        folder = tmp_path / "mine"
        folder.mkdir()
        (folder / file).write_text("from .names import TITLE\n" + plugin_text().replace('title="T"', "title=TITLE"))
        (folder / "names.py").write_text("TITLE = 'From a neighbour'\n")
        registry = MethodRegistry()
        load_plugin(folder, registry)
        assert registry.get("mine").card.title == "From a neighbour"

    def test_what_cannot_be_loaded_is_one_sentence(self, tmp_path: Path) -> None:
        broken, empty, text = tmp_path / "broken.py", tmp_path / "empty.py", tmp_path / "notes.txt"
        broken.write_text("import nowhere_to_be_found\n")
        empty.write_text("from lqbench.methods.hr.method import HighResolution\n")
        text.write_text("hello")
        for path, message in (
            (broken, r"broken\.py cannot be imported \(ModuleNotFoundError: .*nowhere_to_be_found"),
            (empty, r"empty\.py defines no method"),
            (text, r"notes\.txt is not a Python file"),
            (tmp_path / "absent.py", r"absent\.py does not exist"),
            (tmp_path, r"is a folder without __init__\.py or method\.py"),
        ):
            with pytest.raises(UserError, match=message) as caught:
                load_plugin(path, MethodRegistry())
            assert "\n" not in str(caught.value)

    def test_a_taken_name_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "mine.py"
        path.write_text(plugin_text("hr"))
        registry = MethodRegistry()
        registry.register("hr", "lqbench.methods.hr.method:HighResolution")
        with pytest.raises(UserError, match="'hr' is registered twice"):
            load_plugin(path, registry)
