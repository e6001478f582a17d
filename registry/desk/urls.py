"""Addresses of the desk under /desk/. Who has not signed in is led to the sign-in, as everywhere at the desk."""

from django.contrib import admin
from django.urls import path

from registry.desk import proposals

app_name = "desk"
urlpatterns = [
    path("proposals/", admin.site.admin_view(proposals.proposals), name="proposals"),
    path("proposals/<int:pk>/", admin.site.admin_view(proposals.proposal), name="proposal"),
]
