"""The server as it is: `look` finds facts on it, `fitness` judges them, `ssh` asks for them.

`look` and `fitness` also run on the server by themselves, with nothing but Python's standard library (3.8 and later).
"""
