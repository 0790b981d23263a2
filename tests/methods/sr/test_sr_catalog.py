from __future__ import annotations

import subprocess
import sys

import pytest

from lqbench.datasets.errors import UserError
from lqbench.methods.sr.catalog import NETWORKS, build_sr
from lqbench.methods.sr.published import PUBLISHED


def test_listing_needs_no_torch() -> None:
    program = "import sys\nfrom lqbench.methods.sr.catalog import NETWORKS\nassert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_building_a_basicsr_network_prints_and_writes_nothing(tmp_path) -> None:
    program = (
        "from lqbench.methods.sr.catalog import build_sr\n"
        "build_sr('swinir', 2, {'features': 12, 'depths': [2], 'heads': [2], 'window': 4, 'image': 8})\n"
        "build_sr('edsr', 2, {'features': 4, 'blocks': 1})\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
    assert list(tmp_path.iterdir()) == []


def test_every_entry_says_where_it_comes_from() -> None:
    for name, entry in NETWORKS.items():
        assert entry.name == name
        assert entry.title
        assert entry.paper or name == "spandrel"
        assert entry.load_class().__name__ == entry.target.partition(":")[2]
    assert set(PUBLISHED) <= set(NETWORKS)
    for files in PUBLISHED.values():
        assert all(one.source.startswith("https://") for one in files)


@pytest.mark.parametrize(
    ("name", "scale", "options", "sentence"),
    [
        ("dbnp", 4, {}, "unknown SR network 'dbnp'; did you mean 'dbpn'"),
        ("dbpn", 3, {}, "'dbpn' does not come in x3; it is offered in x2, x4, x8"),
        ("dbpn", 4, {"depth": 3}, "has no option 'depth'; it takes stages, base, features"),
        ("dbpn", 4, {"stages": "7"}, "option 'stages' must be of type int, not '7'"),
        ("dbpn", 4, {"stages": True}, "option 'stages' must be of type int, not True"),
        ("dbpn", 4, {"stages": 1}, "stages must be at least 2, not 1"),
        ("dbpn", 4, {"base": 0}, "base must be at least 1, not 0"),
        ("dbpn-s", 4, {"stages": 7}, "always has stages = 2, not 7"),
        ("carn-m", 4, {"features": 10}, "features must be a multiple of groups"),
        ("rcan", 4, {"features": 8}, "features must be at least 16"),
        ("srcnn", 4, {"kernels": [9, 5]}, "kernels must be three odd sides"),
        ("srcnn", 4, {"kernels": [9, 5, 4]}, "kernels must be three odd sides"),
        ("srcnn", 4, {"widths": [8]}, "widths must be two numbers"),
        ("swinir", 4, {"heads": [7] * 6}, "features must be a multiple of all heads"),
        ("swinir", 4, {"heads": [6]}, "depths and heads must be as many"),
        ("swinir", 4, {"image": 8}, "image must be at least 9, not 8"),
        ("swinir", 4, {"upsampler": "x"}, "upsampler must be one of"),
        ("swinir", 2, {"upsampler": "nearest+conv"}, "comes in x4 only"),
        ("spandrel", 4, {}, "comes from a checkpoint only"),
    ],
)
def test_mistakes_are_told_in_a_sentence(name: str, scale: int, options: dict, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence.replace("(", r"\(")) as caught:
        build_sr(name, scale, options)
    assert "\n" not in str(caught.value)


def test_whole_numbers_serve_as_fractions() -> None:
    network = build_sr("edsr", 2, {"features": 4, "blocks": 1, "residual": 1})
    assert network.options["residual"] == 1.0
