"""The `toybox` command: what operators do with a stack besides `pulumi up`."""


class OpsError(Exception):
    """Ends a command. Its text is all that the operator needs to see."""
