"""A migration that gives columns the names that people read, of many tables at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.migrations.operations.base import Operation


class NameColumns(Operation):
    """Changes no table. Hundreds of `AlterField` say the same and take a minute, since each builds all models anew.

    `names`: of each table, by its model's name in small letters, the name of each column.
    """

    reduces_to_sql = False

    def __init__(self, names: Mapping[str, Mapping[str, str]]) -> None:
        self.names = names

    def state_forwards(self, app_label: str, state: Any) -> None:
        state.clear_delayed_apps_cache()
        vars(state).pop("apps", None)  # built anew when a later operation asks for it
        for model, columns in self.names.items():
            fields = state.models[app_label, model].fields
            for column, name in columns.items():
                fields[column] = fields[column].clone()
                fields[column].verbose_name = fields[column]._verbose_name = name

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        pass

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        pass

    def describe(self) -> str:
        return f"Name the columns of {len(self.names)} tables"
