"""The pages under /kk/, /ru/ and /en/; each module of pages names its own."""

from registry.web import (
    claims,
    deadlines,
    errata,
    evidence,
    evidence_pack,
    history,
    law,
    problem,
    register,
    requests,
    stale,
    state_register,
    submit,
    vantages,
)

urlpatterns = [
    *register.urlpatterns,
    *evidence_pack.urlpatterns,
    *law.urlpatterns,
    *claims.urlpatterns,
    *evidence.urlpatterns,
    *vantages.urlpatterns,
    *stale.urlpatterns,
    *state_register.urlpatterns,
    *requests.urlpatterns,
    *deadlines.urlpatterns,
    *submit.urlpatterns,
    *problem.urlpatterns,
    *history.urlpatterns,
    *errata.urlpatterns,
]
