"""Filling a template with values: mappings, lists, strings, numbers, booleans and nothing."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from runtime.cli.template.functions import FUNCTIONS, shown, truth
from runtime.cli.template.nodes import (
    Assign,
    Choice,
    Command,
    Field,
    Function,
    Literal,
    Nodes,
    Operand,
    Output,
    Pipeline,
    Range,
    TemplateError,
    Text,
)


def render(nodes: Nodes, value: object) -> str:
    """The text of a template for a value. Raises TemplateError: a field of the value that is not there, say."""
    return "".join(_Filling(value).write(nodes, value))


class _Filling:
    def __init__(self, top: object) -> None:
        self._top = top
        self._variables: dict[str, object] = {"$": top}

    def write(self, nodes: Nodes, dot: object) -> Iterator[str]:
        """The pieces of the text."""
        for node in nodes:
            if isinstance(node, Text):
                yield node.text
            elif isinstance(node, Output):
                yield shown(self._pipeline(node.pipeline, dot))
            elif isinstance(node, Assign):
                self._variables[node.name] = self._pipeline(node.pipeline, dot)
            elif isinstance(node, Choice):
                yield from self._choice(node, dot)
            else:
                yield from self._range(node, dot)

    def _choice(self, node: Choice, dot: object) -> Iterator[str]:
        value = self._pipeline(node.pipeline, dot)
        if truth(value):
            yield from self.write(node.body, value if node.moves_dot else dot)
        else:
            yield from self.write(node.other, dot)

    def _range(self, node: Range, dot: object) -> Iterator[str]:
        value = self._pipeline(node.pipeline, dot)
        pairs: list[tuple[object, object]] = []
        if isinstance(value, Mapping):
            pairs = [(key, value[key]) for key in sorted(value)]
        elif isinstance(value, (list, tuple)):
            pairs = list(enumerate(value))
        elif value is not None:
            raise TemplateError(f"template: range cannot go over {shown(value)[:60]}")
        for key, one in pairs:
            self._variables |= {node.key or "": key, node.value or "": one}
            yield from self.write(node.body, one)
        if not pairs:
            yield from self.write(node.other, dot)

    def _pipeline(self, pipeline: Pipeline, dot: object) -> object:
        value: object = None
        for place, command in enumerate(pipeline):
            value = self._command(command, dot, [value] if place else [])
        return value

    def _command(self, command: Command, dot: object, piped: list[object]) -> object:
        first, *rest = command
        call: Callable[..., Any] | None
        if isinstance(first, Function):
            name, call = first.name, FUNCTIONS.get(first.name)
            if call is None:
                raise TemplateError(f"template: function {name!r} is not known")
        else:
            name, value = "a field", self._operand(first, dot)
            if not callable(value):
                if rest or piped:
                    raise TemplateError("template: a value was given arguments, only functions take them")
                return value
            call = value
        arguments = [self._operand(one, dot) for one in rest] + piped
        try:
            return call(*arguments)
        except (TypeError, ValueError, AttributeError, IndexError):
            raise TemplateError(f"template: {name} cannot be used with these arguments") from None

    def _operand(self, operand: Operand, dot: object) -> object:
        if isinstance(operand, Literal):
            return operand.value
        if isinstance(operand, Function):
            return self._command((operand,), dot, [])
        start = dot
        if operand.inner is not None:
            start = self._pipeline(operand.inner, dot)
        elif operand.variable is not None:
            if operand.variable not in self._variables:
                raise TemplateError(f"template: variable {operand.variable} is not set")
            start = self._variables[operand.variable]
        return self._path(start, operand)

    def _path(self, value: object, field: Field) -> object:
        for name in field.names:
            if value is None:
                raise TemplateError(f"template: there is nothing to take {name} of")
            if not isinstance(value, Mapping):
                raise TemplateError(f"template: {shown(value)[:60]} has no field {name}")
            if name not in value and value is self._top:
                raise TemplateError(f"template: there is no field {name}, there are {', '.join(map(str, value))}")
            value = value.get(name)
        return value
