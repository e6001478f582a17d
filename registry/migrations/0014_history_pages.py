"""The log is read by what was done, by whose hand, and by the hour."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("registry", "0013_names_of_columns")]

    operations = [
        # NULL without a default: SQLite adds it to the table as it is, with its triggers. What stands there already
        # cannot be changed, so entries of version 1 have none.
        migrations.AddField(
            model_name="logentry",
            name="role",
            field=models.CharField(max_length=40, null=True, verbose_name="hand"),
        ),
        migrations.AddIndex(
            model_name="logentry",
            index=models.Index(fields=["operation", "id"], name="log_operation"),
        ),
        migrations.AddIndex(
            model_name="logentry",
            index=models.Index(fields=["role", "id"], name="log_role"),
        ),
        migrations.AddIndex(
            model_name="logentry",
            index=models.Index(fields=["at"], name="log_hour"),
        ),
    ]
