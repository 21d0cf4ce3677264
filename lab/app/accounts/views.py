"""Signing up."""

from django.contrib.auth import login
from django.contrib.auth.forms import UserCreationForm
from django.http import HttpResponse
from django.urls import reverse_lazy
from django.views.generic import CreateView

from accounts.models import User


class SignUpForm(UserCreationForm):
    """What we ask of a new user."""

    class Meta:
        model = User
        fields = ["username", "email"]


class SignUp(CreateView):
    """Makes an account and logs its owner in."""

    form_class = SignUpForm
    template_name = "registration/signup.html"
    success_url = reverse_lazy("feed")

    def form_valid(self, form: SignUpForm) -> HttpResponse:
        response = super().form_valid(form)
        login(self.request, self.object)
        return response
