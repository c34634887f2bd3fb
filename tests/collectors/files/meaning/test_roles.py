"""What must not happen: a file that decides nothing is called important, or the other way round."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.files.meaning.catalogue import BY_NAME, ROLES
from collectors.files.meaning.roles import _ALL, _ELSEWHERE, _GATE, _TOPS, Roles
from collectors.files.scope import Own

NOTHING = """
/etc/ld.so.cache
/etc/cron.d/.placeholder
/etc/cron.d/php.dpkg-new
/etc/sudoers.d/admin.swp
/var/spool/cron/crontabs/tmp.Xa1
/srv/chroot/etc/passwd
/etc/passwd-
/root/.ssh/known_hosts
/home/budi/ronda/agent.toml
/usr/bin/ls
/var/www/html/index.php
/var/lib/systemd/timers/stamp-apt-daily.timer
/tmp/authorized_keys
/etc
"""

TABLE = """
ronda /etc/ronda/agent.toml
ronda /etc/systemd/system/ronda-agent.service
ronda /etc/systemd/system/ronda-agent.service.d/override.conf
ronda /etc/systemd/system/multi-user.target.wants/ronda-agent.service
ronda /usr/bin/ronda-agent
ronda /var/lib/ronda-agent/identity/agent.key
ld_preload /etc/ld.so.preload
ld_config /etc/ld.so.conf.d/x.conf
at /var/spool/cron/atjobs/a0001
cron /etc/crontab
cron /etc/cron.hourly/x
cron /var/spool/cron/crontabs/www-data
cron /var/spool/cron/root
systemd_timer /etc/systemd/system/x.timer
systemd_unit /etc/systemd/system/x.service.d/a.conf
systemd_unit /home/budi/.config/systemd/user/x.service
systemd_unit /lib/systemd/system-generators/x
systemd_unit /run/systemd/system/x.service
sudoers /etc/sudoers
sudoers /etc/sudoers.d/x
shadow /etc/shadow
accounts /etc/passwd
accounts /etc/subuid
authorized_keys /root/.ssh/authorized_keys
authorized_keys /var/www/.ssh/authorized_keys2
private_key /etc/ssh/ssh_host_ed25519_key
private_key /root/.ssh/id_rsa
sshd /etc/ssh/sshd_config.d/x.conf
pam /etc/pam.d/sshd
pam_module /lib/x86_64-linux-gnu/security/pam_unix.so
shell_profile /etc/profile.d/x.sh
shell_profile /root/.bashrc
autostart /etc/xdg/autostart/x.desktop
init_script /etc/rc.local
init_script /etc/init.d/x
kernel_module /lib/modules/6.1.0/extra/x.ko
kernel_module /usr/lib/modules/6.1.0/x.ko.xz
module_config /etc/modprobe.d/x.conf
module_config /etc/modules-load.d/x.conf
boot /boot/grub/grub.cfg
udev /etc/udev/rules.d/99-x.rules
sysctl /etc/sysctl.d/x.conf
security_tool /etc/fail2ban/jail.local
security_tool /var/ossec/etc/ossec.conf
firewall /etc/nftables.conf
firewall /etc/ufw/user.rules
audit_config /etc/audit/rules.d/a.rules
log_config /etc/rsyslog.conf
log_config /etc/rsyslog.d/50-default.conf
log_config /etc/logrotate.d/nginx
log_config /etc/systemd/journald.conf
trust /usr/local/share/ca-certificates/x.crt
package_source /etc/apt/sources.list
package_source /etc/yum.repos.d/x.repo
package_hook /etc/apt/apt.conf.d/99x
package_key /etc/apt/trusted.gpg.d/x.gpg
name_service /etc/hosts
network /etc/resolv.conf
php_config /etc/php/8.2/fpm/php.ini
php_config /var/www/html/.user.ini
web_override /var/www/html/.htaccess
web_password /var/www/html/.htpasswd
web_server /etc/nginx/sites-enabled/default
web_app_config /var/www/html/wp-config.php
web_app_config /var/www/app/.env
web_app_config /srv/app/config/database.php
database_config /etc/mysql/my.cnf
python_startup /usr/lib/python3/dist-packages/x.pth
journal /var/log/journal/0123/system.journal
log /var/log/nginx/access.log
"""


@pytest.mark.parametrize("path", NOTHING.split())
def test_no_role(path: str) -> None:
    assert Roles().of(path.encode()) is None


@pytest.mark.parametrize("line", TABLE.strip().splitlines())
def test_role(line: str) -> None:
    name, path = line.split(" ", 1)
    role = Roles().of(path.encode())
    assert role is not None
    assert role.name == name


def test_every_role_is_in_the_table() -> None:
    assert {line.split()[0] for line in TABLE.strip().splitlines()} == set(BY_NAME)
    assert len(BY_NAME) == len(ROLES)


def test_techniques_look_like_techniques() -> None:
    for role in ROLES:
        assert role.techniques
        assert all(re.fullmatch(r"T\d{4}(\.\d{3})?", each) for each in role.techniques)


def test_another_root() -> None:
    roles = Roles(b"/srv/jail/", own=[Own(b"/opt/venv")])
    assert roles.of(b"/etc/passwd") is None
    found = roles.of(b"/srv/jail/etc/passwd")
    assert found is not None
    assert found.name == "accounts"
    own = roles.of(b"/opt/venv/lib/x.py")
    assert own is not None
    assert own.name == "ronda"


def test_names_that_are_no_text() -> None:
    assert Roles().of(b"/var/www/html/\0x\0y/.htaccess") is not None
    assert Roles().of(b"/etc/cron.d/a\nb") is not None
    assert Roles().of(b"/etc/cron.d/\xff") is not None


def test_what_is_worth_a_diff() -> None:
    roles = Roles()
    for path in (b"/etc/issue", b"/etc/shadow", b"/var/www/x/.env", b"/root/.ssh/authorized_keys"):
        assert roles.configuration(path)
    for path in (
        b"/var/www/html/index.php",
        b"/lib/modules/6.1.0/x.ko",
        b"/var/log/syslog",
        b"/etc/issue.dpkg-new",
        b"/etc/apt/keyrings/x.gpg",
    ):
        assert not roles.configuration(path)


_PARTS = sorted(
    {part for line in TABLE.split() for part in line.split("/") if part}
    | {"x", "config.php", "a.b"}
)


@given(st.lists(st.sampled_from(_PARTS), min_size=1, max_size=6))
def test_the_gate_keeps_nothing_back(parts: list[str]) -> None:
    path = "/".join(["", *parts]).encode()
    found = _ALL.fullmatch(path)
    assert _GATE.search(path) or found is None
    parted = _TOPS.get(parts[0].encode(), _ELSEWHERE).fullmatch(path)
    assert (parted and parted.lastgroup) == (found and found.lastgroup)


def test_web_roots_of_the_settings() -> None:
    roles = Roles(web_roots=[b"/data/situs/", b"/home/budi"])
    assert roles.web_root(b"/data/situs2/index.php") is None
    assert roles.web_root(b"/data/situs") is None
    assert roles.web_root(b"/data/situs/a/index.php") == b"/data/situs"

    def name(path: bytes) -> str | None:
        role = roles.of(path)
        return role and role.name

    assert Roles().of(b"/data/situs/app/.env") is None
    assert name(b"/data/app/.env") is None
    assert name(b"/data/situs/app/.env") == "web_app_config"
    assert name(b"/data/situs/index.php") is None
    # What the path means by itself comes first.
    assert name(b"/home/budi/.ssh/authorized_keys") == "authorized_keys"
