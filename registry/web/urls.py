"""The pages under /kk/, /ru/ and /en/; each module of pages names its own."""

from registry.web import claims, deadlines, evidence, law, register, requests, state_register, submit

urlpatterns = [
    *register.urlpatterns,
    *law.urlpatterns,
    *claims.urlpatterns,
    *evidence.urlpatterns,
    *state_register.urlpatterns,
    *requests.urlpatterns,
    *deadlines.urlpatterns,
    *submit.urlpatterns,
]
