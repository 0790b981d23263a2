"""The commands and files shown in README.md and docs/ work as printed."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from lqbench.benchmark.analysis.frames import COLUMNS
from lqbench.benchmark.cli.main import main as cli

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"(?:<!-- (?P<note>[^>]*) -->\n)?```(?P<kind>\w+)\n(?P<body>.*?)```", re.DOTALL)


@dataclass(frozen=True)
class Block:
    note: str
    kind: str
    body: str


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [Block(m["note"] or "", m["kind"], m["body"]) for m in BLOCK.finditer(text)]


def commands(block: Block) -> list[list[str]]:
    return [shlex.split(line[2:]) for line in block.body.splitlines() if line.startswith("$ ")]


def test_every_page_of_the_documentation_exists() -> None:
    names = {page.name for page in PAGES}
    assert {"README.md", "architecture.md", "add-a-method.md", "datasets.md", "protocols.md"} <= names


def test_the_pages_show_commands_at_all() -> None:
    assert sum(len(commands(b)) for page in PAGES for b in blocks(page) if b.kind == "console") >= 8


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_run_as_printed(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LQBENCH_DATA", raising=False)
    for block in blocks(page):
        if block.note.startswith("file: "):
            (tmp_path / block.note.removeprefix("file: ").strip()).write_text(block.body, encoding="utf-8")
        if block.kind == "console":
            for program, *arguments in commands(block):
                assert program == "lqbench"
                result = CliRunner().invoke(cli, arguments)
                # Without the data at hand such a command must say so: that it parses is what is tested here.
                expected = 2 if block.note == "needs data" else 0
                assert result.exit_code == expected, f"lqbench {shlex.join(arguments)}\n{result.output}"
                assert "Usage:" not in result.output, result.output


@pytest.mark.slow
def test_the_contract_test_shown_to_authors_passes(tmp_path: Path) -> None:
    for block in blocks(ROOT / "docs" / "add-a-method.md"):
        if block.note.startswith("file: "):
            (tmp_path / block.note.removeprefix("file: ").strip()).write_text(block.body, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "test_sharpen.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if not (page.parent / link).exists()]
    assert missing == []


def test_the_columns_of_the_results_table_are_documented() -> None:
    page = (ROOT / "docs" / "protocols.md").read_text(encoding="utf-8")
    assert [name for name, meaning in COLUMNS.items() if f"| `{name}` | {meaning} |" not in page] == []


def test_make_targets_named_in_the_readme_exist() -> None:
    named = set(re.findall(r"^make (\w+)", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE))
    defined = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert named
    assert named <= defined
