"""What a template says apart from its comments: of two that mean the same, devices get the same bytes."""

from collections.abc import Iterable
from hashlib import sha256

from mako import parsetree

from webprov.rendering.formats import OutputFormat


def template_meaning(tree: parsetree.TemplateNode, output: OutputFormat | None) -> str:
    """A hash over the format and the nodes of `tree`, without comments and places."""
    return sha256(repr((output, _said(tree.nodes))).encode()).hexdigest()


def _said(nodes: Iterable[parsetree.Node]) -> list[object]:
    """The nodes as plain values; a comment between two texts leaves them one text."""
    said: list[object] = []
    text = ""
    for node in nodes:
        if isinstance(node, parsetree.Comment):
            continue
        if isinstance(node, parsetree.Text):
            text += node.content
            continue
        if text:
            said.append(text)
            text = ""
        said.append(_one(node))
    return [*said, text] if text else said


def _one(node: parsetree.Node) -> object:
    match node:
        case parsetree.Expression():
            return "expression", node.text, repr(node.escapes)
        case parsetree.ControlLine():
            return "control", node.keyword, node.isend, node.text
        case parsetree.Tag():
            return "tag", node.keyword, sorted(node.attributes.items()), _said(node.nodes)
        case _:
            return type(node).__name__, repr(vars(node))  # nothing that the gate lets through
