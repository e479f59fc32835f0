"""`entrepot run` as click knows it: help, completion, and what is wrong with a line."""

from runtime.cli.run_options import run_options
from runtime.cli.running import started

command = run_options("run", "Create a container and run it.", starts=True)(started)
