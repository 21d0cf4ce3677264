"""The Docker network `keeper`: how the keeper's forward reaches the database, and nothing else.

Constants only: Docker, PostgreSQL and sshd must agree on them.
"""

NAME = "keeper"
SUBNET = "10.213.77.0/29"
GATEWAY = "10.213.77.1"
"""The host, as the database sees it: sshd's forward comes from here."""
DATABASE_ADDRESS = "10.213.77.2"
DATABASE_PORT = 5432
