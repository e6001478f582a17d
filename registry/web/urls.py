"""The pages under /kk/, /ru/ and /en/; each module of pages names its own."""

from registry.web import deadlines, evidence, law, register, requests, submit

urlpatterns = [*register.urlpatterns, *law.urlpatterns, *evidence.urlpatterns, *submit.urlpatterns]
urlpatterns += [*requests.urlpatterns, *deadlines.urlpatterns]
