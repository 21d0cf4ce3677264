"""What the program declares and the commands know again: volumes, ports, type tokens.

Constants only: `components` declares with them, and `ops` recognizes by them. The names in the cloud are in
conoha/names.py, the paths on the server in host/look.py, which runs there without other files.
"""
