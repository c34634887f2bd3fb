"""Web server, applications, databases, names and networks; logs."""

from __future__ import annotations

from collectors.files.meaning.catalogue.role import HIGH, LOW, MEDIUM, Role

ROLES = (
    Role(
        "name_service",
        MEDIUM,
        ("T1565.001", "T1557"),
        (r"/etc/(?:hosts|nsswitch\.conf|host\.conf|gai\.conf)",),
    ),
    Role(
        "network",
        LOW,
        ("T1557",),
        (
            r"/etc/resolv\.conf",
            r"/etc/(?:netplan|NetworkManager|systemd/(?:network|resolved\.conf\.d)|network)/.+",
            r"/etc/systemd/(?:resolved|networkd)\.conf",
            r"/etc/(?:hostname|dhcpcd\.conf|dhcp/.+|wireguard/.+)",
            r"/etc/sysconfig/network(?:-scripts/.+)?",
        ),
    ),
    Role(
        "php_config",
        HIGH,
        ("T1505.003",),
        (
            r"/etc/php(?:/.+|\.ini|\.d/.+|-fpm\.conf|-fpm\.d/.+)",
            r"/usr/local/(?:etc/)?(?:php|lib)/(?:.+/)?(?:php\.ini|[^/]+\.ini)",
            r"(?:/[^/]+)+/(?:\.user|php)\.ini",
        ),
    ),
    Role(
        "web_override",
        MEDIUM,
        ("T1505.003",),
        (r"(?:/[^/]+)+/\.ht(?:access|groups?)", r"(?:/[^/]+)+/web\.config"),
    ),
    Role(
        "web_password",
        MEDIUM,
        ("T1098", "T1505.003"),
        (r"(?:/[^/]+)+/\.htpasswd",),
        secret=True,
    ),
    Role(
        "web_server",
        MEDIUM,
        ("T1505",),
        (
            r"/etc/(?:apache2|httpd|nginx|lighttpd|caddy|haproxy|tomcat\d*|litespeed|varnish)/.+",
            r"/usr/local/(?:nginx|apache2|lsws)/conf/.+",
            r"/usr/local/etc/(?:nginx|apache24)/.+",
        ),
    ),
    Role(
        "web_app_config",
        MEDIUM,
        ("T1505.003", "T1552.001"),
        (
            r"(?:/[^/]+)+/(?:wp-config|configuration|settings\.local|local_settings|config\.inc)\.php",
            r"(?:/var/www|/srv|/opt|/home/[^/]+)/(?:.+/)?\.env(?:\.[a-z]+)?",
            r"(?:/var/www|/srv|/opt|/home/[^/]+)/(?:.+/)?(?:config|database|db|koneksi)\.(?:php|inc|ya?ml|ini|json)",
        ),
    ),
    Role(
        "database_config",
        MEDIUM,
        ("T1505.001",),
        (
            r"/etc/(?:mysql|my\.cnf\.d|postgresql|redis|mongod?|memcached)/.+",
            r"/etc/(?:my|mongod|redis|memcached)\.(?:cnf|conf)",
            r"/var/lib/(?:postgresql|pgsql)/.+/(?:pg_hba|postgresql|pg_ident)(?:\.auto)?\.conf",
        ),
    ),
    Role(
        "journal",
        LOW,
        ("T1070.002",),
        (r"/(?:var|run)/log/journal/.+",),
        deleted=LOW,
        text=False,
    ),
    Role(
        "log",
        LOW,
        ("T1070.002",),
        (r"/var/log/(?!installer/|journal/).+",),
        text=False,
    ),
)
