"""Every address: pages under /kk/, /ru/, /en/, the API, the door of probes, papers, the desk under /desk/."""

from django.conf.urls.i18n import i18n_patterns
from django.contrib import admin
from django.urls import include, path, re_path
from django.views.i18n import set_language

from registry.api import probe_door
from registry.web import documents, errata, history, metrics, requests, views

urlpatterns = [
    path("", views.choose_language, name="root"),
    path("healthz", views.healthy, name="healthy"),
    path("metrics", metrics.metrics, name="metrics"),
    path("requests.ics", requests.calendar, name="requests_calendar"),
    path("history.atom", history.feed, name="history_feed"),
    path("errata.atom", errata.feed, name="errata_feed"),
    re_path(r"^documents/(?P<sha256>[0-9a-f]{64})\Z", documents.document, name="document"),
    path("api/", include("registry.api.urls")),
    path("probe/v1/claim", probe_door.claim, name="probe_claim"),
    path("probe/v1/batches", probe_door.batches, name="probe_batches"),
    path("probe/v1/enrol", probe_door.enrol, name="probe_enrol"),
    path("desk/language/", set_language, name="set_language"),
    path("desk/", include("registry.desk.urls")),
    path("desk/", admin.site.urls),
    *i18n_patterns(path("", include("registry.web.urls")), prefix_default_language=True),
]
