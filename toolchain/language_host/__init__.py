"""The language host: how the Pulumi CLI runs a program in Python, where the official host is not to be had."""
