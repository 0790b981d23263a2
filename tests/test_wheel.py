"""A wheel built from the checkout holds all it needs: it runs from an environment that knows no checkout."""

from __future__ import annotations

import os
import shutil
import site
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def run(*command: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    ignored = shutil.ignore_patterns(".*", "tests", "*.egg-info", "build", "dist", "__pycache__")
    shutil.copytree(ROOT, source, ignore=ignored)
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, source, cwd=folder)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def program(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel in a new environment that borrows the dependencies, but not the checkout, of this one."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    packages = folder / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    # Path lines in a .pth are not themselves searched for .pth files, so the editable install stays unseen.
    (packages / "borrowed.pth").write_text(sysconfig.get_paths()["purelib"] + "\n" + "\n".join(site.getsitepackages()))
    python = folder / "bin" / "python"
    run(python, "-m", "pip", "install", "--no-deps", "--no-index", "--ignore-installed", wheel, cwd=folder)
    return folder / "bin" / "lqbench"


def test_the_wheel_holds_data_files_and_no_tests(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "lqbench/py.typed" in names
    assert "lqbench/methods/detector/mini.safetensors" in names
    assert any(name.startswith("lqbench/reports/templates/") for name in names)
    assert not [name for name in names if "/tests/" in name]


@pytest.mark.slow
def test_the_installed_wheel_runs_outside_the_checkout(program: Path, tmp_path: Path) -> None:
    assert "run" in run(program, "--help", cwd=tmp_path).stdout
    where = run(program.parent / "python", "-c", "import lqbench; print(lqbench.__file__)", cwd=tmp_path).stdout
    assert str(program.parent.parent) in where
    run(program, "run", "--method", "bicubic", "--dataset", "scenes-d", "--limit", "2", cwd=tmp_path)
    report = run(program, "report", cwd=tmp_path).stdout
    assert "report.html" in report
    assert (tmp_path / ".lqbench" / "report" / "report.html").stat().st_size > 10_000
