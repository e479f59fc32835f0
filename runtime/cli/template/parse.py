"""Reading a template: actions are cut out of the text, their words made pipelines, their blocks nested."""

import json
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from runtime.cli.template.nodes import (
    Assign,
    Choice,
    Command,
    Field,
    Function,
    Literal,
    Node,
    Nodes,
    Operand,
    Output,
    Pipeline,
    Range,
    TemplateError,
    Text,
)

_DEEPEST: Final = 32
_LONGEST: Final = 64 * 1024
_TOKEN: Final = re.compile(
    r"""\s*(?: (?P<string>"(?:[^"\\]|\\.)*"|`[^`]*`) | (?P<number>-?\d+(?:\.\d+)?) | (?P<declare>:=|=)
      | (?P<variable>\$\w*(?:\.\w+)*) | (?P<field>\.(?:\w+(?:\.\w+)*)?) | (?P<name>\w+) | (?P<mark>[|(),]) )""",
    re.VERBOSE,
)
_CONSTANTS: Final = {"true": True, "false": False, "nil": None}


class _Token(NamedTuple):
    kind: str
    text: str


def parse(source: str) -> Nodes:
    """Raises TemplateError."""
    if len(source) > _LONGEST:
        raise TemplateError("the template is too long")
    return _Blocks(_pieces(source)).all()


def _pieces(source: str) -> Iterator[Text | list[_Token]]:
    """Text and the words of actions, in turn; `{{-` and `-}}` take the white space beside them."""
    trim = False
    while source:
        text, opened, rest = source.partition("{{")
        text = text.lstrip() if trim else text
        trimmed = opened and rest[:1] == "-" and rest[1:2].isspace()
        text = text.rstrip() if trimmed else text
        if text:
            yield Text(text)
        if not opened:
            return
        inner, source = _action(rest[1:] if trimmed else rest)
        trim = inner[-1:] == "-" and inner[-2:-1].isspace()
        inner = inner[:-1] if trim else inner
        if not inner.strip().startswith("/*"):
            yield list(_tokens(inner))


def _action(rest: str) -> tuple[str, str]:
    """What is up to the closing braces, and what is behind them; braces within strings are none."""
    ended = re.match(r"""((?:[^"`}]|"(?:[^"\\]|\\.)*"|`[^`]*`|\}(?!\}))*)\}\}""", rest, re.DOTALL)
    if ended is None:
        raise TemplateError(f"template: an action is not closed: {{{{{rest[:40]}")
    return ended[1], rest[ended.end() :]


def _tokens(inner: str) -> Iterator[_Token]:
    place = 0
    while inner[place:].strip():
        found = _TOKEN.match(inner, place)
        if found is None or found.lastgroup is None:
            raise TemplateError(f"template: {inner[place:].strip()[:40]!r} is not understood")
        yield _Token(found.lastgroup, found[found.lastgroup])
        place = found.end()


