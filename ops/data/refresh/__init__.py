"""`toybox refresh`: make staging's data again from a restore point of prod."""
