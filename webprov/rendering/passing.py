"""Which variables an expression works with so that a veiled value would lose its twin, read from its syntax tree."""

import ast

from webprov.rendering.functions import FUNCTIONS
from webprov.rendering.veiling import PAIRED_METHODS


def handled(node: ast.expr) -> frozenset[str]:
    """The names of variables and members that this expression does more with than to pass them on, to ask whether they
    are empty, or what Veiled does for both of its texts. Where no such name is a secret, nothing of one is unveiled."""
    match node:
        case ast.Constant() | ast.Name():
            return frozenset()
        case ast.Attribute(value=ast.Name()):
            return frozenset()
        case ast.Attribute(value=ast.Subscript(value=ast.Name(), slice=place)):
            return names_in(place)
        case ast.BoolOp(values=parts) | ast.List(elts=parts) | ast.Tuple(elts=parts):
            return frozenset().union(*map(handled, parts))
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return handled(left) | handled(right)
        case ast.Compare(left=ast.Constant(), ops=[ast.In() | ast.NotIn()], comparators=[ast.Name() | ast.Attribute()]):
            return handled(node.comparators[0])  # a text in a text; in a list it would be compared as a whole
        case ast.Call(func=ast.Attribute(value=on, attr=name), args=arguments) if name in PAIRED_METHODS:
            return handled(on).union(*map(names_in, arguments))
        case ast.Subscript(value=ast.Call(func=ast.Attribute(attr="split")) as parts, slice=place):
            return handled(parts) | names_in(place)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return handled(operand)
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return handled(test) | handled(body) | handled(orelse)
        case ast.Call(func=ast.Name(id=name), args=arguments) if name in FUNCTIONS and FUNCTIONS[name].passes:
            return frozenset().union(*map(handled, arguments))
        case _:
            return names_in(node)


def names_in(node: ast.AST) -> frozenset[str]:
    """Every name of a variable or member in it."""
    nodes = list(ast.walk(node))
    return frozenset(
        [one.id for one in nodes if isinstance(one, ast.Name)]
        + [one.attr for one in nodes if isinstance(one, ast.Attribute)]
    )
