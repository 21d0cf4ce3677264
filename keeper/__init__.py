"""The keeper's own program: it runs on the keeper, pulls from the source and keeps what it pulled.

Standard library only, Python 3.11: Debian 12 brings all that it needs. The stack `keeper` puts it on the machine
(components/keeper).
"""
