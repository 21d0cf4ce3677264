"""What cloud-init does at a server's first boot: the host key that every connection pins, and SSH for operators.

It is small and frozen. ConoHa takes at most 16 KiB of plain text whose first line is on an allow-list, and a change
would replace the server; everything that may change later travels in the host bundle.
"""

import json

SSHD_SETTINGS = """\
# Docker over SSH opens a connection for each call in flight: at sshd's default of 10 unauthenticated ones, a large
# `pulumi up` is refused at random (kreuzwerker/terraform-provider-docker #262).
MaxStartups 100:30:200
MaxSessions 100
PasswordAuthentication no
PermitRootLogin prohibit-password
"""


def render_user_data(*, host_private_key: str, host_public_key: str) -> str:
    """The `#cloud-config` text. Keys are in OpenSSH format; JSON is YAML, and needs no rules about quoting."""
    config = {
        "disable_root": False,
        "ssh_pwauth": False,
        "ssh_deletekeys": True,
        "ssh_keys": {
            # without a newline at the end sshd finds "no hostkeys available"
            "ed25519_private": host_private_key.strip() + "\n",
            "ed25519_public": host_public_key,
        },
        "write_files": [
            {
                "path": "/etc/ssh/sshd_config.d/10-toybox.conf",
                "content": SSHD_SETTINGS,
                "owner": "root:root",
                "permissions": "0644",
            }
        ],
        "runcmd": [["systemctl", "reload-or-restart", "ssh"]],
    }
    return "#cloud-config\n" + json.dumps(config, indent=1) + "\n"
