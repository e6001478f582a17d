from django.apps import AppConfig
from django.utils.translation import pgettext_lazy


class ChecksConfig(AppConfig):
    name = "checks"
    verbose_name = pgettext_lazy("at the desk", "The evidence")
