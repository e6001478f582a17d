"""Every column of the evidence has a name at the desk."""

from django.db import migrations

from checks.column_names import NameColumns

NAMES = {'cell': {'candidate': 'state that may come next',
          'candidate_since': 'may come next since',
          'checkpoint': 'where counting goes on from',
          'counted_from': 'counted from',
          'counted_until': 'counted until',
          'counts': 'verdicts, by class',
          'fewer': 'fewer measurements than usual',
          'measurements': 'measurements',
          'rules': 'rules that decided',
          'runs': 'runs',
          'usual': 'usual number of measurements',
          'vantages': 'vantages',
          'witnesses': 'deciding measurements'},
 'episode': {'checkpoint': 'where counting goes on from',
             'decided_at': 'decided by the measurement of',
             'not_before': 'began not before',
             'seen_at': 'last measurement that agreed',
             'witnesses': 'deciding measurements'},
 'import': {'examples': 'the first refused', 'refused': 'refused, by reason', 'sha256': 'SHA-256'},
 'measurement': {'attempt': 'attempt',
                 'document': 'record of the visit',
                 'origin': 'where it is imported from',
                 'recorded_at': 'recorded at',
                 'run': 'run',
                 'vantage': 'vantage'},
 'network': {'note': 'note', 'silent_since': 'silent since'},
 'plan': {'period': 'how often', 'targets': 'targets', 'vantages': 'vantages'},
 'recount': {'asked_at': 'asked at'},
 'run': {'addresses': 'addresses that the control saw',
         'self_test': 'what it found out about itself',
         'targets': 'targets'},
 'target': {'host': 'host'},
 'vantage': {'consent_on': 'consent given on',
             'consent_version': 'version of the consent',
             'excluded_categories': 'excluded categories',
             'public_key': 'public key'},
 'verdict': {'artefact': 'a trace that only a censor leaves',
             'confidence': 'confidence',
             'confirmed': 'confirmed by a second look',
             'controls': 'control measurements',
             'fingerprints': 'revision of the fingerprints',
             'measurement': 'measurement',
             'notes': 'notes',
             'run': 'run',
             'trust_store': 'certificate store',
             'vantage': 'vantage'},
 'wave': {'changed_at': 'last change',
          'changes': 'sites on networks that changed',
          'found_at': 'found at',
          'hosts_measured': 'sites that were measured',
          'intervals': 'intervals',
          'mechanisms': 'mechanisms',
          'networks': 'networks',
          'networks_measured': 'networks that were measured',
          'seen_at': 'last evidence',
          'targets': 'targets',
          'vantages': 'vantages'}}


class Migration(migrations.Migration):
    dependencies = [('checks', '0009_more_columns_have_names')]

    operations = [
        NameColumns(NAMES),
    ]
