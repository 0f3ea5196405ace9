"""The commented example of a settings file."""

from importlib.resources import files

from mumap_node.settings.loading import machine_timezone


def example_settings() -> str:
    """A settings file to begin with, in this machine's time zone."""
    text = files("mumap_node.settings").joinpath("example.toml").read_text(encoding="utf-8")
    return text.replace('timezone = "UTC"', f'timezone = "{machine_timezone()}"', 1)
