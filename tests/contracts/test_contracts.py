"""What the layout, the names and the sources promise."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Container, Iterable, Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Any

import pytest

import inceptionkit

SOURCE = Path(inceptionkit.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
MODULES = sorted(
    ".".join(p.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__")
    for p in FILES
)  # fmt: skip
TORCHLESS = ("errors", "files", "spec", "catalog", "derive", "preprocess", "model", "convert")
DEPLOYED = (
    "cli.predict", "api.predict", "api.load", "deployment.load",
    "deployment.files", "deployment.load",
    "deployment.engines", "deployment.servers", "deployment.resize",
)  # fmt: skip
STANDARD = ("errors", "files", "options", "results", "spec", "catalog", "derive")
HEAVY = ("torch", "numpy", "PIL", "safetensors", "rich", "typer", "jinja2", "pyarrow")


def place(path: Path) -> str:
    return str(path.relative_to(SOURCE))


def test_every_public_name_is_there_and_listed() -> None:
    assert sorted(inceptionkit.__all__) == inceptionkit.__all__
    for name in inceptionkit.__all__:
        assert getattr(inceptionkit, name) is not None
    assert dir(inceptionkit) == inceptionkit.__all__


def test_the_public_names_are_these() -> None:
    """Adding one is a decision; removing one breaks somebody."""
    assert inceptionkit.__all__ == [
        "Classifier", "ExitPolicy", "InceptionError", "Prediction", "RunToTheEnd", "StopAsStored",
        "StopWhenSure", "architecture", "architectures", "bench", "build", "check", "compare",
        "convert", "cost", "describe", "design", "detect_check", "detect_evaluate",
        "detect_explain", "detect_export", "detect_predict", "detect_rcnn", "detect_resume",
        "detect_train", "embed", "evaluate", "explain", "export", "load", "predict", "prune",
        "recipes", "report", "resume", "serve", "train",
    ]  # fmt: skip


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'inceptionkit' has no attribute 'tarin'"):
        inceptionkit.tarin  # noqa: B018


def test_all_names_of_a_module_exist() -> None:
    modules = [import_module(name) for name in MODULES if "__main__" not in name]
    listing = [module for module in modules if hasattr(module, "__all__")]

    assert len(listing) > 10
    for module in listing:
        assert [n for n in module.__all__ if not hasattr(module, n)] == [], module.__name__


def blocked(code: str, names: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    """Run code in a process in which some packages cannot be imported."""
    block = f"import sys\nfor n in {names!r}: sys.modules[n] = None\n"
    return subprocess.run(
        [sys.executable, "-c", block + code],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONWARNINGS": "error"},
    )


def below(*layers: str) -> str:
    return "\n".join(
        f"import {name}" for name in MODULES if name.split(".")[1:2] in [[one] for one in layers]
    )


def test_layers_that_need_no_torch_import_without_it() -> None:
    done = blocked(below(*TORCHLESS), ("torch", "typer", "jinja2", "pyarrow"))

    assert done.returncode == 0, done.stderr


def test_what_a_deployed_model_needs_imports_without_torch() -> None:
    done = blocked("\n".join(f"import inceptionkit.{name}" for name in DEPLOYED), ("torch",))

    assert done.returncode == 0, done.stderr


def test_pages_import_without_torch() -> None:
    done = blocked(below("report"), ("torch",))

    assert done.returncode == 0, done.stderr


def test_the_language_and_the_catalog_need_the_standard_library_alone() -> None:
    done = blocked(below(*STANDARD), HEAVY)

    assert done.returncode == 0, done.stderr


def test_the_block_blocks() -> None:
    done = blocked("import inceptionkit.network", ("torch",))

    assert done.returncode == 1
    assert "ModuleNotFoundError" in done.stderr


def test_every_module_can_be_imported() -> None:
    names = [
        m.name for m in walk_packages([str(SOURCE)], "inceptionkit.") if "__main__" not in m.name
    ]

    assert len(names) > 50
    for name in names:
        import_module(name)


def longer_than(lines: int, paths: Iterable[Path]) -> list[str]:
    return [place(path) for path in paths if len(path.read_text().splitlines()) > lines]


def test_a_file_has_at_most_400_lines() -> None:
    assert longer_than(400, FILES) == []


def test_a_verb_is_short() -> None:
    """It has a request, joins the layers below, and has a result."""
    verbs = list((SOURCE / "api").glob("*.py"))

    assert len(verbs) > 10
    assert longer_than(150, verbs) == []


def nodes(*kinds: type[ast.AST]) -> Iterator[tuple[str, Any]]:
    """Where each piece of source of some kinds stands, and the piece."""
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, kinds):
                yield f"{place(path)}:{node.lineno}", node


def test_only_the_program_prints() -> None:
    calls = [(where, ast.unparse(call.func)) for where, call in nodes(ast.Call)]
    streams = [where for where, name in calls if name.startswith(("sys.stdout", "sys.stderr"))]

    assert [where for where, name in calls if name == "print"] == []
    assert [where for where in streams if not where.startswith("cli/")] == []


def protocol_methods() -> Iterator[str]:
    """Names of methods that a protocol describes, so that no class has to do it again."""
    for _, node in nodes(ast.ClassDef):
        if "Protocol" in map(ast.unparse, node.bases):
            yield from (one.name for one in node.body if isinstance(one, ast.FunctionDef))


def undocumented(body: list[ast.stmt], described: Container[str], inside: str = "") -> list[str]:
    found = []
    for node in body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        speaks = ast.get_docstring(node) or (inside and node.name in described)
        if not speaks and not overloads(node):
            found.append(f"{inside}{node.name}")
        if isinstance(node, ast.ClassDef):
            found += undocumented(node.body, described, f"{node.name}.")
    return found


def overloads(node: ast.FunctionDef | ast.ClassDef) -> bool:
    return any(ast.unparse(one) == "overload" for one in node.decorator_list)


def test_what_is_public_has_a_docstring() -> None:
    described = frozenset(protocol_methods())
    for path in FILES:
        tree = ast.parse(path.read_text())
        assert ast.get_docstring(tree), path
        assert undocumented(tree.body, described) == [], path


def test_sources_assert_nothing_and_catch_all_at_borders_alone() -> None:
    """The borders: the command line; decoders, which hostile bytes make raise anything; servers."""
    broad = {
        where.partition(":")[0]
        for where, handler in nodes(ast.ExceptHandler)
        if handler.type is None or ast.unparse(handler.type) == "Exception"
    }

    assert list(nodes(ast.Assert)) == []
    assert broad <= {
        "cli/app.py", "data/storage/remote.py", "preprocess/decode.py", "preprocess/header.py",
        "serving/batching.py", "serving/grpc_server.py", "serving/models.py", TORCH_FORMAT,
    }  # fmt: skip


OUR_OWN_WORDS = {
    "adopted", "bbox", "bill", "climb", "cookbook", "heard", "hushed", "judged", "jump", "leaves",
    "look", "priced", "suited", "told", "undrawn", "utils", "way", "ways", "workflow",
}  # private synonyms of what users of PyTorch, timm and scikit-learn call otherwise  # fmt: skip


def names(tree: ast.AST) -> Iterator[str]:
    """Every name that a file gives to something."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.arg(arg=name):
                yield name
            case ast.Name(id=name, ctx=ast.Store()):
                yield name


