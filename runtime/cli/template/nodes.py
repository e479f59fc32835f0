"""The parts of a template (Go's text/template): text, actions, and the pipelines within them."""

from typing import TypeAlias

import msgspec


class TemplateError(Exception):
    """A template that cannot be read, or does not fit what it is filled with."""


class Literal(msgspec.Struct, frozen=True):
    """A string, number, true, false or nil."""

    value: object


class Field(msgspec.Struct, frozen=True):
    """`.A.B` of the dot, `$v.A` of a variable, `(pipeline).A` of what is in parentheses; without names the thing."""

    names: tuple[str, ...]
    variable: str | None = None
    inner: "Pipeline | None" = None


class Function(msgspec.Struct, frozen=True):
    """A function by name."""

    name: str


Operand: TypeAlias = Literal | Field | Function
Command: TypeAlias = tuple[Operand, ...]
Pipeline: TypeAlias = tuple[Command, ...]


class Text(msgspec.Struct, frozen=True):
    """Written as it is."""

    text: str


class Output(msgspec.Struct, frozen=True):
    """`{{pipeline}}`."""

    pipeline: Pipeline


class Assign(msgspec.Struct, frozen=True):
    """`{{$name := pipeline}}`."""

    name: str
    pipeline: Pipeline


class Choice(msgspec.Struct, frozen=True):
    """`if`, or `with` where the dot becomes what was asked for; the other body holds an `else if` as a choice."""

    pipeline: Pipeline
    body: "Nodes"
    other: "Nodes"
    moves_dot: bool


class Range(msgspec.Struct, frozen=True):
    """`range`: names of the variables for key and value, if given."""

    pipeline: Pipeline
    key: str
    value: str
    body: "Nodes"
    other: "Nodes"


Node: TypeAlias = Text | Output | Assign | Choice | Range
Nodes: TypeAlias = tuple[Node, ...]
