"""The project's own source, parsed: what the tests of imports and lengths look at."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ("storage", "registry", "runtime", "migrations")


class Import(NamedTuple):
    """One module imported by another; `hidden` when inside a function, `typing` when only for the type checker.

    `by_name` when a literal names it, to be loaded when it is asked for: in a call of import_module, or in a table.
    """

    importer: str
    imported: str
    line: int
    hidden: bool = False
    typing: bool = False
    by_name: bool = False


@cache
def modules() -> dict[str, Path]:
    """Every module of the packages by its name."""
    return {_name(path): path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))}


@cache
def tree(name: str) -> ast.Module:
    """A module, parsed."""
    return ast.parse(modules()[name].read_text(), str(modules()[name]))


@cache
def imports() -> tuple[Import, ...]:
    """Every import of every module."""
    return tuple(found for name in modules() for found in _imports(name))


def functions(name: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function of a module, methods and inner ones too."""
    for node in ast.walk(tree(name)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


def is_in(module: str, room: str) -> bool:
    """Whether a module is the room or below it."""
    return module == room or module.startswith(f"{room}.")


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(name: str) -> Iterator[Import]:
    yield from _walk(name, tree(name), hidden=False, typing=False)
    yield from _by_name(name)


def _by_name(name: str) -> Iterator[Import]:
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if "." in node.value and node.value in modules():
                yield Import(name, node.value, node.lineno, by_name=True)
        elif isinstance(node, ast.Call) and "import_module" in ast.unparse(node.func) and node.args:
            [named, *_] = node.args
            if isinstance(named, ast.Constant) and named.value not in modules():
                yield Import(name, str(named.value), node.lineno, by_name=True)


def _walk(name: str, node: ast.AST, *, hidden: bool, typing: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(name, alias.name, child.lineno, hidden, typing)
        elif isinstance(child, ast.ImportFrom):
            for imported in _from(name, child):
                yield Import(name, imported, child.lineno, hidden, typing)
        else:
            inside = hidden or isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            guarded = typing or (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test))
            yield from _walk(name, child, hidden=inside, typing=guarded)


def _from(name: str, node: ast.ImportFrom) -> Iterator[str]:
    base = node.module or ""
    if node.level:
        package = name if modules()[name].name == "__init__.py" else name.rpartition(".")[0]
        above = package.split(".")[: len(package.split(".")) - node.level + 1]
        base = ".".join([*above, base]) if base else ".".join(above)
    for alias in node.names:
        # `from package import module` imports the module, `from module import name` the module it stands in.
        whole = f"{base}.{alias.name}"
        yield whole if whole in modules() else base
