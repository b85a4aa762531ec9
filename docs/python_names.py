"""Directives of Sphinx for the public names: what verbs return, and what the page leaves out."""

import ast
import inspect
import sys

import inceptionkit


def home(name: str, module: str) -> str:
    """The module that a class comes from, by the imports of another one."""
    for node in ast.walk(ast.parse(inspect.getsource(sys.modules[module]))):
        if isinstance(node, ast.ImportFrom) and name in {one.name for one in node.names}:
            return node.module or module
    return module


def results() -> str:
    """A directive for each class that a verb returns."""
    found = {}
    for name in inceptionkit.__all__:
        verb = getattr(inceptionkit, name)
        if hasattr(verb, "request"):
            returned = str(inspect.signature(verb).return_annotation)
            if returned.isidentifier() and returned not in {*inceptionkit.__all__, "None"}:
                found[returned] = home(returned, verb.__module__)
    return block([f"autoclass:: {module}.{name}" for name, module in sorted(found.items())])


def others(page: str) -> str:
    """A directive for each public name that a page does not document."""
    names = [name for name in inceptionkit.__all__ if f":: inceptionkit.{name}\n" not in page]
    kinds = {n: "class" if inspect.isclass(getattr(inceptionkit, n)) else "function" for n in names}
    return block([f"auto{kind}:: inceptionkit.{name}" for name, kind in kinds.items()])


def block(directives: list[str]) -> str:
    """Directives in a page of Markdown."""
    lines = [f".. {one}" + "\n   :members:" * ("class" in one) for one in directives]
    return "\n".join(["```{eval-rst}", *lines, "```"])
