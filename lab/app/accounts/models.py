"""Users, and the personal data that a real site has of them."""

from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):
    """A person with an account. Name and e-mail address are Django's own fields."""

    email = models.EmailField("e-mail address", unique=True)
    birthday = models.DateField(null=True, blank=True)


class SsoToken(models.Model):
    """What another site's single sign-on gave us for a user: as good as a password."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sso_tokens")
    provider = models.CharField(max_length=50)
    subject = models.CharField(max_length=200)
    secret = models.CharField(max_length=200)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["provider", "subject"], name="one_user_per_subject")]

    def __str__(self) -> str:
        return f"{self.user} at {self.provider}"
