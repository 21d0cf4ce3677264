"""`toybox ci`: what the workflows in .github/workflows need besides the commands of operators.

A job gets the shell that docs/guides/getting-started.md sets up for operators. It runs their commands, and writes into
the pull request what an operator reads on the screen.
"""
