"""The pages under /kk/, /ru/ and /en/; each module of pages names its own."""

from registry.web import evidence, law, register, stale, submit

urlpatterns = [*register.urlpatterns, *law.urlpatterns, *evidence.urlpatterns, *stale.urlpatterns, *submit.urlpatterns]
