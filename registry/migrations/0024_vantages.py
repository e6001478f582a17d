"""Two people agree on all that an admission says, and on revoking."""

from django.db import migrations, models

from registry.guards import Guard

VANTAGE = (
    "name", "network_id", "region", "role", "state", "source", "public_key", "takes_unreviewed", "way", "consent_on",
    "consent_version", "excluded_categories", "revoked_at",
)


class Migration(migrations.Migration):

    dependencies = [
        ('checks', '0011_probe_locations'),
        ('registry', '0023_copies'),
    ]

    operations = [
        migrations.AlterField(
            model_name='proposal',
            name='operation',
            field=models.CharField(choices=[('create', 'add an entry'), ('correct', 'correct an entry'), ('withdraw', 'withdraw an entry'), ('restore', 'restore an entry'), ('merge', 'join two entries of one thing'), ('publish', 'publish a paper'), ('redact', 'blacken a published paper'), ('pack', 'publish a country pack'), ('admit', 'admit a probe location'), ('revoke', 'revoke a probe location')], max_length=10, verbose_name='operation'),
        ),
        Guard("checks_vantage", "vantage", "id", VANTAGE, only=("source", "own"), unique=["name", "public_key"]),
    ]
