"""The folders import only what docs/architecture.md allows, and light commands stay light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ALLOWED = {
    "datasets": {"datasets"},
    "methods": {"methods", "datasets"},
    "results": {"results", "datasets"},
    "benchmark": {"benchmark", "datasets", "methods", "results", "reports"},
    "reports": {"reports", "results", "datasets", "benchmark"},
}
TOP_LEVEL = {
    *ALLOWED,
    *("tests", "docs", "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", "Makefile", "__init__.py", "py.typed"),
}


def modules(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imported_rooms(module: Path) -> set[str]:
    """Return the top folders that a module imports from, resolving relative imports by hand."""
    package = module.relative_to(ROOT).with_suffix("").parts[:-1]
    rooms = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            path = (*base, *(node.module or "").split("."))
            names = [path] if base or node.module else [(alias.name,) for alias in node.names]
            rooms |= {name[0] for name in names if name[0]}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("lqbench."):
            rooms.add((node.module or "").split(".")[1])
    return rooms & set(ALLOWED)


@pytest.mark.parametrize("folder", sorted(ALLOWED))
def test_a_folder_imports_only_what_it_may(folder: str) -> None:
    wrong = {str(m.relative_to(ROOT)): sorted(imported_rooms(m) - ALLOWED[folder]) for m in modules(folder)}
    assert {name: rooms for name, rooms in wrong.items() if rooms} == {}


def test_reports_read_nothing_of_the_benchmark_but_computing_on_tables() -> None:
    pure = {"metrics", "statistics", "analysis"}
    for module in modules("reports"):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and "benchmark" in (node.module or ""):
                assert pure & set((node.module or "").split(".")), f"{module} imports {node.module}"


def test_the_package_list_names_every_folder_with_code() -> None:
    listed = set((ROOT / "pyproject.toml").read_text(encoding="utf-8").split('"'))
    packages = {
        ".".join(("lqbench", *init.parent.relative_to(ROOT).parts))
        for folder in ALLOWED
        for init in (ROOT / folder).rglob("__init__.py")
    }
    folders_with_code = {m.parent for folder in ALLOWED for m in modules(folder)}
    assert [str(f) for f in sorted(folders_with_code) if not (f / "__init__.py").exists()] == []
    assert sorted(packages - listed) == []


def test_the_top_level_holds_only_what_belongs_there() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode:
        pytest.skip("not a git checkout")
    top = {line.split("/")[0] for line in tracked.stdout.splitlines()}
    assert {name for name in top if not name.startswith(".")} - TOP_LEVEL == set()


@pytest.mark.parametrize(
    "arguments", [["--help"], ["list", "methods"], ["list", "datasets"], ["run", "--help"], ["score", "--help"]]
)
def test_light_commands_do_not_import_torch(arguments: list[str]) -> None:
    program = (
        "import sys\n"
        "from lqbench.benchmark.cli.main import main\n"
        f"sys.argv = ['lqbench', *{arguments!r}]\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code, stop.code\n"
        "assert not {'torch', 'numba'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_functions_stay_small() -> None:
    lengths = []
    for folder in ALLOWED:
        for module in modules(folder):
            for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    lengths.append(((node.end_lineno or 0) - node.lineno + 1, f"{module.name}:{node.name}"))
    assert [name for length, name in lengths if length > 80] == []
    assert sorted(lengths)[len(lengths) // 2][0] <= 14
