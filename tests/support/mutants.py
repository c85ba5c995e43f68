"""Small mistakes, made from a program's syntax tree one at a time."""

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
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
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.MatMult: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}


# Names that are taken for one another.
_SIBLINGS = {
    "all": "any",
    "any": "all",
    "argmax": "argmin",
    "argmin": "argmax",
    "as_tensor": "tensor",
    "buffers": "parameters",
    "children": "modules",
    "dot": "mul",
    "float32": "float64",
    "float64": "float32",
    "from_numpy": "tensor",
    "isfinite": "isinf",
    "max": "min",
    "min": "max",
    "modules": "children",
    "named_children": "named_modules",
    "named_modules": "named_children",
    "ones": "zeros",
    "parameters": "buffers",
    "rand": "randn",
    "randn": "rand",
    "reshape": "view",
    "softmax": "log_softmax",
    "squeeze": "flatten",
    "tensor": "as_tensor",
    "unsqueeze": "squeeze",
    "view": "flatten",
    "zeros": "ones",
}


@dataclass(frozen=True, slots=True)
class Mutant:
    """A program with one mistake in it, at *line* of the original."""

    line: int
    mistake: str
    source: str

    @property
    def name(self) -> str:
        return f"line {self.line}: {self.mistake}"


def mutants(source: str) -> Iterator[Mutant]:
    """Yield every mutant of the program *source* but for its docstrings and its ``__main__`` part.

    The mistakes are those that learners make: another constant, operator or comparison, swapped or
    forgotten arguments, a forgotten step, negation or copy, a result that is not returned.
    """
    tree = ast.parse(source)
    tree.body = [node for node in tree.body if not _is_main(node)]
    _drop_annotations(tree)
    seen = {ast.unparse(tree)}
    for node in ast.walk(tree):
        for mistake, change in _mistakes(node):
            twin = copy.deepcopy({"tree": tree, "node": node})
            before = ast.unparse(node) if isinstance(node, ast.expr | ast.stmt) else ""
            change(twin["node"])
            try:
                text = ast.unparse(ast.fix_missing_locations(twin["tree"]))
                compile(text, "mutant", "exec")
            except (SyntaxError, ValueError):
                continue
            if text not in seen:
                seen.add(text)
                short = " ".join(before.split())[:60]
                yield Mutant(getattr(node, "lineno", 0), f"{mistake} in '{short}'", text)


Change = Callable[[ast.AST], None]


def _mistakes(node: ast.AST) -> Iterator[tuple[str, Change]]:
    """Yield what can be done wrong at *node*, as a name and a function that does it to a copy."""
    if isinstance(node, ast.Compare):
        yield "another comparison", _set("ops", [_COMPARISONS[type(node.ops[0])](), *node.ops[1:]])
    elif isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in _OPERATORS:
        yield "another operator", _set("op", _OPERATORS[type(node.op)]())
    elif isinstance(node, ast.BoolOp):
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield "and for or", _set("op", other)
    elif isinstance(node, ast.Constant):
        yield from _constants(node)
    elif isinstance(node, ast.If | ast.IfExp | ast.While):
        yield "a negated condition", _set("test", ast.UnaryOp(ast.Not(), node.test))
    elif isinstance(node, ast.With):
        nothing = ast.parse("__import__('contextlib').nullcontext()", mode="eval").body
        plain = [ast.withitem(nothing, item.optional_vars) for item in node.items]
        yield f"without '{ast.unparse(node.items[0])}'", _set("items", plain)
    elif isinstance(node, ast.Return) and node.value is not None:
        yield "nothing returned", _set("value", ast.Constant(None))
    elif isinstance(node, ast.Call):
        yield from _calls(node)
    elif isinstance(node, ast.Attribute) and node.attr in _SIBLINGS:
        yield f"{_SIBLINGS[node.attr]} for {node.attr}", _set("attr", _SIBLINGS[node.attr])
    elif isinstance(node, ast.FunctionDef) and node.args.args:
        own = [word.arg for word in node.args.args if word.arg != "self"]
        for name in own[:1]:
            given = ast.Return(ast.Name(name, ast.Load()))
            yield f"'{name}' given back as it is", _set("body", [given])
    if hasattr(node, "body") and isinstance(node.body, list):
        for name in ("body", "orelse"):
            yield from _forgotten(node, name)


def _constants(node: ast.Constant) -> Iterator[tuple[str, Change]]:
    if isinstance(node.value, bool):
        yield "the other truth", _set("value", not node.value)
    elif isinstance(node.value, int | float):
        yield "one more", _set("value", node.value + 1)
        if node.value:
            yield "zero", _set("value", type(node.value)(0))


def _calls(node: ast.Call) -> Iterator[tuple[str, Change]]:
    for index in range(len(node.keywords)):
        kept = [keyword for at, keyword in enumerate(node.keywords) if at != index]
        yield f"forgotten {node.keywords[index].arg}=", _set("keywords", kept)
    if len(node.args) == 2 and not any(isinstance(word, ast.Starred) for word in node.args):
        yield "swapped arguments", _set("args", node.args[::-1])
    if len(node.args) > 1:
        yield "a forgotten argument", _set("args", node.args[:-1])
    if isinstance(node.func, ast.Attribute) and node.func.attr.endswith("_"):
        if not node.func.attr.startswith("_"):
            copied = ast.Call(ast.Attribute(node.func.value, "clone", ast.Load()), [], [])
            method = ast.Attribute(copied, node.func.attr, ast.Load())
            yield "a copy changed in place", _set("func", method)
    elif isinstance(node.func, ast.Attribute) and not node.args and not node.keywords:
        # x.clone() as x: a call of an attribute that does nothing is the way to leave it out
        yield f"no {node.func.attr}()", _become(node.func.value)


def _forgotten(node: ast.AST, name: str) -> Iterator[tuple[str, Change]]:
    statements: list[ast.stmt] = getattr(node, name, [])
    for index, statement in enumerate(statements):
        simple = isinstance(statement, ast.Expr | ast.Assign | ast.AugAssign | ast.Raise)
        if simple and not _is_text(statement):
            left = [ast.Pass() if at == index else other for at, other in enumerate(statements)]
            yield f"no '{ast.unparse(statement)[:40]}'", _set(name, left)


def _set(field: str, value: object) -> Change:
    return lambda node: setattr(node, field, copy.deepcopy(value))


def _become(other: ast.expr) -> Change:
    """Turn a call into *other*: its function becomes one that gives back what it is given."""

    def change(node: ast.AST) -> None:
        assert isinstance(node, ast.Call)
        same = ast.arguments([], [ast.arg("same")], None, [], [], None, [])
        node.func = ast.Lambda(same, ast.Name("same", ast.Load()))
        node.args = [copy.deepcopy(other)]

    return change


def _drop_annotations(tree: ast.AST) -> None:
    """Take the annotations and docstrings out: no mistake in them shows."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.returns = None
            for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs):
                argument.annotation = None
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module) and node.body:
            node.body = [each for each in node.body if not _is_text(each)] or [ast.Pass()]


def _is_text(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _is_main(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and "__main__" in ast.unparse(node.test)
