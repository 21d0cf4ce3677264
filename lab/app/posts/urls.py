"""Addresses of the feed and its posts."""

from django.urls import path

from posts.views import Feed, NewPost, PostPage

urlpatterns = [
    path("", Feed.as_view(), name="feed"),
    path("posts/new/", NewPost.as_view(), name="new-post"),
    path("posts/<int:pk>/", PostPage.as_view(), name="post"),
]
