"""Measurements lie in partitions by month (PostgreSQL), and no foreign key of the database leaves them.

On a table of millions this copies every row and takes as long; nothing else can be recorded meanwhile.
"""

import django.db.models.deletion
from django.db import migrations, models
from django.utils import timezone

from checks import partitions


def part(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    table, whole, other = partitions.TABLE, f"{partitions.TABLE}_whole", partitions.OTHER
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema() AND tablename = %s"
            " AND indexdef NOT LIKE 'CREATE UNIQUE%%'",
            [table],
        )
        indexes = [row[0] for row in cursor.fetchall()]
        cursor.execute(f"ALTER TABLE {table} RENAME TO {whole}")
        like = "INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE INCLUDING COMPRESSION"
        cursor.execute(f"CREATE TABLE {table} (LIKE {whole} {like}) PARTITION BY RANGE (id)")
        cursor.execute(f"CREATE TABLE {other} PARTITION OF {table} DEFAULT")
        cursor.execute(f"SELECT id FROM {whole} WHERE origin IS NULL ORDER BY id LIMIT 1")
        oldest = cursor.fetchone()
        now = timezone.now()
        month = partitions.month_of(oldest[0]) if oldest else partitions.first_day(now)
        while month <= partitions.after(partitions.first_day(now), partitions.AHEAD):
            begin, end = partitions.bounds(month)
            name = partitions.name(month)
            cursor.execute(f"CREATE TABLE {name} PARTITION OF {table} FOR VALUES FROM ('{begin}') TO ('{end}')")
            month = partitions.after(month)
        cursor.execute(f"INSERT INTO {table} SELECT * FROM {whole}")
        cursor.execute(f"DROP TABLE {whole}")
        cursor.execute(f"ALTER TABLE {table} ADD CONSTRAINT {table}_pkey PRIMARY KEY (id)")
        for index in indexes:
            cursor.execute(index)
        cursor.execute("SELECT relid::regclass::text FROM pg_partition_tree(%s) WHERE isleaf", [table])
        for (name,) in cursor.fetchall():
            partitions.only_once(name)


def to(model, verbose_name):
    return models.ForeignKey(
        db_constraint=False,
        on_delete=django.db.models.deletion.PROTECT,
        related_name="measurements",
        to=f"checks.{model}",
        verbose_name=verbose_name,
    )


class Migration(migrations.Migration):
    dependencies = [
        ("checks", "0015_certificates_apart"),
    ]

    operations = [
        *(
            migrations.AlterField(model_name="measurement", name=name, field=to(name, name))
            for name in ("run", "target", "vantage", "network")
        ),
        migrations.RunPython(part, migrations.RunPython.noop),
    ]
