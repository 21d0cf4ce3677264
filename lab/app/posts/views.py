"""The feed, a post, and writing one."""

from functools import partial

from django import forms
from django.contrib.auth.mixins import LoginRequiredMixin
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpResponse
from django.views.generic import DetailView, FormView, ListView

from posts.models import Card, Image, Post
from posts.tasks import make_thumbnail


class Feed(ListView):
    """The newest posts, and the cards beside them."""

    queryset = Post.objects.select_related("author").prefetch_related("images")
    paginate_by = 20
    template_name = "posts/feed.html"
    context_object_name = "posts"

    def get_context_data(self, **kwargs):
        return super().get_context_data(cards=Card.objects.all(), **kwargs)


class PostPage(DetailView):
    """One post."""

    queryset = Post.objects.select_related("author").prefetch_related("images")
    template_name = "posts/post.html"


class ManyFiles(forms.ClearableFileInput):
    """Django's file input, for several files at once."""

    allow_multiple_selected = True


class Images(forms.ImageField):
    """Any number of images, each of them checked."""

    widget = ManyFiles

    def clean(self, data, initial=None):
        files = data if isinstance(data, list | tuple) else [data]
        check = partial(super().clean, initial=initial)
        return [check(file) for file in files if file]


class PostForm(forms.Form):
    """A new post."""

    body = forms.CharField(widget=forms.Textarea, max_length=2000)
    images = Images(required=False)

    def clean_images(self) -> list:
        images = self.cleaned_data["images"]
        if len(images) > 10:
            raise ValidationError("Ten images at most.")
        return images


class NewPost(LoginRequiredMixin, FormView):
    """Writing a post."""

    form_class = PostForm
    template_name = "posts/new_post.html"

    def form_valid(self, form: PostForm) -> HttpResponse:
        with transaction.atomic():
            post = Post.objects.create(author=self.request.user, body=form.cleaned_data["body"])
            for file in form.cleaned_data["images"]:
                image = Image.objects.create(post=post, file=file)
                # not before the worker can see the row; without Redis the post stays, and has no thumbnail
                transaction.on_commit(partial(make_thumbnail.delay, image.pk), robust=True)
        self.success_url = post.get_absolute_url()
        return super().form_valid(form)
