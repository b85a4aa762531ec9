"""The commands of the repository: documented, called by pre-commit, and breaks that apply."""

import ast
import os
import re
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def commands() -> set[str]:
    return {f"scripts/{path.name}" for path in (ROOT / "scripts").iterdir() if path.is_file()}


def test_every_command_can_be_run_and_is_documented() -> None:
    contributing = (ROOT / "CONTRIBUTING.md").read_text()

    for command in commands():
        assert os.access(ROOT / command, os.X_OK)
        assert f"| `{command}` |" in contributing


def test_pre_commit_and_ci_call_commands_that_there_are() -> None:
    hooks = re.findall(r"entry: (\S+)", (ROOT / ".pre-commit-config.yaml").read_text())
    called = re.findall(r"scripts/[a-z]+", (ROOT / ".ci" / "run").read_text())

    assert hooks == ["scripts/fix", "scripts/check"]
    assert set(called) <= commands()
    assert {"scripts/check", "scripts/walk", "scripts/mutants"} <= set(called)


def script() -> ModuleType:
    loader = SourceFileLoader("mutants_script", str(ROOT / "scripts" / "mutants"))
    found = spec_from_loader(loader.name, loader)
    assert found
    module = module_from_spec(found)
    sys.modules[loader.name] = module  # dataclasses look there
    loader.exec_module(module)
    return module


SCRIPT = script()


def test_there_are_ten() -> None:
    assert len({mutant.name for mutant in SCRIPT.MUTANTS}) == 10


@pytest.mark.parametrize("mutant", SCRIPT.MUTANTS, ids=lambda mutant: mutant.name)
def test_a_break_applies_once_and_its_tests_are_there(mutant: Any) -> None:
    text = (ROOT / SCRIPT.PACKAGE / mutant.file).read_text()
    changed = SCRIPT.broken(text, mutant)

    assert changed != text
    ast.parse(changed)
    for test in mutant.tests:
        path, _, name = test.partition("::")
        assert f"def {name}(" in (ROOT / path).read_text() or not name


@pytest.mark.parametrize(
    ("prints", "code", "says"),
    [
        ("raise SystemExit('no route to host')", 0, "skipped: pip-audit could not look them up"),
        ("print('<html>')", 0, "skipped: pip-audit could not look them up"),
        (
            'print(\'{"dependencies": [{"name": "a", "skip_reason": "?"}]}\')',
            0,
            "skipped: the database knows none of 1 packages",
        ),
        (
            'print(\'{"dependencies": [{"name": "a", "version": "1", "vulns": []}]}\')',
            0,
            "0 of 1 versions have known vulnerabilities",
        ),
        (
            (
                """print('{"dependencies": [{"name": "a", "version": "1", "vulns": ["""
                """{"id": "CVE-1", "fix_versions": ["2"]}]}]}')"""
            ),
            1,
            "a 1: CVE-1, fixed in 2",
        ),
    ],
)
def test_only_a_known_vulnerability_fails_the_audit(
    tmp_path: Path, prints: str, code: int, says: str
) -> None:
    (tmp_path / "pip_audit.py").write_text(prints)
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "audit"],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == code
    assert says in done.stdout
