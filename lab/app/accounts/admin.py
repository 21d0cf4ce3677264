"""Accounts on the admin site."""

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin

from accounts.models import SsoToken, User

admin.site.register(User, UserAdmin)


@admin.register(SsoToken)
class SsoTokenAdmin(admin.ModelAdmin):
    """Which sign-ons a user has; the secret is not shown."""

    list_display = ["user", "provider", "subject"]
    exclude = ["secret"]
