"""`toybox staging refresh`: staging's data made anew from a restore point of prod."""
