"""``lqbench list claims``."""

from __future__ import annotations

import json
import subprocess
import sys

from click.testing import CliRunner

from lqbench.benchmark.cli.main import main
from lqbench.results.ledger import load_ledger


def run(*arguments):
    return CliRunner().invoke(main, ["list", *arguments])


def listed(*arguments):
    result = run("claims", *arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def line(text: str, start: str) -> list[str]:
    [found] = [one for one in text.splitlines() if one.strip().startswith(start)]
    return found.split()


def test_without_a_paper_the_tables_are_named():
    text = listed()
    assert line(text, "tdsr               table-1")[-1] == "327"
    assert {paper.key for paper in load_ledger().papers} <= set(text.split())


def test_a_papers_table_is_printed_in_its_own_shape():
    text = listed("--paper", "tdsr")
    assert line(text, "8x      TDSR")[3:7] == ["22.26", "37.5", "49.3", "40.9"]
    assert line(text, "HR        -")[2:5] == ["-", "75.8", "79.3"]
    assert line(text, "AP@[IoU = 0.50 area= all]")[-1] == "(30.2:18.8)"
    assert "source: Table 1" in text
    assert "PSNR: Colour space, border, clamping and quantisation" in text
    assert "…" not in text


def test_points_of_a_figure_are_marked():
    text = listed("--paper", "lcp")
    assert line(text, "fog          LCP-50")[-2:] == ["~29.0", "~5.5"]
    assert line(text, "Foggy-Cityscapes")[-3:] == ["29.0", "46.6", "30.2"]


def test_other_splits_are_said_to_be_such_and_mixed_units_stand_with_the_number():
    assert "Of another split" in listed("--paper", "lqit")
    assert "Of another split" not in listed("--paper", "tdsr")
    assert {"468M", "1.15G"} <= set(listed("--paper", "classsr").split())


def test_json_holds_every_number():
    claims = json.loads(listed("--json"))
    assert len(claims) == len(list(load_ledger().claims))
    [one] = [c for c in json.loads(listed("--paper", "aeris", "--json")) if c["table"] == "table-3d"]
    assert (one["value"], one["precision"], one["other_split"]) == (13.0, 1, True)


def test_mistakes():
    unknown = run("claims", "--paper", "tdsx")
    assert (unknown.exit_code, "did you mean 'tdsr'" in unknown.stderr) == (2, True)
    misplaced = run("suites", "--paper", "tdsr")
    assert (misplaced.exit_code, "--paper is for" in misplaced.stderr) == (2, True)


def test_no_torch_is_imported():
    program = (
        "import sys\nfrom lqbench.benchmark.cli.main import main\nsys.argv = ['lqbench', 'list', 'claims']\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code\n"
        "assert not {'torch', 'numba', 'pandas'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