class _Blocks:
    """The pieces made nodes, blocks nested."""

    def __init__(self, pieces: Iterator[Text | list[_Token]]) -> None:
        self._pieces = pieces
        self._depth = 0

    def all(self) -> Nodes:
        nodes, end = self._body()
        if end:
            raise TemplateError(f"template: {{{{{end[0].text}}}}} closes nothing")
        return nodes

    def _body(self) -> tuple[Nodes, list[_Token]]:
        """Nodes up to the `end` or `else` that closes them, which is given too."""
        self._depth += 1
        if self._depth > _DEEPEST:
            raise TemplateError("template: blocks are nested too deeply")
        nodes: list[Node] = []
        end: list[_Token] = []
        for piece in self._pieces:
            if isinstance(piece, Text):
                nodes.append(piece)
            elif not piece:
                raise TemplateError("template: an action is empty")
            elif piece[0].text in ("end", "else"):
                end = piece
                break
            else:
                nodes.append(self._node(piece))
        self._depth -= 1
        return tuple(nodes), end

    def _node(self, tokens: list[_Token]) -> Node:
        word = tokens[0].text if tokens[0].kind == "name" else ""
        if word in ("if", "with"):
            return self._choice(tokens[1:], moves_dot=word == "with")
        if word == "range":
            return self._range(tokens[1:])
        if len(tokens) > 2 and tokens[0].kind == "variable" and tokens[1].kind == "declare":
            return Assign(tokens[0].text, _pipeline(tokens[2:]))
        return Output(_pipeline(tokens))

    def _choice(self, tokens: list[_Token], *, moves_dot: bool) -> Choice:
        pipeline = _pipeline(tokens)
        body, end = self._body()
        return Choice(pipeline, body, self._other(end), moves_dot)

    def _other(self, end: list[_Token]) -> Nodes:
        """What is behind an `else`; nothing behind an `end`."""
        if not end:
            raise TemplateError("template: a block is not closed, {{end}} is missing")
        if end[0].text == "end":
            return ()
        if len(end) > 1 and end[1].text in ("if", "with"):
            return (self._choice(end[2:], moves_dot=end[1].text == "with"),)
        nodes, last = self._body()
        if not last or last[0].text != "end":
            raise TemplateError("template: a block is not closed, {{end}} is missing")
        return nodes

    def _range(self, tokens: list[_Token]) -> Range:
        names: list[str] = []
        declared = next((place for place, token in enumerate(tokens) if token.kind == "declare"), -1)
        if declared > 0:
            names = [token.text for token in tokens[:declared] if token.kind == "variable"]
            tokens = tokens[declared + 1 :]
        pipeline = _pipeline(tokens)
        body, end = self._body()
        key = names[0] if len(names) == 2 else ""
        return Range(pipeline, key, names[-1] if names else "", body, self._other(end))


def _pipeline(tokens: list[_Token]) -> Pipeline:
    pipeline, rest = _commands(tokens, 0)
    if rest:
        raise TemplateError(f"template: {rest[0].text!r} is not expected there")
    return pipeline


def _commands(tokens: list[_Token], depth: int) -> tuple[Pipeline, list[_Token]]:
    """Commands up to a closing parenthesis, which is left."""
    if depth > _DEEPEST:
        raise TemplateError("template: parentheses are nested too deeply")
    commands: list[Command] = []
    operands: list[Operand] = []
    while tokens and tokens[0].text != ")":
        token, tokens = tokens[0], tokens[1:]
        if token == _Token("mark", "|"):
            commands.append(tuple(operands))
            operands = []
        elif token == _Token("mark", "("):
            inner, tokens = _commands(tokens, depth + 1)
            if not tokens:
                raise TemplateError("template: a parenthesis is not closed")
            names, tokens = _names_behind(tokens[1:])
            operands.append(Field(names, inner=inner))
        else:
            operands.append(_operand(token))
    commands.append(tuple(operands))
    if not all(commands):
        raise TemplateError("template: a value is missing")
    return tuple(commands), tokens


def _names_behind(tokens: list[_Token]) -> tuple[tuple[str, ...], list[_Token]]:
    if tokens and tokens[0].kind == "field" and len(tokens[0].text) > 1:
        return tuple(tokens[0].text[1:].split(".")), tokens[1:]
    return (), tokens


def _operand(token: _Token) -> Operand:
    kind, text = token
    if kind == "string":
        return Literal(text[1:-1] if text[0] == "`" else _unquoted(text))
    if kind == "number":
        return Literal(float(text) if "." in text else int(text[:20]))
    if kind == "field":
        return Field(tuple(text[1:].split(".")) if len(text) > 1 else ())
    if kind == "variable":
        name, _, path = text.partition(".")
        return Field(tuple(path.split(".")) if path else (), variable=name)
    if kind == "name":
        return Literal(_CONSTANTS[text]) if text in _CONSTANTS else Function(text)
    raise TemplateError(f"template: {text!r} is not expected there")


def _unquoted(text: str) -> str:
    try:
        return str(json.loads(text))
    except ValueError:
        raise TemplateError(f"template: the string {text[:40]} is not understood") from None
