"""The refusal: a problem with its reason and its way out."""


class Refusal(Exception):  # noqa: N818 - "raise Refusal" is what happens
    """Ends a job or a command. Its text has the problem, the reason and the way out."""

    def __init__(self, problem: str, why: str, way_out: str) -> None:
        self.problem = problem
        super().__init__(f"{problem}\n    Why:     {why}\n    Way out: {way_out}")
