"""What the source promises to people, collected by reading it: nobody keeps a registry."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src" / "mumap_node"

ERRORS = frozenset({"ConfigurationError", "InputRejected", "TransientError", "StoppedError"})
"""Exceptions whose first argument is a reason."""

LEVELS = frozenset({"debug", "info", "warning", "error", "critical", "exception", "log"})
"""Methods of a logger; the first argument is the event."""


def reasons() -> set[str]:
    """Every reason: first argument of an error, keyword, field or variable ``reason``."""
    nodes = [node for tree in _trees() for node in ast.walk(tree)]
    takers = dict(taker for node in nodes for taker in _reason_taker(node))
    return {reason for node in nodes for reason in _reasons_of(node, takers)}


def log_events() -> set[str]:
    """Every event that is logged, by its dotted name."""
    return {event for tree in _trees() for node in ast.walk(tree) for event in _events_of(node)}


def log_keys() -> set[str]:
    """Every keyword that is handed to a logger beside an event."""
    return {
        keyword.arg
        for tree in _trees()
        for node in ast.walk(tree)
        if _is_log_call(node)
        for keyword in node.keywords
        if keyword.arg
    } - {"exc_info"}


def _trees() -> Iterator[ast.Module]:
    for file in sorted(SOURCE.rglob("*.py")):
        yield ast.parse(file.read_text(encoding="utf-8"), filename=str(file))


def _reason_taker(node: ast.AST) -> Iterator[tuple[str, int]]:
    """A function with a parameter ``reason``, and that parameter's position."""
    if isinstance(node, ast.FunctionDef):
        names = [argument.arg for argument in node.args.args if argument.arg not in ("self", "cls")]
        if "reason" in names:
            yield node.name, names.index("reason")


def _reasons_of(node: ast.AST, takers: Mapping[str, int]) -> Iterator[str]:
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[_, *_] as given) if (
            name in ERRORS or len(given) > takers.get(name, len(given))
        ):
            yield from _texts(given[takers.get(name, 0)])
        case ast.keyword(arg="reason", value=value):
            yield from _texts(value)
        case ast.Assign(targets=[ast.Name(id="reason")], value=value):
            yield from _texts(value)
        case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)):
            for name, value in zip(names, values, strict=True):
                if isinstance(name, ast.Name) and name.id == "reason":
                    yield from _texts(value)


def _texts(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Constant(value=str(text)) if text:
            yield text
        case ast.IfExp(body=body, orelse=other):
            yield from _texts(body)
            yield from _texts(other)


def _events_of(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Call(args=[*given]) if _is_log_call(node):
            for argument in given[:2]:  # log(level, event) has it second
                yield from _texts(argument)
        case ast.Call(func=ast.Name(id="_exit"), args=[first, *_]):
            yield from _texts(first)
        case ast.Assign(targets=[ast.Name(id="_EVENTS")], value=ast.Dict(values=values)):
            for value in values:
                yield from _texts(value)


def _is_log_call(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="log" | "_log"), attr=level)):
            return level in LEVELS
        case ast.Call(
            func=ast.Attribute(value=ast.Call(func=ast.Attribute(attr="get_logger")), attr=level)
        ):
            return level in LEVELS
    return False
