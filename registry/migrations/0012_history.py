"""The log tells what was there before, and commits to what it does not show; no record's entries can fork."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("registry", "0011_resources")]

    operations = [
        migrations.AddField(
            model_name="logentry",
            name="previous",
            field=models.CharField(max_length=64, null=True, verbose_name="entry before"),
        ),
        # A condition makes it an index of its own: SQLite would otherwise build the table anew, without its triggers.
        migrations.AddConstraint(
            model_name="logentry",
            constraint=models.UniqueConstraint(
                condition=models.Q(("previous__isnull", False)),
                fields=("subject", "previous"),
                name="log_of_a_record_has_no_fork",
            ),
        ),
        migrations.CreateModel(
            name="PrivatePart",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("salt", models.CharField(max_length=64, verbose_name="salt")),
                ("content", models.TextField(verbose_name="content")),
                (
                    "entry",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="private_part",
                        to="registry.logentry",
                        verbose_name="log entry",
                    ),
                ),
            ],
            options={
                "verbose_name": "private part of a log entry",
                "verbose_name_plural": "private parts of log entries",
            },
        ),
    ]
