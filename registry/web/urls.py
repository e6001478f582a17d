"""The pages under /kk/, /ru/ and /en/; each module of pages names its own."""

from registry.web import claims, evidence, law, register, state_register, submit

urlpatterns = [
    *register.urlpatterns,
    *law.urlpatterns,
    *claims.urlpatterns,
    *evidence.urlpatterns,
    *state_register.urlpatterns,
    *submit.urlpatterns,
]
