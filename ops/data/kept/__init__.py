"""`toybox kept`: a stack's data volumes that were put aside. They cost money until they are deleted."""
