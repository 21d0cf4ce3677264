"""`toybox prod restore`: prod's data put back on a restore point, with a way back."""
