from django.urls import path, re_path
from rest_framework.routers import SimpleRouter

from registry.api import reference, views

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
for name, view in {
    "resources": views.Resources,
    "alarms": views.Alarms,
    "categories": views.Categories,
    "restrictions": views.Restrictions,
    "acts": views.Acts,
    "documents": views.Documents,
    "appeals": views.Appeals,
    "authorities": views.Authorities,
    "statements": views.Statements,
    "notices": views.Notices,
    "figures": views.Figures,
    "errata": views.Errata,
    "events": views.Events,
    "listings": views.Listings,
    "snapshots": views.Snapshots,
    "requests": views.Requests,
    "deadlines": views.Deadlines,
    "holidays": views.Holidays,
    "networks": views.Networks,
    "vantages": views.Vantages,
    "targets": views.Targets,
    "runs": views.Runs,
    "measurements": views.Measurements,
    "verdicts": views.Verdicts,
    "episodes": views.Episodes,
    "archives": views.Archives,
}.items():
    router.register(f"v1/{name}", view, basename=name)

urlpatterns = [
    path("v1/", reference.page, name="api"),
    path("v1/openapi.json", reference.OpenAPI.as_view(), name="openapi"),
    path("v1/lookup", views.LookUp.as_view(), name="api-lookup"),
    path("v1/reports", views.Reports.as_view(), name="api-reports"),
    path("v1/reports/<str:receipt>", views.ReportByReceipt.as_view(), name="api-report"),
    path("v1/problems", views.Problems.as_view(), name="api-problems"),
    path("v1/problems/<str:receipt>", views.ProblemByReceipt.as_view(), name="api-problem"),
    path("v1/log/", views.Log.as_view(), name="api-log"),
    path("v1/echo", views.Echo.as_view(), name="api-echo"),
    path("v1/stats", views.Stats.as_view(), name="api-stats"),
    *router.urls,
    re_path(r"^v1/[\s\S]+\Z", views.Nothing.as_view()),
]
