"""Go's templates as far as docker's users write them in --format: `parse` reads one, `render` fills it with values."""

from runtime.cli.template.evaluate import render
from runtime.cli.template.nodes import TemplateError
from runtime.cli.template.parse import parse

__all__ = ["TemplateError", "parse", "render"]
