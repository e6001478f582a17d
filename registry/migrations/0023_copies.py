from django.db import migrations

from registry.guards import COPY_RULES, SQLITE_COPY_RULES, NotEmptied, Rules


class Migration(migrations.Migration):

    dependencies = [
        ('registry', '0022_prepared'),
    ]

    operations = [
        Rules("two_people_copy", COPY_RULES, SQLITE_COPY_RULES),
        NotEmptied("registry_publiccopy"),
    ]
