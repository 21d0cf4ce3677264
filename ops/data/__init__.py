"""The commands that move a stack's data: to another data volume, into the running stack, or away for good.

`restore`, `refresh`, `adopt` and `recover` bring data to a stack. `kept` has the volumes that they put aside. `volume`
has their common steps: the state, the settings and the records of a data volume.
"""
