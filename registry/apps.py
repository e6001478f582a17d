from django.apps import AppConfig
from django.utils.translation import pgettext_lazy


class RegistryConfig(AppConfig):
    name = "registry"
    verbose_name = pgettext_lazy("at the desk", "The record")
