"""Triggers that refuse to write a table of the record unless two people have agreed. For migrations.

They hold whoever writes: our own code, a shell, plain SQL. `registry.models.proposal` says when two have agreed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connection
from django.db.migrations.operations.base import Operation

REFUSAL = "two people must agree on this"

Rule = tuple[str, str, str, str]


class Guard(Operation):
    """One table. `key` is the column with the id of the record that a row belongs to; of the record's own table "id".

    An update of other `columns` is free; so is an insert where `inserts` says so, for rows that machines write too.
    `only` is a column with its value: rows that have another are free. Where some rows are free, `unique` are the
    columns by which one can replace another, "url, title" of two together: REPLACE of SQLite deletes past the triggers.
    """

    reversible = True

    def __init__(
        self,
        table: str,
        record_type: str,
        key: str,
        columns: Sequence[str],
        *,
        inserts: bool = True,
        only: tuple[str, str] = ("", ""),
        unique: Sequence[str] = (),
    ) -> None:
        self.table, self.record_type, self.key = table, record_type, key
        self.columns, self.inserts, self.only = tuple(dict.fromkeys(("id", *columns))), inserts, only
        self.unique = tuple(unique)

    def state_forwards(self, app_label: str, state: Any) -> None:
        pass

    def database_forwards(self, app_label: str, editor: Any, from_state: Any, to_state: Any) -> None:
        self.database_backwards(app_label, editor, from_state, to_state)  # of one that is renewed
        for statement in {"sqlite": self._sqlite, "postgresql": self._postgresql}[editor.connection.vendor]():
            editor.execute(statement, params=None)

    def database_backwards(self, app_label: str, editor: Any, from_state: Any, to_state: Any) -> None:
        on = f" ON {self.table}" if editor.connection.vendor == "postgresql" else ""
        others = ["truncate"] if on else ["replace_insert", "replace_update"] if self.unique else []
        for act in (*self._acts(), *others):
            editor.execute(f"DROP TRIGGER IF EXISTS {self._name(act)}{on}", params=None)

    def describe(self) -> str:
        return f"Guard {self.table}"

    def _acts(self) -> list[str]:
        return [*(["insert"] if self.inserts else []), "update", "delete"]

    def _name(self, act: str) -> str:
        return f"two_people_{self.table}_{act}"

    def _sqlite(self) -> list[str]:
        changed = " OR ".join(f'NEW."{column}" IS NOT OLD."{column}"' for column in self.columns)
        agreed = {row: _agreed(self.record_type, f'{row}."{self.key}"') for row in ("NEW", "OLD")}
        column, value = self.only
        if column:
            agreed = {row: f"{row}.{column} <> '{value}' OR {test}" for row, test in agreed.items()}
        whens = {
            "insert": f"NOT ({agreed['NEW']})",
            "update": f"({changed}) AND NOT (({agreed['OLD']}) AND ({agreed['NEW']}))",
            "delete": f"NOT ({agreed['OLD']})",
        }
        return [
            f"CREATE TRIGGER {self._name(act)} BEFORE {act.upper()} ON {self.table} WHEN {whens[act]} "
            f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}: {self.table}'); END"
            for act in self._acts()
        ] + (self._sqlite_replacing() if self.unique else [])

    def _sqlite_replacing(self) -> list[str]:
        test = _taken(self.table, *self.unique)
        others = _taken(self.table, *self.unique, but="OLD.id")
        return [
            f"CREATE TRIGGER {self._name(f'replace_{act}')} BEFORE {act.upper()} ON {self.table} WHEN {taken} "
            f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}: {self.table} has such a row'); END"
            for act, taken in (("insert", test), ("update", others))
        ]

    def _postgresql(self) -> list[str]:
        arguments = f"'{self.record_type}', '{self.key}', '{','.join(self.columns)}', '{REFUSAL}'"
        arguments += f", '{self.only[0]}', '{self.only[1]}'"
        return [
            f"CREATE TRIGGER {self._name(act)} BEFORE {act.upper()} ON {self.table} "
            f"FOR EACH ROW EXECUTE FUNCTION registry_two_people({arguments})"
            for act in self._acts()
        ] + [_not_emptied(self.table)]


def _agreed(record_type: str, key: str) -> str:
    return (
        "EXISTS (SELECT 1 FROM registry_trial) OR EXISTS (SELECT 1 FROM registry_proposal WHERE state = 'carrying' "  # noqa: S608
        f"AND (record_type = '*' OR record_type = '{record_type}' AND (record_id IS NULL OR record_id = {key})))"
    )


def _taken(table: str, *unique: str, but: str = "") -> str:
    """Is there a row already that this one would replace? NULL is no value."""
    same = (
        "(" + " AND ".join(f'"{one}" = NEW."{one}"' for one in columns.split(", ")) + ")" for columns in ("id", *unique)
    )
    other = f"id <> {but} AND " if but else ""
    return f"EXISTS (SELECT 1 FROM {table} WHERE {other}({' OR '.join(same)}))"  # noqa: S608


def _not_emptied(table: str) -> str:
    return (
        f"CREATE TRIGGER two_people_{table}_truncate BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION registry_not_emptied()"
    )


# Nothing but our own words is put into it. The tables of the register are meant, not temporary ones of these names.
POSTGRESQL_FUNCTION = """
CREATE FUNCTION registry_two_people() RETURNS trigger LANGUAGE plpgsql {search_path} AS $$
DECLARE
    was jsonb := CASE WHEN TG_OP = 'INSERT' THEN NULL ELSE to_jsonb(OLD) END;
    is_now jsonb := CASE WHEN TG_OP = 'DELETE' THEN NULL ELSE to_jsonb(NEW) END;
