"""Who may log in and become whom."""

from __future__ import annotations

from collectors.files.meaning.catalogue.role import HIGH, LIB, MEDIUM, Role

ROLES = (
    Role(
        "sudoers",
        HIGH,
        ("T1548.003",),
        (r"/etc/sudoers(?:\.d/.+)?", r"/usr/local/etc/sudoers(?:\.d/.+)?", r"/etc/doas\.conf"),
        deleted=MEDIUM,
    ),
    Role(
        "shadow",
        MEDIUM,
        ("T1098", "T1136.001"),
        (r"/etc/g?shadow", r"/etc/security/opasswd"),
        deleted=HIGH,
        secret=True,
    ),
    Role(
        "accounts",
        MEDIUM,
        ("T1136.001", "T1098.007"),
        (r"/etc/(?:passwd|group|subuid|subgid|login\.defs|shells|securetty)",),
        deleted=HIGH,
    ),
    Role(
        "authorized_keys",
        HIGH,
        ("T1098.004",),
        (
            r"(?:/[^/]+)+/\.ssh/authorized_(?:keys2?|principals)",
            r"/etc/ssh/authorized_keys(?:\.d)?(?:/.+)?",
            r"(?:/[^/]+)+/\.(?:rhosts|shosts)",
            r"/etc/(?:hosts|shosts)\.equiv",
        ),
    ),
    Role(
        "private_key",
        MEDIUM,
        ("T1552.004", "T1098.004"),
        (
            r"(?:/[^/]+)+/\.ssh/(?:id_[a-z0-9_]+|identity)",
            r"/etc/ssh/ssh_host_[^/]+_key",
            r"/etc/(?:ssl|pki)/(?:private|tls/private)/.+",
            r"/etc/letsencrypt/(?:archive|live|keys)/.+\.pem",
        ),
        secret=True,
    ),
    Role(
        "sshd",
        HIGH,
        ("T1098.004", "T1021.004"),
        (
            r"/etc/ssh/sshd_config(?:\.d/.+)?",
            r"/etc/ssh/sshrc",
            r"(?:/[^/]+)+/\.ssh/(?:rc|environment)",
        ),
    ),
    Role(
        "pam",
        HIGH,
        ("T1556.003",),
        (r"/etc/pam\.(?:conf|d/.+)", r"/usr/lib/pam\.d/.+", r"/etc/security/(?!opasswd)[^/]+"),
    ),
    Role(
        "pam_module",
        HIGH,
        ("T1556.003",),
        (rf"{LIB}(?:/[^/]+)?/security/pam_[^/]+\.so",),
        text=False,
    ),
)
