"""Examine the server: `look` collects facts on it, `fitness` judges them, `ssh` fetches them.

`look` and `fitness` also run on the server by themselves, with only Python's standard library (3.8 and later).
"""
