"""Probe locations that may be anybody's: what they said, what is due when, what counts for a run, what failed."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


def fill(apps, schema_editor):
    """Runs of former times were due with their round; late results of old attempts close nothing."""
    run = apps.get_model("checks", "Run")
    rounds = apps.get_model("checks", "Round").objects.filter(pk=models.OuterRef("round"))
    run.objects.update(due_at=models.Subquery(rounds.values("slot")[:1]))
    measurements = apps.get_model("checks", "Measurement").objects.filter(origin__isnull=True)
    late = measurements.exclude(attempt=models.F("run__attempt")).values_list("pk", flat=True)
    measurements.filter(pk__in=list(late)).update(closing=False)


class Migration(migrations.Migration):

    dependencies = [
        ('checks', '0010_names_of_columns'),
    ]

    operations = [
        migrations.CreateModel(
            name='Enrolment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('token_sha256', models.CharField(max_length=64, unique=True, verbose_name='SHA-256 of the token')),
                ('admission', models.JSONField(verbose_name='what is to be admitted')),
                ('made_at', models.DateTimeField(verbose_name='made')),
                ('until', models.DateTimeField(verbose_name='can be used until')),
                ('used_at', models.DateTimeField(blank=True, null=True, verbose_name='used')),
            ],
            options={
                'verbose_name': 'enrolment',
                'verbose_name_plural': 'enrolments',
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='Nonce',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('value', models.CharField(max_length=32, verbose_name='number used once')),
                ('sent_at', models.DateTimeField(db_index=True, verbose_name='sent')),
            ],
            options={
                'verbose_name': 'number used once',
                'verbose_name_plural': 'numbers used once',
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='Parked',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('batch', 'record a batch'), ('judge', 'judge a run'), ('count', 'count a cell')], max_length=5, verbose_name='kind')),
                ('key', models.CharField(max_length=200, verbose_name='which')),
                ('failures', models.PositiveIntegerField(default=0, verbose_name='failures')),
                ('failed_at', models.DateTimeField(verbose_name='last failed')),
                ('traceback', models.TextField(verbose_name='traceback')),
                ('body', models.JSONField(blank=True, null=True, verbose_name='what it was')),
            ],
            options={
                'verbose_name': 'parked work',
                'verbose_name_plural': 'parked work',
                'ordering': ['-failed_at', 'id'],
            },
        ),
        migrations.RemoveIndex(
            model_name='run',
            name='checks_run_state_56917d_idx',
        ),
        migrations.AddField(
            model_name='measurement',
            name='closing',
            field=models.BooleanField(default=True, verbose_name='counts for its run'),
        ),
        migrations.AddField(
            model_name='plan',
            name='priority',
            field=models.PositiveSmallIntegerField(choices=[(0, 'reported by the public'), (1, 'changed or disputed'), (2, 'the register'), (3, 'the long tail')], default=2, verbose_name='priority'),
        ),
        migrations.AddField(
            model_name='run',
            name='due_at',
            field=models.DateTimeField(default=django.utils.timezone.now, verbose_name='not before'),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='run',
            name='failure',
            field=models.CharField(blank=True, default='', max_length=200, verbose_name='failure'),
        ),
        migrations.AddField(
            model_name='run',
            name='priority',
            field=models.PositiveSmallIntegerField(choices=[(0, 'reported by the public'), (1, 'changed or disputed'), (2, 'the register'), (3, 'the long tail')], default=2, verbose_name='priority'),
        ),
        migrations.AlterField(
            model_name='run',
            name='state',
            field=models.CharField(choices=[('planned', 'planned'), ('waiting', 'waits for its control'), ('ready', 'ready'), ('recorded', 'recorded'), ('failed', 'failed')], max_length=8, verbose_name='state'),
        ),
        migrations.AddField(
            model_name='target',
            name='watched_until',
            field=models.DateTimeField(blank=True, db_index=True, null=True, verbose_name='watched until'),
        ),
        migrations.AddField(
            model_name='vantage',
            name='revoked_at',
            field=models.DateTimeField(blank=True, null=True, verbose_name='revoked'),
        ),
        migrations.AddField(
            model_name='vantage',
            name='said',
            field=models.JSONField(blank=True, default=dict, verbose_name='what it says of itself'),
        ),
        migrations.AddField(
            model_name='vantage',
            name='way',
            field=models.CharField(choices=[('queue', 'by queue'), ('door', 'over HTTPS')], default='queue', max_length=5, verbose_name='how work comes to it'),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name='run',
            index=models.Index(condition=models.Q(('state__in', ['planned', 'waiting', 'ready'])), fields=['vantage', 'priority', 'due_at'], name='run_open'),
        ),
        migrations.AddIndex(
            model_name='run',
            index=models.Index(condition=models.Q(('judged_at__isnull', True), ('state', 'recorded')), fields=['vantage', 'id'], name='run_unjudged'),
        ),
        migrations.AddConstraint(
            model_name='measurement',
            constraint=models.UniqueConstraint(condition=models.Q(('origin__isnull', True)), fields=('run', 'target', 'attempt'), name='measurement_once_an_attempt'),
        ),
        migrations.AddConstraint(
            model_name='measurement',
            constraint=models.UniqueConstraint(condition=models.Q(('closing', True), ('origin__isnull', True)), fields=('run', 'target'), name='measurement_one_closes'),
        ),
        migrations.AddField(
            model_name='nonce',
            name='vantage',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='nonces', to='checks.vantage', verbose_name='vantage'),
        ),
        migrations.AddConstraint(
            model_name='parked',
            constraint=models.UniqueConstraint(fields=('kind', 'key'), name='parked_once'),
        ),
        migrations.AddConstraint(
            model_name='nonce',
            constraint=models.UniqueConstraint(fields=('vantage', 'value'), name='nonce_once'),
        ),
    ]
