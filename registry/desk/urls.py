"""Addresses of the desk under /desk/. Who has not signed in is led to the sign-in, as everywhere at the desk."""

from django.contrib import admin
from django.urls import path, re_path

from registry.desk import (
    alarms,
    copies,
    hidings,
    packs,
    papers,
    passwords,
    problems,
    proposals,
    queue,
    taking_in,
    vantages,
)
from registry.desk.previews import preview
from registry.desk.work import KINDS

app_name = "desk"
_door = admin.site.admin_view
urlpatterns = [
    path("", _door(queue.first), name="queue"),
    path("password_change/", _door(passwords.ChangePassword.as_view()), name="password"),
    path("tables/", _door(admin.site.index), name="tables"),
    *(path(f"{name}/", _door(queue.kind(work)), name=name) for name, work in KINDS.items()),
    path("proposals/<int:pk>/", _door(proposals.proposal), name="proposal"),
    path("proposals/<int:pk>/preview/", _door(preview), name="preview"),
    path("proposals/<int:pk>/pack/<str:table>/", _door(packs.changes), name="pack"),
    path("proposals/<int:pk>/copy", _door(copies.copy), name="proposed_copy"),
    path("proposals/<int:pk>/copy/<int:number>", _door(copies.page), name="proposed_page"),
    path("reports/<int:pk>/", _door(taking_in.report), name="report"),
    path("candidates/<int:pk>/", _door(taking_in.candidate), name="candidate"),
    path("papers/", _door(papers.papers), name="papers"),
    path("papers/<int:pk>/", _door(papers.paper), name="paper"),
    re_path(r"^papers/copies/(?P<sha256>[0-9a-f]{64})\Z", _door(papers.copy), name="copy"),
    path("alarms/<int:pk>/", _door(alarms.alarm), name="alarm"),
    path("troubles/<int:pk>/", _door(vantages.trouble), name="trouble"),
    path("vantages/", _door(vantages.all_of_them), name="vantages"),
    path("vantages/<int:pk>/", _door(vantages.one), name="vantage"),
    path("sweeps/", _door(vantages.sweeps), name="sweeps"),
    path("parked/", _door(vantages.parked), name="parked"),
    path("problems/<int:pk>/", _door(problems.problem), name="problemreport"),
    path("hidings/new/", _door(hidings.new), name="hide"),
    path("hidings/<int:pk>/", _door(hidings.hiding), name="hiding"),
]