BEGIN
    IF TG_OP = 'UPDATE' AND NOT EXISTS (
        SELECT 1 FROM unnest(string_to_array(TG_ARGV[2], ',')) AS named(name)
        WHERE was -> named.name IS DISTINCT FROM is_now -> named.name
    ) THEN
        RETURN NEW;
    END IF;
    IF NOT EXISTS (SELECT 1 FROM registry_trial) AND EXISTS (
        SELECT 1 FROM unnest(ARRAY[was, is_now]) AS each(said)
        WHERE each.said IS NOT NULL AND (TG_ARGV[4] = '' OR each.said ->> TG_ARGV[4] = TG_ARGV[5]) AND NOT EXISTS (
            SELECT 1 FROM registry_proposal WHERE state = 'carrying' AND (
                record_type = '*' OR record_type = TG_ARGV[0]
                AND (record_id IS NULL OR record_id = (each.said ->> TG_ARGV[1])::bigint)
            )
        )
    ) THEN
        RAISE EXCEPTION '%: %', TG_ARGV[3], TG_TABLE_NAME;
    END IF;
    RETURN COALESCE(NEW, OLD);
END $$
"""


def lift() -> dict[str, str]:
    """Take the guards of all tables away, where a program fills a database of its own: in tests and benchmarks.

    Answers with the statement that makes each of them again, by its name.
    """
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger'")
        else:
            cursor.execute(
                "SELECT tgname, tgrelid::regclass::text, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal"
            )
        rules = tuple(f"two_people_rule_{number}" for number in range(len(RULES) + len(SQLITE_RULES)))
        found = [row for row in cursor.fetchall() if row[0].startswith("two_people_") and row[0] not in rules]
        for name, table, _made in found:
            cursor.execute(f"DROP TRIGGER {name}" + (f" ON {table}" if connection.vendor == "postgresql" else ""))
    return {name: made for name, _table, made in found}


# --- of the proposals themselves

_FIXED = ("id", "operation", "record_type", "content", "sha256")
_FIXED_NUMBERS = ("record_id", "author_id")  # or NULL
_NEEDED = "CASE WHEN NEW.author_id IS NULL THEN 2 ELSE 1 END"
_GIVEN = (
    "(SELECT count(*) FROM registry_approval a WHERE a.proposal_id = NEW.id AND a.sha256 = NEW.sha256 "
    "AND a.approver_id <> COALESCE(NEW.author_id, 0))"
)
_FITTING = (
    "EXISTS (SELECT 1 FROM registry_proposal p WHERE p.id = NEW.proposal_id AND p.sha256 = NEW.sha256 "
    "AND COALESCE(p.author_id, 0) = COALESCE(NEW.author_id, 0) AND p.state = 'waiting')"
)

RULES: tuple[Rule, ...] = (
    ("registry_proposal", "INSERT", "NEW.state <> 'waiting'", "a proposal begins by waiting"),
    (
        "registry_proposal",
        "UPDATE",
        " OR ".join(
            [
                *(f"NEW.{one} <> OLD.{one}" for one in _FIXED),
                *(f"COALESCE(NEW.{one}, 0) <> COALESCE(OLD.{one}, 0)" for one in _FIXED_NUMBERS),
            ]
        ),
        "a proposal does not change",
    ),
    (
        "registry_proposal",
        "UPDATE",
        "NOT (NEW.state = OLD.state OR OLD.state = 'waiting' AND NEW.state IN ('carrying', 'refused', 'taken_back') "
        "OR OLD.state = 'carrying' AND NEW.state = 'done')",
        "a proposal goes from waiting to its end",
    ),
    (
        "registry_proposal",
        "UPDATE",
        f"NEW.state = 'carrying' AND {_GIVEN} < {_NEEDED}",
        "it lacks the approval of another person",
    ),
    ("registry_proposal", "DELETE", "", "a proposal is kept"),
    ("registry_approval", "INSERT", f"NOT {_FITTING}", "an approval is of what a proposal says, while it waits"),
    ("registry_approval", "UPDATE", "", "an approval is kept as it was given"),
    ("registry_approval", "DELETE", "", "an approval is kept as it was given"),
    ("registry_trial", "DELETE", "", "a trial ends with its transaction"),
    ("registry_trial", "UPDATE", "", "a trial ends with its transaction"),
)
_KEPT = ("registry_proposal", "registry_approval", "registry_trial")  # a TRUNCATE would empty them past the triggers
# SQLite checks no foreign key unless a connection asks for it, no CHECK if it asks for none, and a REPLACE deletes rows
# past the triggers.
_UNCHECKED = "(SELECT foreign_keys FROM pragma_foreign_keys) = 0 OR COALESCE(NEW.never_id, 0) >= 0"
SQLITE_RULES: tuple[tuple[str, str, str, str], ...] = (
    ("registry_proposal", "BEFORE INSERT", _taken("registry_proposal"), "a proposal is kept"),
    ("registry_proposal", "AFTER INSERT", "NEW.id <= 0", "a proposal has a number"),
    (
        "registry_proposal",
        "BEFORE UPDATE",
        f"NEW.state = 'carrying' AND ({_UNCHECKED})",
        "a proposal is carried out where foreign keys are enforced",
    ),
    (
        "registry_approval",
        "BEFORE INSERT",
        _taken("registry_approval", "proposal_id, approver_id"),
        "an approval is kept as it was given",
    ),
    (
        "registry_trial",
        "AFTER INSERT",
        f"NEW.id <= 0 OR {_UNCHECKED}",
        "a trial is made where foreign keys are enforced",
    ),
    (
        "registry_logentry",
        "BEFORE INSERT",
        _taken("registry_logentry", "leaf", "subject, previous"),
        "the log is append-only",
    ),
)

_PUBLISHED = "EXISTS (SELECT 1 FROM registry_original WHERE id = OLD.original_id AND document_id IS NOT NULL)"
# One person blackens a paper that nobody else sees yet. What the public has takes two, and no row is deleted.
COPY_RULES: tuple[Rule, ...] = (
    ("registry_publiccopy", "DELETE", "", "a copy goes, its hash stays"),
    ("registry_publiccopy", "UPDATE", f"{_PUBLISHED} AND NOT ({_agreed('publiccopy', 'OLD.id')})", REFUSAL),
)
SQLITE_COPY_RULES: tuple[Rule, ...] = (
    ("registry_publiccopy", "BEFORE INSERT", _taken("registry_publiccopy", "sha256", "previous_id"), REFUSAL),
)


class Rules(Operation):
    """What the database refuses: (table, act, when it is refused, what is then said). They are numbered by `name`.

    `on_sqlite` are more of them for SQLite alone, with the moment: BEFORE INSERT.
    """

    reversible = True

    def __init__(self, name: str, rules: Sequence[Rule], on_sqlite: Sequence[Rule] = ()) -> None:
        self.name, self.rules, self.on_sqlite = name, tuple(rules), tuple(on_sqlite)

    def state_forwards(self, app_label: str, state: Any) -> None:
        pass

    def database_forwards(self, app_label: str, editor: Any, from_state: Any, to_state: Any) -> None:
        made = {"sqlite": self._sqlite, "postgresql": self._postgresql}[editor.connection.vendor]
        for statement in made(editor):
            editor.execute(statement, params=None)

    def _sqlite(self, editor: Any) -> list[str]:
        rules = [(table, f"BEFORE {act}", refused, words) for table, act, refused, words in self.rules]
        return [
            f"CREATE TRIGGER {self.name}_{number} {act} ON {table}{f' WHEN ({refused})' if refused else ''} "
            f"BEGIN SELECT RAISE(ABORT, '{words}'); END"
            for number, (table, act, refused, words) in enumerate([*rules, *self.on_sqlite])
        ]

    def _postgresql(self, editor: Any) -> list[str]:
        made = []
        for number, (table, act, refused, words) in enumerate(self.rules):
            name = f"{self.name}_{number}"
            test = f"IF ({refused}) THEN {_raised(words)} END IF; " if refused else _raised(words)
            made += [
                f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql {_search_path(editor)} AS "
                f"$$ BEGIN {test} RETURN COALESCE(NEW, OLD); END $$",
                f"CREATE TRIGGER {name} BEFORE {act} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()",
            ]
        return made

    def database_backwards(self, app_label: str, editor: Any, from_state: Any, to_state: Any) -> None:
        on_postgresql = editor.connection.vendor == "postgresql"
        rules = self.rules if on_postgresql else (*self.rules, *self.on_sqlite)
        for number, (table, *_rest) in enumerate(rules):
            name = f"{self.name}_{number}"
            editor.execute(f"DROP TRIGGER {name}" + (f" ON {table}" if on_postgresql else ""), params=None)
            if on_postgresql:
                editor.execute(f"DROP FUNCTION {name}", params=None)

    def describe(self) -> str:
        return f"Refuse by {self.name}"


class NotEmptied(Operation):
    """A table of which no row may be deleted: on PostgreSQL a TRUNCATE would empty it past its triggers."""

    reversible = True

    def __init__(self, table: str) -> None:
        self.table = table

    def state_forwards(self, app_label: str, state: Any) -> None:
        pass

    def database_forwards(self, app_label: str, editor: Any, from_state: Any, to_state: Any) -> None:
        if editor.connection.vendor == "postgresql":
            editor.execute(_not_emptied(self.table), params=None)

    def database_backwards(self, app_label: str, editor: Any, from_state: Any, to_state: Any) -> None:
        if editor.connection.vendor == "postgresql":
            editor.execute(f"DROP TRIGGER two_people_{self.table}_truncate ON {self.table}", params=None)

    def describe(self) -> str:
        return f"Keep the rows of {self.table}"


class GuardProposals(Rules):
    """What lets a proposal be carried out, and the functions of the guards on PostgreSQL."""

    def __init__(self) -> None:
        super().__init__("two_people_rule", RULES, SQLITE_RULES)

    def _postgresql(self, editor: Any) -> list[str]:
        not_emptied = (
            "CREATE FUNCTION registry_not_emptied() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{REFUSAL}: %', TG_TABLE_NAME; END $$"
        )
        guard = POSTGRESQL_FUNCTION.replace("{search_path}", _search_path(editor))
        return [guard, not_emptied, *super()._postgresql(editor), *map(_not_emptied, _KEPT)]

    def database_backwards(self, app_label: str, editor: Any, from_state: Any, to_state: Any) -> None:
        super().database_backwards(app_label, editor, from_state, to_state)
        if editor.connection.vendor == "postgresql":
            editor.execute("DROP FUNCTION registry_two_people", params=None)
            editor.execute("DROP FUNCTION registry_not_emptied CASCADE", params=None)

    def describe(self) -> str:
        return "Guard the proposals"


def _search_path(editor: Any) -> str:
    """The tables of the register are meant, not temporary ones of the same names."""
    with editor.connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(current_schema())")
        return f"SET search_path = {cursor.fetchone()[0]}, pg_temp"


def _raised(words: str) -> str:
    return f"RAISE EXCEPTION '{words}';"
