"""`toybox kept`: the data volumes of a stack that were put aside, and which cost money until they are deleted."""
