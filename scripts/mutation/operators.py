"""The changes: where a module can be mutated, and the module with one such change made.

Comparisons, signs, products, logic, constants, conditions, calls of opposite meaning, returned values and whole
statements. Left alone: imports, docstrings, annotations, texts, and whatever only decides how an object is printed.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

COMPARED = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
TURNED = {ast.Lt: ast.GtE, ast.LtE: ast.Gt, ast.Gt: ast.LtE, ast.GtE: ast.Lt}
COMPUTED = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
}
OPPOSITE = {
    "min": "max", "max": "min", "any": "all", "all": "any", "floor": "ceil", "ceil": "floor", "zeros": "ones",
    "ones": "zeros", "argmin": "argmax", "argmax": "argmin", "sin": "cos", "cos": "sin", "sinh": "cosh",
    "cosh": "sinh", "real": "imag", "imag": "real", "minimum": "maximum", "maximum": "minimum",
}  # fmt: skip
SKIPPED = ("__repr__", "__str__", "_repr_html_")

Change = Callable[[ast.AST], ast.AST]


class Mutant(NamedTuple):
    """One change: the n-th of its module, at a line, in words."""

    path: str
    number: int
    line: int
    words: str
    scope: str


def sites(path: Path, root: Path) -> list[Mutant]:
    """All mutants of one module, in the order of the source."""
    tree = ast.parse(path.read_text())
    name = str(path.relative_to(root))
    found = []
    for number, (node, change, scope) in enumerate(_changes(tree)):
        before, after = _words(node), _words(change(copy.deepcopy(node)))
        found.append(Mutant(name, number, node.lineno, f"{before}  ->  {after}", scope))
    return found


def mutated(source: str, number: int) -> ast.Module:
    """The module with its change of this number."""
    tree = ast.parse(source)
    node, change, _ = next(item for k, item in enumerate(_changes(tree)) if k == number)
    other = change(node)
    if other is not node:
        ast.copy_location(other, node)
        _Replacement(node, other).visit(tree)
    return ast.fix_missing_locations(tree)


class _Replacement(ast.NodeTransformer):
    """One node in the place of another."""

    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return self.new if node is self.old else self.generic_visit(node)


def _words(node: ast.AST) -> str:
    text = " ".join(ast.unparse(ast.fix_missing_locations(copy.deepcopy(node))).split())
    return text if len(text) <= 70 else f"{text[:67]}..."


def _changes(tree: ast.AST, scope: str = "") -> Iterator[tuple[ast.AST, Change, str]]:
    """(node, change, name of the function around it) for everything below ``tree``."""
    for child in _children(tree):
        inside = scope
        if isinstance(child, ast.FunctionDef | ast.ClassDef):
            inside = f"{scope}.{child.name}".lstrip(".")
            if child.name in SKIPPED:
                continue
        for change in _of(child):
            yield child, change, inside
        yield from _changes(child, inside)


def _children(node: ast.AST) -> Iterator[ast.AST]:
    """Children that may be mutated: no annotations, decorators, imports, texts or type checks."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_params", "bases", "ctx"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _is_left_alone(child):
                yield child


def _is_left_alone(node: ast.AST) -> bool:
    if isinstance(node, ast.Import | ast.ImportFrom | ast.JoinedStr | ast.Assert):
        return True
    if isinstance(node, ast.If):
        return ast.unparse(node.test) == "TYPE_CHECKING"
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return is_text or (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__")


def _of(node: ast.AST) -> Iterator[Change]:
    """Changes of this node itself."""
    if isinstance(node, ast.Compare):
        for k, operator in enumerate(node.ops):
            for table in (COMPARED, TURNED):
                if new := table.get(type(operator)):
                    yield lambda n, k=k, new=new: _operator(n, k, new)
    elif isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in COMPUTED and not _is_text(node):
        yield lambda n: _set(n, op=COMPUTED[type(n.op)]())
    elif isinstance(node, ast.BoolOp):
        yield lambda n: _set(n, op=ast.And() if isinstance(n.op, ast.Or) else ast.Or())
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not):
        yield lambda n: n.operand
    elif isinstance(node, ast.Constant):
        yield from _of_constant(node.value)
    elif isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Load):
        name = node.attr if isinstance(node, ast.Attribute) else node.id
        if name in OPPOSITE:
            yield lambda n, new=OPPOSITE[name]: _set(n, **{"attr" if isinstance(n, ast.Attribute) else "id": new})
    yield from _of_statement(node)


def _of_constant(value: object) -> Iterator[Change]:
    if isinstance(value, bool):
        yield lambda n: _set(n, value=not n.value)
    elif isinstance(value, int | float | complex):
        yield lambda n: _set(n, value=n.value + 1)
        if value:
            yield lambda n: _set(n, value=n.value - 1 if isinstance(n.value, int) else 0.5 * n.value)


def _of_statement(node: ast.AST) -> Iterator[Change]:
    if isinstance(node, ast.If | ast.IfExp | ast.While):
        yield lambda n: _set(n, test=ast.UnaryOp(ast.Not(), n.test))
    elif isinstance(node, ast.Return) and node.value is not None and ast.unparse(node.value) != "None":
        yield lambda n: _set(n, value=ast.Constant(None))
    elif isinstance(node, ast.Break):
        yield lambda n: ast.Continue()
    elif isinstance(node, ast.Continue):
        yield lambda n: ast.Break()
    elif isinstance(node, ast.Raise | ast.AugAssign | ast.Expr) or (
        isinstance(node, ast.Assign) and not isinstance(node.targets[0], ast.Name | ast.Tuple)
    ):
        yield lambda n: ast.Pass()


def _is_text(node: ast.AST) -> bool:
    """Sums of texts, and text formatting."""
    parts = (getattr(node, "left", None), getattr(node, "right", None), getattr(node, "value", None))
    return any(
        isinstance(p, ast.JoinedStr) or (isinstance(p, ast.Constant) and isinstance(p.value, str)) for p in parts
    )


def _operator(node: ast.AST, place: int, new: type[ast.cmpop]) -> ast.AST:
    assert isinstance(node, ast.Compare)
    node.ops[place] = new()
    return node


def _set(node: ast.AST, **fields: object) -> ast.AST:
    for name, value in fields.items():
        setattr(node, name, value)
    return node
