"""The site's addresses."""

from django.contrib import admin
from django.urls import include, path

from accounts.views import SignUp

urlpatterns = [
    path("admin/", admin.site.urls),
    path("accounts/signup/", SignUp.as_view(), name="signup"),
    path("accounts/", include("django.contrib.auth.urls")),
    path("", include("posts.urls")),
]
