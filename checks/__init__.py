"""The checks behind settings.py: what a single value must look like, which values fit together, and how to say it.

Everything here is pure. A refusal always has four parts: where, what is wrong, why it matters, and the way out.
"""
