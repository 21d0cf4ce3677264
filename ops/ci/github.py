"""GitHub's REST API, as far as a comment needs it: the edge of ops.ci.

docs.github.com/rest/issues/comments, API version 2022-11-28: a pull request's conversation is that of an issue.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ops import OpsError
from ops.ci.comment import Comment


@dataclass(frozen=True)
class PullRequest:
    """The pull request that a job runs for, and the job's own token."""

    api: str
    repository: str
    number: int
    commit: str
    """The last one that was pushed to it. GITHUB_SHA is another: the merge that GitHub tries."""
    token: str = field(repr=False)

    @classmethod
    def of_the_job(cls, environment: Mapping[str, str]) -> "PullRequest":
        """As GitHub describes it to a job. Raises OpsError if this is no job for a pull request, or has no token."""
        lacking = [
            name for name in ("GITHUB_API_URL", "GITHUB_REPOSITORY", "GITHUB_EVENT_PATH") if not environment.get(name)
        ]
        event: Any = {} if lacking else json.loads(Path(environment["GITHUB_EVENT_PATH"]).read_text())
        if lacking or "pull_request" not in event:
            raise OpsError("This is no CI job for a pull request, so there is nothing to comment on.")
        if not environment.get("GITHUB_TOKEN"):
            raise OpsError(
                "GITHUB_TOKEN is missing.\n"
                "    Way out: Give the step `env: GITHUB_TOKEN: ${{ github.token }}`, and the job the permission\n"
                "             `pull-requests: write`."
            )
        return cls(
            api=environment["GITHUB_API_URL"],
            repository=environment["GITHUB_REPOSITORY"],
            number=event["pull_request"]["number"],
            commit=event["pull_request"]["head"]["sha"],
            token=environment["GITHUB_TOKEN"],
        )

    def comments(self) -> list[Comment]:
        """All comments in its conversation, the oldest first."""
        found: list[Comment] = []
        page = 1
        while batch := self._call("GET", f"issues/{self.number}/comments?per_page=100&page={page}"):
            found += [Comment(each["id"], each["user"]["login"], each["body"] or "") for each in batch]
            if len(batch) < 100:
                break
            page += 1
        return found

    def create(self, text: str) -> None:
        """Write a comment."""
        self._call("POST", f"issues/{self.number}/comments", text)

    def edit(self, comment: int, text: str) -> None:
        """Change a comment."""
        self._call("PATCH", f"issues/comments/{comment}", text)

    def _call(self, method: str, path: str, text: str | None = None) -> Any:
        import requests

        url = f"{self.api}/repos/{self.repository}/{path}"
        try:
            answer = requests.request(
                method,
                url,
                json=None if text is None else {"body": text},
                headers={
                    "Accept": "application/vnd.github+json",
                    "Authorization": f"Bearer {self.token}",
                    "X-GitHub-Api-Version": "2022-11-28",
                },
                timeout=30,
            )
            if answer.ok:
                return answer.json()
            said = f"{answer.status_code} {answer.reason}"
        except (requests.RequestException, ValueError) as error:
            said = f"{type(error).__name__}: {error}"
        raise OpsError(
            f"GitHub did not take the comment: {method} {url}: {said}\n"
            "    Why:     The pull request does not say what this change would do; the job's log does.\n"
            "    Way out: 403 or 404: the job needs the permission `pull-requests: write`. Else run the job again."
        )
