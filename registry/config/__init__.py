"""The configuration of the server: what can be set, how it is read, what is refused."""

from registry.config.errors import ConfigError, ConfigFileError
from registry.config.load import Loaded, file_from, load
from registry.config.settings import SETTINGS, Config, Setting
from registry.config.show import show

__all__ = ["SETTINGS", "Config", "ConfigError", "ConfigFileError", "Loaded", "Setting", "file_from", "load", "show"]
