"""`toybox restore volume`: prod's data put back on a restore point, with a way back."""
