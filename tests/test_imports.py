"""Imports point one way (docs/developers.md): wsgi -> views -> forms -> webprov, and in webprov from wing to wing."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = ["webprov", "forms", "views", "wsgi"]
WINGS = ["store", "phones", "rendering", "delivery", "serving"]
GROUND = {"enums", "errors", "mac", "hosts", "config", "texts", "durability"}  # what every wing may use
OUTSIDE = {
    "flask",
    "flask_wtf",
    "wtforms",
    "flask_login",
    "flask_sqlalchemy",
    "htmx_flask",
    "flask_bootstrap",
    "jinja2",
}


def modules(folder):
    return [path for path in sorted((ROOT / folder).rglob("*.py")) if "migrations" not in path.parts]


def imports(path):
    """(line, module, inside a function) of every import statement."""
    tree = ast.parse(path.read_text())
    late = {
        id(node)
        for f in ast.walk(tree)
        if isinstance(f, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(f)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, id(node) in late) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, node.module or "", id(node) in late


@pytest.mark.parametrize("layer", LAYERS[:-1])
def test_layers_import_downwards(layer):
    above = set(LAYERS[LAYERS.index(layer) + 1 :])

    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {module}"
        for path in modules(layer)
        for line, module, _ in imports(path)
        if module.split(".")[0] in above
    ]

    assert wrong == []


def test_webprov_knows_no_web_framework():
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {module}"
        for path in modules("webprov")
        for line, module, _ in imports(path)
        if module.split(".")[0] in OUTSIDE
    ]

    assert wrong == []


@pytest.mark.parametrize("wing", WINGS)
def test_a_wing_imports_only_wings_before_it(wing):
    allowed = GROUND | set(WINGS[: WINGS.index(wing) + 1])

    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {module}"
        for path in modules(f"webprov/{wing}")
        for line, module, _ in imports(path)
        if module.startswith("webprov.") and module.split(".")[1] not in allowed
    ]

    assert wrong == []


def test_nothing_is_imported_late():
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {module}"
        for layer in ("webprov", "forms", "views")
        for path in modules(layer)
        for line, module, late in imports(path)
        if late
    ]

    assert wrong == []