def test_names_are_the_fields_and_not_our_own_synonyms() -> None:
    found = [
        f"{place(path)}: {name}"
        for path in FILES
        for name in names(ast.parse(path.read_text()))
        if OUR_OWN_WORDS & {part.lower() for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)}
    ]

    assert found == []


def test_what_verbs_print_passes_the_console_which_escapes_it() -> None:
    # help has no text of users, and the table of epochs is printed by the console
    border = {"console.py", "epochs.py", "predict.py", "app.py", "help.py"}
    others = [path for path in FILES if path.parent.name == "cli" and path.name not in border]

    assert len(others) > 10
    for path in others:
        assert not re.search(r"\becho\(|\bout\.print|console\(|sys\.std|\brich\b", path.read_text())


TORCH_FORMAT = "convert/formats/pytorch.py"  # reads and writes the one format that is pickled


def test_nothing_is_pickled_but_torchs_own_format_and_that_without_running_it() -> None:
    text = (SOURCE / TORCH_FORMAT).read_text()

    assert text.count("torch.load(") == text.count("weights_only=True") == 1
    for path in set(FILES) - {SOURCE / TORCH_FORMAT}:
        text = path.read_text()
        assert "pickle" not in text.replace("allow_pickle=False", ""), path
        assert "torch.load" not in text, path
        assert "torch.save" not in text, path


def test_errors_are_one_tree_and_built_in_ones_too() -> None:
    from inceptionkit import errors

    kinds = [e for e in vars(errors).values() if isinstance(e, type)]
    ours = [e for e in kinds if issubclass(e, errors.InceptionError)]
    drawn = errors.__doc__ or ""

    others = {e.__name__ for e in kinds} - {e.__name__ for e in ours}
    assert others == {"Collection", "Interrupted", "Path"}
    for kind in ours[1:]:
        assert f"{kind.__name__} " in drawn
        builtin = next(base for base in kind.__mro__ if base.__module__ == "builtins")
        assert f"({builtin.__name__})" in drawn


def test_it_is_typed_and_has_one_version() -> None:
    from importlib.metadata import version

    assert (SOURCE / "py.typed").is_file()
    assert inceptionkit.__version__ == version("inceptionkit")
