"""Runs a job of a workflow as GitHub's runner does: the very `run:` lines, in order, read from the file.

What it knows of GitHub's expressions is the table that a test gives it: an expression that is not in there fails the
test, so that nothing runs here that would mean something else there. No action runs: a function of the test stands for
it and gets its inputs, and an action without one fails the test.
"""

import os
import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

EXPRESSION = re.compile(r"\$\{\{ *(.*?) *\}\}")

CHECKOUT_ACTION = re.compile(r"actions/checkout@[0-9a-f]{40}")
"""In its place stands the copy of the program in which the test's jobs run."""

SHELL = {"bash": ("bash", "--noprofile", "--norc", "-eo", "pipefail")}
"""How GitHub starts it where a workflow says `shell: bash` (docs.github.com, workflow syntax, read 2026-11-24)."""

Actions = Mapping[str, Callable[[Mapping[str, str]], None]]
"""By the name of an action, without its commit: what stands for it. It gets what the step gives `with`."""

Conditions = Mapping[str, Callable[[Mapping[str, str]], bool]]
"""By the text of an `if:`, whether the step runs, given the outcomes of the steps with an id."""


@dataclass
class Job:
    """One job of one workflow."""

    file: Path
    name: str
    folder: Path
    """The checkout."""
    temporary: Path
    """RUNNER_TEMP, and where the runner keeps its own files."""
    environment: dict[str, str] = field(repr=False)
    """What the runner has by itself."""
    values: dict[str, str] = field(repr=False)
    """Expressions and what stands for them."""
    conditions: Conditions = field(default_factory=dict)
    actions: Actions = field(default_factory=dict)
    outcomes: dict[str, str] = field(default_factory=dict)
    """How each step ended, by its name."""
    log: str = ""

    def run(self) -> "Job":
        """Run the steps, in order. After one has failed, only those run that say so."""
        workflow: dict[Any, Any] = yaml.safe_load(self.file.read_text())
        shell = SHELL[workflow["defaults"]["run"]["shell"]]
        self.temporary.mkdir(parents=True)
        self.values["runner.temp"] = str(self.temporary)
        for name in ("env", "path"):
            (self.temporary / name).touch()
        for step in workflow["jobs"][self.name]["steps"]:
            if CHECKOUT_ACTION.fullmatch(step.get("uses", "")):
                continue
            outcome = self.outcome_of(step, shell) if self.runs(step) else "skipped"
            self.outcomes[step["name"]] = outcome
            if "id" in step:
                self.values[f"steps.{step['id']}.outcome"] = outcome
        return self

    @property
    def failed(self) -> bool:
        """Whether a step has."""
        return "failure" in self.outcomes.values()

    def runs(self, step: Mapping[str, Any]) -> bool:
        """Whether it is this step's turn."""
        if "if" not in step:
            return not self.failed
        condition = str(step["if"])
        assert condition in self.conditions, f"{condition}: say what it means here"
        return self.conditions[condition](self.values) and ("always()" in condition or not self.failed)

    def outcome_of(self, step: Mapping[str, Any], shell: tuple[str, ...]) -> str:
        """Run one step and say how it ended, in GitHub's words."""
        if "uses" in step:
            action = step["uses"].partition("@")[0]
            assert action in self.actions, f"{action}: say what stands for it here"
            self.actions[action]({name: self.evaluated(str(value)) for name, value in step["with"].items()})
            return "success"
        script = self.temporary / "step.sh"
        script.write_text(self.evaluated(step["run"]))
        done = subprocess.run(
            [*shell, str(script)],
            cwd=self.folder,
            env=self.shell_environment() | {k: self.evaluated(str(v)) for k, v in step.get("env", {}).items()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
            check=False,
        )
        self.log += f"--- {step['name']}: {script.read_text().strip()}\n{done.stdout}--- ended with {done.returncode}\n"
        return "success" if done.returncode == 0 else "failure"

    def evaluated(self, text: str) -> str:
        """The text with each expression's value in its place."""
        return EXPRESSION.sub(lambda found: self.values[found[1]], text)

    def shell_environment(self) -> dict[str, str]:
        """The runner's own, and what steps before have added through GITHUB_ENV and GITHUB_PATH."""
        runners_own = {
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_ENV": str(self.temporary / "env"),
            "GITHUB_PATH": str(self.temporary / "path"),
            "RUNNER_TEMP": str(self.temporary),
        }
        added = dict(line.split("=", 1) for line in (self.temporary / "env").read_text().splitlines())
        path = [*reversed((self.temporary / "path").read_text().splitlines()), self.environment["PATH"]]
        return {**self.environment, **runners_own, **added, "PATH": os.pathsep.join(path)}
