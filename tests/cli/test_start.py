"""Starting fast: what does not need torch does not import it."""

import sys
from collections.abc import Callable

import pytest

CHECK = """
import sys
from inceptionkit.cli import main
code = main(sys.argv[1:])
heavy = [name for name in ("torch", "numpy", "PIL", "matplotlib", "jinja2") if name in sys.modules]
print("imported:", *heavy, file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.parametrize(
    "words",
    [("--help",), ("train", "--help"), ("list",), ("describe", "googlenet"), ("--version",)],
    ids=" ".join,
)
def test_no_heavy_import(shell: Callable, words: tuple[str, ...]) -> None:
    said = shell(*words, entry=("-c", CHECK))

    assert (said.code, said.err) == (0, "imported:\n")


def test_a_misspelt_architecture_needs_no_torch_either(shell: Callable) -> None:
    said = shell("describe", "googlnet", entry=("-c", CHECK))

    assert said.code == 2
    assert said.err.endswith("imported:\n")


@pytest.mark.parametrize("module", ["inceptionkit", "inceptionkit.cli.app"])
def test_what_a_verb_reads_is_imported_when_the_verb_runs(shell: Callable, module: str) -> None:
    late = ("inceptionkit.spec", "inceptionkit.catalog", "inceptionkit.derive")
    code = f"import sys, {module}; print([name for name in {late!r} if name in sys.modules])"
    said = shell(entry=("-c", code))

    assert (said.code, said.out) == (0, "[]\n"), said.err


@pytest.mark.parametrize(
    "code",
    [
        "import inceptionkit",
        "from inceptionkit import architecture, cost; cost(architecture('googlenet')).with_exits",
    ],
)
def test_importing_the_package_and_pricing_a_network_need_no_torch(
    shell: Callable, code: str
) -> None:
    said = shell(entry=("-c", f"{code}\nimport sys; assert 'torch' not in sys.modules"))

    assert said.code == 0, said.err


def test_the_module_and_the_program_are_the_same(shell: Callable) -> None:
    module = shell("list")
    program = shell("list", entry=("-c", "from inceptionkit.cli import main; main()"))

    assert module == program


def test_python_is_told_the_exit_code(shell: Callable) -> None:
    assert shell("describe", "nothing").code == 2
    assert sys.version_info >= (3, 11)
