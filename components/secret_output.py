"""From a secret setting to a secret output: encrypted in the state, masked wherever the engine prints it."""

import pulumi
from pydantic import SecretStr


def secret_output(value: SecretStr) -> pulumi.Output[str]:
    """The setting's value as an output that the engine keeps secret, with all that is made from it."""
    return pulumi.Output.secret(value.get_secret_value())
