"""Prints `ast` nodes as text laid out for people: one line where it fits, black's splits where it does not.

`ast.unparse` gives every statement one line however long and keeps no comments.  This printer covers the
nodes the back end builds; parsing its output gives back the same tree (the tests check that).
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

WIDTH = 100
STEP = 4

_BINARY: dict[type[ast.operator], tuple[str, int]] = {
    ast.BitOr: ("|", 6),
    ast.BitXor: ("^", 7),
    ast.BitAnd: ("&", 8),
    ast.LShift: ("<<", 9),
    ast.RShift: (">>", 9),
    ast.Add: ("+", 10),
    ast.Sub: ("-", 10),
    ast.Mult: ("*", 11),
    ast.Div: ("/", 11),
    ast.FloorDiv: ("//", 11),
    ast.Mod: ("%", 11),
    ast.MatMult: ("@", 11),
    ast.Pow: ("**", 13),
}
_COMPARE: dict[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
_UNARY: dict[type[ast.unaryop], str] = {ast.USub: "-", ast.Invert: "~", ast.Not: "not "}
_LAMBDA, _COMPARISON, _PREFIX, _ATOM = 0, 5, 12, 14


def quoted(text: str) -> str:
    """A string literal in double quotes where repr would use single ones; all unprintable characters escaped."""
    literal = repr(text)
    if literal[0] == "'" and '"' not in literal:
        return f'"{literal[1:-1]}"'
    return literal


def precedence(node: ast.expr) -> int:
    if isinstance(node, ast.BinOp):
        return _BINARY[type(node.op)][1]
    if isinstance(node, ast.Compare):
        return _COMPARISON
    if isinstance(node, ast.UnaryOp):
        return _PREFIX
    if isinstance(node, ast.Lambda):
        return _LAMBDA
    return _ATOM


def flat(node: ast.expr) -> str:
    """The expression on one line.  The text is kept on the node, since operands are printed again and again."""
    cached = node.__dict__.get("flat")
    if cached is None:
        cached = node.__dict__["flat"] = _FLAT[type(node)](node)
    return cached


def _within(node: ast.expr, least: int) -> str:
    text = flat(node)
    return text if precedence(node) >= least else f"({text})"


def _flat_constant(node: ast.Constant) -> str:
    if node.value is ...:
        return "..."
    return quoted(node.value) if isinstance(node.value, str) else repr(node.value)


def _flat_attribute(node: ast.Attribute) -> str:
    text = _within(node.value, _ATOM)
    # `1.real` is not Python, `(1).real` is.
    return f"({text}).{node.attr}" if isinstance(node.value, ast.Constant) else f"{text}.{node.attr}"


def _flat_call(node: ast.Call) -> str:
    return f"{_within(node.func, _ATOM)}({', '.join(_argument_texts(node))})"


def _argument_texts(node: ast.Call) -> list[str]:
    return [flat(a) for a in node.args] + [f"{k.arg}={flat(k.value)}" for k in node.keywords]


def _flat_binary(node: ast.BinOp) -> str:
    symbol, level = _BINARY[type(node.op)]
    if level == 13:
        # `**` binds tighter than a sign on its left and looser than one on its right.
        return f"{_within(node.left, _ATOM)} {symbol} {_within(node.right, _PREFIX)}"
    if level < 10:
        # Nobody remembers how tightly the bitwise operators bind.
        left = node.left
        same = isinstance(left, ast.BinOp) and type(left.op) is type(node.op) and level < 9
        return f"{_within(left, level if same else _PREFIX)} {symbol} {_within(node.right, _PREFIX)}"
    left = node.left
    mixed = level == 11 and isinstance(left, ast.BinOp) and (symbol == "@") != isinstance(left.op, ast.MatMult)
    return f"{_within(left, level + mixed)} {symbol} {_within(node.right, level + 1)}"


def _flat_unary(node: ast.UnaryOp) -> str:
    return _UNARY[type(node.op)] + _within(node.operand, _PREFIX)


def _flat_compare(node: ast.Compare) -> str:
    parts = [_within(node.left, _COMPARISON + 1)]
    for operator, operand in zip(node.ops, node.comparators, strict=True):
        parts += [_COMPARE[type(operator)], _within(operand, _COMPARISON + 1)]
    return " ".join(parts)


def _flat_subscript(node: ast.Subscript) -> str:
    key = node.slice
    if isinstance(key, ast.Tuple) and key.elts:
        inside = ", ".join(map(flat, key.elts)) + ("," if len(key.elts) == 1 else "")
    else:
        inside = flat(key)
    return f"{_within(node.value, _ATOM)}[{inside}]"


def _flat_slice(node: ast.Slice) -> str:
    lower, upper, step = ("" if part is None else flat(part) for part in (node.lower, node.upper, node.step))
    return f"{lower}:{upper}:{step}" if step else f"{lower}:{upper}"


def _flat_tuple(node: ast.Tuple) -> str:
    return f"({', '.join(map(flat, node.elts))}{',' if len(node.elts) == 1 else ''})"


def _flat_list(node: ast.List) -> str:
    return f"[{', '.join(map(flat, node.elts))}]"


def _flat_lambda(node: ast.Lambda) -> str:
    parameters = ", ".join(a.arg for a in node.args.args)
    return f"lambda {parameters}: {flat(node.body)}" if parameters else f"lambda: {flat(node.body)}"


def _flat_dict(node: ast.Dict) -> str:
    pairs = (f"{flat(k)}: {flat(v)}" for k, v in zip(node.keys, node.values, strict=True) if k is not None)
    return "{" + ", ".join(pairs) + "}"


_FLAT = {
    ast.Name: lambda node: node.id,
    ast.Constant: _flat_constant,
    ast.Attribute: _flat_attribute,
    ast.Call: _flat_call,
    ast.BinOp: _flat_binary,
    ast.UnaryOp: _flat_unary,
    ast.Compare: _flat_compare,
    ast.Subscript: _flat_subscript,
    ast.Slice: _flat_slice,
    ast.Tuple: _flat_tuple,
    ast.List: _flat_list,
    ast.Lambda: _flat_lambda,
    ast.Dict: _flat_dict,
    ast.Starred: lambda node: f"*{_within(node.value, _BINARY[ast.BitOr][1])}",
}


def lay(node: ast.expr, column: int, indent: int, tail: int = 0, bracketed: bool = False) -> str:
    """The expression starting at `column`, its further lines at least `indent` deep, `tail` characters to follow.

    `bracketed` says that the caller has opened a bracket, so an operator chain may break without its own.
    """
    text = flat(node)
    if column + len(text) + tail <= WIDTH:
        return text
    if isinstance(node, ast.Call):
        return _lay_call(node, column, indent)
    if isinstance(node, ast.Tuple) and node.elts:
        return _lay_items("(", [("", e) for e in node.elts], ")", indent)
    if isinstance(node, ast.List) and node.elts:
        return _lay_items("[", [("", e) for e in node.elts], "]", indent)
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return _lay_items("{", [(f"{flat(k)}: ", v) for k, v in pairs if k is not None], "}", indent)
    if isinstance(node, ast.BinOp | ast.Compare):
        return _lay_chain(node, indent, bracketed)
    if isinstance(node, ast.Subscript) and precedence(node.value) == _ATOM:
        key = text[len(flat(node.value)) :]
        return lay(node.value, column, indent, len(key) + tail) + key
    if isinstance(node, ast.Attribute) and precedence(node.value) == _ATOM:
        return lay(node.value, column, indent, len(node.attr) + 1 + tail) + f".{node.attr}"
    if isinstance(node, ast.UnaryOp) and precedence(node.operand) == _ATOM:
        sign = _UNARY[type(node.op)]
        return sign + lay(node.operand, column + len(sign), indent, tail)
    if isinstance(node, ast.Lambda):
        head = text[: len(text) - len(flat(node.body))]
        return head + lay(node.body, column + len(head), indent, tail)
    return text


def _lay_call(node: ast.Call, column: int, indent: int) -> str:
    head = _within(node.func, _ATOM)
    if column + len(head) > WIDTH and precedence(node.func) == _ATOM:
        head = lay(node.func, column, indent, 1)
    items = [("", a) for a in node.args] + [(f"{k.arg}=", k.value) for k in node.keywords]
    return _lay_items(f"{head}(", items, ")", indent) if items else f"{head}()"


def _lay_items(opening: str, items: Sequence[tuple[str, ast.expr]], closing: str, indent: int) -> str:
    inner = indent + STEP
    margin = "\n" + " " * inner
    one_line = ", ".join(prefix + flat(item) for prefix, item in items)
    single_tuple = opening == "(" and len(items) == 1
    if inner + len(one_line) <= WIDTH and not single_tuple:
        body = margin + one_line
    elif all(not p and isinstance(item, ast.Constant | ast.UnaryOp) for p, item in items):
        body = _filled([flat(item) for _, item in items], inner)
    else:
        lines = [p + lay(item, inner + len(p), inner, 1, bracketed=not p) + "," for p, item in items]
        body = margin + margin.join(lines)
    return f"{opening}{body}\n{' ' * indent}{closing}"


def _filled(words: Sequence[str], indent: int) -> str:
    """Numbers, as many to a line as fit."""
    lines: list[str] = [""]
    for word in words:
        if lines[-1] and indent + len(lines[-1]) + len(word) + 2 > WIDTH:
            lines.append("")
        lines[-1] += (" " if lines[-1] else "") + word + ","
    margin = "\n" + " " * indent
    return margin + margin.join(lines)


def _lay_chain(node: ast.BinOp | ast.Compare, indent: int, bracketed: bool) -> str:
    inner = indent if bracketed else indent + STEP
    margin = "\n" + " " * inner
    lines: list[str] = []
    for symbol, operand, least in _chain(node):
        prefix = f"{symbol} " if symbol else ""
        if precedence(operand) >= least:
            lines.append(prefix + lay(operand, inner + len(prefix), inner, 1, bracketed=False))
        else:
            text = lay(operand, inner + len(prefix) + 1, inner + STEP, 1, bracketed=True)
            closing = margin if "\n" in text else ""
            opening = "(" + (margin + " " * STEP if closing else "")
            lines.append(f"{prefix}{opening}{text}{closing})")
    body = margin.join(lines)
    return body if bracketed else f"({margin}{body}\n{' ' * indent})"


def _chain(node: ast.BinOp | ast.Compare) -> list[tuple[str, ast.expr, int]]:
    """The operands of a chain of operators of one precedence: (operator before it, operand, least precedence)."""
    if isinstance(node, ast.Compare):
        symbol = _COMPARE[type(node.ops[0])]
        return [("", node.left, _COMPARISON + 1), (symbol, node.comparators[0], _COMPARISON + 1)]
    symbol, level = _BINARY[type(node.op)]
    if level == 13:
        return [("", node.left, _ATOM), (symbol, node.right, _PREFIX)]
    left = node.left
    same = isinstance(left, ast.BinOp) and _BINARY[type(left.op)][1] == level
    before = _chain(left) if same and isinstance(left, ast.BinOp) else [("", left, level)]
    return [*before, (symbol, node.right, level + 1)]


def with_comment(statement: ast.stmt, comment: str) -> ast.stmt:
    """Attach a comment; it must hold printable characters only, without line breaks."""
    statement.__dict__["comment"] = comment
    return statement


def statements(body: Sequence[ast.stmt], indent: int = 0) -> list[str]:
    """The lines of a block of statements."""
    lines: list[str] = []
    for position, statement in enumerate(body):
        if isinstance(statement, ast.FunctionDef):
            if position and lines[-1]:
                lines.append("")
            lines += [*_function(statement, indent), ""] if indent else _function(statement, indent)
        else:
            lines += _commented(statement, indent)
    return lines


def _commented(statement: ast.stmt, indent: int) -> list[str]:
    margin = " " * indent
    text = _STATEMENT[type(statement)](statement, indent)
    lines = [margin + text] if "\n" not in text else (margin + text).split("\n")
    comment = statement.__dict__.get("comment")
    if comment:
        if len(lines[-1]) + len(comment) + 4 <= WIDTH:
            lines[-1] += f"  # {comment}"
        else:
            lines.insert(0, f"{margin}# {comment}")
    return lines


def _function(node: ast.FunctionDef, indent: int) -> list[str]:
    margin = " " * indent
    parameters = [a.arg for a in node.args.args]
    head = f"{margin}def {node.name}({', '.join(parameters)}):"
    if len(head) <= WIDTH:
        lines = [head]
    else:
        inner = margin + " " * STEP
        one_line = inner + ", ".join(parameters)
        names = [one_line] if len(one_line) <= WIDTH else [f"{inner}{p}," for p in parameters]
        lines = [f"{margin}def {node.name}(", *names, f"{margin}):"]
    return lines + statements(node.body, indent + STEP)


def _lay_assign(node: ast.Assign, indent: int) -> str:
    target = node.targets[0]
    if isinstance(target, ast.Tuple):
        left = ", ".join(map(flat, target.elts)) + ("," if len(target.elts) == 1 else "")
        if indent + len(left) > WIDTH - 20:
            left = _lay_items("(", [("", e) for e in target.elts], ")", indent)
    else:
        left = flat(target)
    column = indent + len(left.rsplit("\n", 1)[-1]) + 3
    return f"{left} = {lay(node.value, column, indent)}"


def _lay_return(node: ast.Return, indent: int) -> str:
    value = node.value
    if value is None:
        return "return"
    if isinstance(value, ast.Tuple) and len(value.elts) > 1:
        bare = ", ".join(map(flat, value.elts))
        if indent + 7 + len(bare) <= WIDTH:
            return f"return {bare}"
    return f"return {lay(value, indent + 7, indent)}"


def _lay_expression(node: ast.Expr, indent: int) -> str:
    value = node.value
    return docstring(str(value.value), indent) if isinstance(value, ast.Constant) else lay(value, indent, indent)


def docstring(text: str, indent: int = 0) -> str:
    """A triple-quoted string whose value is `text` (with `indent` after its line breaks), whatever it holds."""
    lines = [_docstring_line(line) for line in text.split("\n")]
    margin = " " * indent
    body = "\n".join([lines[0], *(margin + line if line else "" for line in lines[1:])])
    return f'"""{body}"""' if len(lines) == 1 else f'"""{body}\n{margin}"""'


def _docstring_line(line: str) -> str:
    if line.isprintable() and "\\" not in line and '"""' not in line and not line.endswith('"'):
        return line
    safe = "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode() for c in line.replace("\\", "\\\\")
    )
    return safe.replace('"', '\\"')


_STATEMENT = {ast.Assign: _lay_assign, ast.Return: _lay_return, ast.Expr: _lay_expression}
