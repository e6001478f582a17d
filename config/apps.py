from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """Gives the wiring its two commands, `serve` and `demo`."""

    name = "config"
