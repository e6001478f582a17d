from django.db import migrations

from registry.guards import Guard, NotEmptied, Rules

# A paper is taken in by one person, and waits; it never changes, and two make a document of it.
ORIGINAL = ("document_id", "hash", "size", "box", "keys", "taken_on", "taken_by")
UNLINKED = ("registry_original", "INSERT", "NEW.document_id IS NOT NULL", "an original begins by waiting")
# One person makes an event of a wave, and adds the networks and the measurements that are seen; never takes one away.
ADDED = ("network", "source")
AGREED = ("authority", "region")


class Migration(migrations.Migration):

    dependencies = [
        ('registry', '0020_hidings'),
    ]

    operations = [
        Guard("registry_original", "original", "id", ORIGINAL, inserts=False, unique=["document_id"]),
        Rules("two_people_original", (UNLINKED,)),
        *(
            Guard(
                f"registry_event_{table}", "event", "event_id", ("event_id", f"{name}_id"), inserts=name in AGREED,
                unique=["id"] if name in ADDED else [],
            )
            for name, table in (
                ("authority", "authorities"), ("region", "regions"), ("network", "networks"), ("source", "sources"),
            )
        ),
        NotEmptied("registry_hiding"),
    ]
