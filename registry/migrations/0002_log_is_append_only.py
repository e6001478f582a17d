"""The database itself refuses to change or remove an entry of the log."""

from django.db import migrations

SQLITE = [
    """CREATE TRIGGER registry_logentry_no_update BEFORE UPDATE ON registry_logentry
       BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END""",
    """CREATE TRIGGER registry_logentry_no_delete BEFORE DELETE ON registry_logentry
       BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END""",
]
POSTGRESQL = [
    """CREATE FUNCTION registry_log_refuses() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN RAISE EXCEPTION 'the log is append-only'; END $$""",
    """CREATE TRIGGER registry_logentry_append_only BEFORE UPDATE OR DELETE ON registry_logentry
       FOR EACH ROW EXECUTE FUNCTION registry_log_refuses()""",
    """CREATE TRIGGER registry_logentry_no_truncate BEFORE TRUNCATE ON registry_logentry
       FOR EACH STATEMENT EXECUTE FUNCTION registry_log_refuses()""",
]
UNDO = {
    "sqlite": ["DROP TRIGGER registry_logentry_no_update", "DROP TRIGGER registry_logentry_no_delete"],
    "postgresql": [
        "DROP TRIGGER registry_logentry_append_only ON registry_logentry",
        "DROP TRIGGER registry_logentry_no_truncate ON registry_logentry",
        "DROP FUNCTION registry_log_refuses",
    ],
}


def forwards(apps, editor):
    for statement in {"sqlite": SQLITE, "postgresql": POSTGRESQL}[editor.connection.vendor]:
        editor.execute(statement, params=None)


def backwards(apps, editor):
    for statement in UNDO[editor.connection.vendor]:
        editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("registry", "0001_initial")]
    operations = [migrations.RunPython(forwards, backwards)]
