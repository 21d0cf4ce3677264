"""`toybox ci`: what the workflows in .github/workflows need besides the commands of operators.

A job is an operator without hands: it gets the same shell as README sets up, runs the same commands, and says in the
pull request what an operator would read on the screen.
"""
