"""The command group: quick help, one-line mistakes, suggestions, exit statuses."""

from __future__ import annotations

import json
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from lqbench import __version__
from lqbench.benchmark.cli import main as module
from lqbench.benchmark.cli.main import COMMANDS, command_line, main
from lqbench.benchmark.waiting import waiting
from lqbench.datasets.errors import UserError


def invoke(*arguments):
    return CliRunner().invoke(main, list(arguments))


def replace_doctor(monkeypatch, callback):
    import lqbench.benchmark.cli.doctor as doctor

    monkeypatch.setattr(doctor, "command", click.Command("doctor", callback=callback))


def test_version():
    result = invoke("--version")
    assert (result.exit_code, result.output.strip()) == (0, f"lqbench {__version__}")


def test_help_lists_every_command():
    result = invoke("--help")
    assert result.exit_code == 0
    for name in COMMANDS:
        assert f"\n  {name} " in result.output
    assert "    lqbench run --method hr,lr,bicubic --dataset scenes-d\n" in result.output


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name):
    result = invoke(name, "--help")
    assert result.exit_code == 0, result.output
    assert "Usage: " in result.output


def test_a_mistyped_command_gets_a_suggestion():
    result = invoke("rnu")
    assert result.exit_code == 2
    assert "no such command 'rnu'; did you mean 'run'?" in result.output


def test_an_unknown_command_or_option_is_a_usage_error():
    for arguments in (["xyzzy"], ["run", "--metod", "hr"], ["run"], ["list", "models"]):
        result = invoke(*arguments)
        assert result.exit_code == 2
        assert "Usage: lqbench" in result.output


def test_a_mistake_is_told_line_by_line_without_a_traceback(monkeypatch):
    def mistake():
        raise UserError("first thing.\nsecond thing.")

    replace_doctor(monkeypatch, mistake)
    result = invoke("doctor")
    assert result.exit_code == 2
    assert result.stderr == "lqbench: first thing.\nlqbench: second thing.\n"


def test_an_interruption_exits_130(monkeypatch):
    def interrupt():
        raise KeyboardInterrupt

    replace_doctor(monkeypatch, interrupt)
    result = invoke("doctor")
    assert (result.exit_code, result.stderr) == (module.INTERRUPTED, "lqbench: stopped.\n")


def test_the_command_line_is_kept_for_records(monkeypatch):
    seen = []
    replace_doctor(monkeypatch, lambda: seen.append(command_line(click.get_current_context())))
    invoke("doctor")
    assert seen == [("lqbench", "doctor")]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "GOMP_SPINCOUNT 100000"),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, "OMP_WAIT_POLICY ACTIVE"),
        ({"GOMP_SPINCOUNT": "7"}, "GOMP_SPINCOUNT 7"),
    ],
)
def test_threads_wait_briefly_unless_the_user_says_otherwise(monkeypatch, given, expected):
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    seen = []
    replace_doctor(monkeypatch, lambda: seen.append(waiting()))
    invoke("doctor")
    assert seen == [expected]


def test_help_and_lists_import_no_torch():
    code = (
        "import sys, json\n"
        "from lqbench.benchmark.cli.main import main\n"
        "for words in (['--help'], ['run', '--help'], ['list', 'methods'], ['list', 'datasets', '--json'],\n"
        "              ['list', 'detectors'], ['score', '--help'], ['report', '--help']):\n"
        "    main(words, standalone_mode=False)\n"
        "print(json.dumps([name for name in ('torch', 'lightning', 'mmdet') if name in sys.modules]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == []
