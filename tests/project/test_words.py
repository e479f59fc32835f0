"""What users read is plain: the actor has a name in every page, message and help text."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.project.source import ROOT, modules, tree

VAGUE = re.compile(r"\b(nobody|whoever|somebody|anybody|everybody)\b|\b(is|are|was|were) told\b", re.IGNORECASE)
PAGES = sorted(
    page
    for folder, pattern in ((".", "*.md"), ("docs", "*.md"), ("deploy", "**/*"))
    for page in (ROOT / folder).glob(pattern)
    if page.is_file() and page.suffix != ".json"
)


def messages(name: str) -> Iterator[str]:
    """Every text of a module that is no docstring."""
    prose = {
        id(line.value)
        for node in ast.walk(tree(name))
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        for line in node.body
        if isinstance(line, ast.Expr)
    }
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.value


def test_the_words_would_be_seen() -> None:
    assert VAGUE.search("say what Anybody may do")
    assert any("must be the URL of an SQLite database file" in text for text in messages("registry.config.checks"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_pages(page: Path) -> None:
    assert [line for line in page.read_text().splitlines() if VAGUE.search(line)] == []


def test_messages() -> None:
    assert [(name, text) for name in modules() for text in messages(name) if VAGUE.search(text)] == []
