"""Where each resource stands, counted; and on PostgreSQL an index for names by any letters in them."""

import django.db.models.deletion
from django.db import migrations, models

# As registry.search compares letters. Without pg_trgm a search reads every name, which a small register can bear.
INDEX = """CREATE INDEX registry_resource_letters ON registry_resource
           USING gin (replace(search, 'ё', 'е') gin_trgm_ops)"""


def forwards(apps, editor):
    if editor.connection.vendor != "postgresql":
        return
    with editor.connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'pg_trgm'")
        if cursor.fetchone():
            cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
            cursor.execute(INDEX)


def backwards(apps, editor):
    if editor.connection.vendor == "postgresql":
        editor.execute("DROP INDEX IF EXISTS registry_resource_letters", params=None)


class Migration(migrations.Migration):
    dependencies = [("registry", "0009_clocks_and_requests")]
    operations = [
        migrations.CreateModel(
            name="Tally",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("counted_at", models.DateTimeField()),
                ("seconds", models.FloatField()),
                ("counts", models.JSONField(default=dict)),
            ],
            options={"verbose_name": "tally", "verbose_name_plural": "tallies"},
        ),
        migrations.CreateModel(
            name="Standing",
            fields=[
                (
                    "resource",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="standing",
                        serialize=False,
                        to="registry.resource",
                    ),
                ),
                ("legal", models.CharField(max_length=12)),
                ("listed", models.CharField(max_length=8)),
                ("observed", models.CharField(max_length=14)),
                ("situation", models.CharField(max_length=24)),
                ("states", models.CharField(max_length=120)),
            ],
            options={
                "verbose_name": "standing of a resource",
                "verbose_name_plural": "standings of resources",
                "indexes": [
                    models.Index(fields=["situation"], name="standing_situation"),
                    models.Index(fields=["legal", "listed", "observed"], name="standing_place"),
                ],
            },
        ),
        migrations.RunPython(forwards, backwards),
    ]
