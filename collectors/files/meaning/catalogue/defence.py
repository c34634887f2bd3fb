"""What watches, logs and filters on this host, and where its software comes from."""

from __future__ import annotations

from collectors.files.meaning.catalogue.role import HIGH, LIB, MEDIUM, SYSTEMD, Role

_OURS = r"ronda-(?:agent|server)\.(?:service|socket|timer)(?:\.d(?:/.*)?)?"

ROLES = (
    Role(
        "ronda",
        HIGH,
        ("T1562.001",),
        (
            r"/etc/ronda(?:/.*)?",
            rf"{SYSTEMD}/system(?:\.control)?/(?:[^/]+\.(?:wants|requires)/)?{_OURS}",
            r"/usr/(?:local/)?s?bin/ronda(?:-agent)?",
            r"/(?:usr/lib|usr/share|opt)/ronda(?:-agent)?/.*",
            r"/usr/lib/sysusers\.d/ronda-[^/]+",
            r"/var/lib/ronda-agent(?:/identity(?:/.*)?)?",
        ),
        deleted=HIGH,
    ),
    Role(
        "security_tool",
        HIGH,
        ("T1562.001",),
        (
            r"/etc/(?:fail2ban|apparmor|apparmor\.d|selinux|crowdsec|clamav|rkhunter\.d|aide)/.+",
            r"/etc/(?:osquery|suricata|snort|falco|samhain|tripwire|modsecurity|sssd)/.+",
            r"/etc/(?:aide|rkhunter|chkrootkit)\.conf(?:\.d/.+)?",
            r"/var/ossec/(?:etc|bin|rules|ruleset)/.+",
        ),
        deleted=HIGH,
    ),
    Role(
        "firewall",
        HIGH,
        ("T1562.004",),
        (
            r"/etc/(?:nftables|ufw|iptables|firewalld|shorewall|csf)(?:\.conf|/.+)",
            r"/etc/sysconfig/ip6?tables",
            r"/etc/hosts\.(?:allow|deny)",
        ),
        deleted=HIGH,
    ),
    Role(
        "audit_config",
        HIGH,
        ("T1562.012",),
        (r"/etc/audit/.+", r"/etc/audisp/.+", r"/etc/libaudit\.conf"),
        deleted=HIGH,
    ),
    Role(
        "log_config",
        HIGH,
        ("T1562.006",),
        (
            r"/etc/(?:r?syslog(?:-ng)?)(?:\.conf|\.d/.+|/.+)",
            rf"(?:/etc|{LIB})/systemd/journal[a-z-]*\.conf(?:\.d/.+)?",
            r"/etc/logrotate\.(?:conf|d/.+)",
        ),
        deleted=HIGH,
    ),
    Role(
        "trust",
        HIGH,
        ("T1553.004",),
        (
            r"/usr/local/share/ca-certificates/.+",
            r"/etc/ca-certificates(?:\.conf|/.+)",
            r"/etc/pki/ca-trust/source/.+",
        ),
    ),
    Role(
        "package_source",
        MEDIUM,
        ("T1195.002",),
        (
            r"/etc/apt/(?:sources\.list(?:\.d/.+)?|preferences(?:\.d/.+)?|auth\.conf(?:\.d/.+)?)",
            r"/etc/(?:yum|dnf)/.+",
            r"/etc/yum\.(?:conf|repos\.d/.+)",
            r"/etc/zypp/.+",
            r"/etc/pip\.conf",
        ),
    ),
    Role(
        "package_hook",
        HIGH,
        ("T1546.016", "T1195.002"),
        (
            r"/etc/apt/apt\.conf(?:\.d/.+)?",
            r"/etc/dpkg/dpkg\.cfg(?:\.d/.+)?",
            r"/usr/lib/(?:yum-plugins|python3/site-packages/dnf-plugins)/.+",
        ),
    ),
    Role(
        "package_key",
        HIGH,
        ("T1553", "T1195.002"),
        (
            r"/etc/apt/trusted\.gpg(?:\.d/.+)?",
            r"/etc/apt/keyrings/.+",
            r"/usr/share/keyrings/.+",
            r"/etc/pki/rpm-gpg/.+",
        ),
        text=False,
    ),
    Role(
        "sysctl",
        MEDIUM,
        ("T1562",),
        (rf"(?:/etc|/run|{LIB})/sysctl\.d/.+", r"/etc/sysctl\.conf"),
    ),
)
