"""What runs by itself: at boot, at a time, at login, in every process."""

from __future__ import annotations

from collectors.files.meaning.catalogue.role import CRITICAL, HIGH, HOME, LIB, MEDIUM, SYSTEMD, Role

_UNIT = r"(?:service|socket|timer|path|target|mount|automount|swap|slice)"

_HOOK = r"(?:[^/]+\.pth|(?:site|user)customize\.py)"

ROLES = (
    Role(
        "ld_preload",
        CRITICAL,
        ("T1574.006", "T1014"),
        (r"/etc/ld\.so\.preload",),
        deleted=MEDIUM,
    ),
    Role(
        "ld_config",
        HIGH,
        ("T1574.006",),
        (r"/etc/ld\.so\.conf(?:\.d/[^/]+)?", r"/etc/ld-musl-[^/]+\.path"),
    ),
    Role(
        "at",
        MEDIUM,
        ("T1053.002",),
        (r"/var/spool/(?:at|cron/atjobs|cron/atspool)/[^/]+", r"/etc/at\.(?:allow|deny)"),
        text=False,
    ),
    Role(
        "cron",
        MEDIUM,
        ("T1053.003",),
        (
            r"/etc/(?:ana)?crontab",
            r"/etc/cron\.(?:d|hourly|daily|weekly|monthly|yearly)/[^/]+",
            r"/etc/cron\.(?:allow|deny)",
            r"/etc/periodic/[^/]+/[^/]+",
            r"/var/spool/cron/(?!atjobs/|atspool/).+",
        ),
    ),
    Role(
        "systemd_timer",
        MEDIUM,
        ("T1053.006",),
        (rf"{SYSTEMD}/(?:system|user)/(?:.+/)?[^/]+\.timer(?:\.d/.+)?",),
    ),
    Role(
        "systemd_unit",
        MEDIUM,
        ("T1543.002",),
        (
            rf"{SYSTEMD}/(?:system|user)(?:\.control|\.attached)?/.+",
            rf"{SYSTEMD}/(?:system|user)(?:-environment)?-generators/.+",
            rf"(?:/etc|{LIB})/systemd/(?:system|user|logind|sleep)\.conf(?:\.d/[^/]+)?",
            rf"{LIB}/systemd/(?:system-shutdown|system-sleep)/.+",
            rf"{HOME}/\.(?:config|local/share)/systemd/user/.+",
            r"/usr/share/systemd/user/.+",
            rf"(?:/etc|/run|{LIB})/systemd/.+\.{_UNIT}(?:\.d/.+)?",
            r"/var/lib/systemd/linger/[^/]+",
            r"/etc/(?:dbus-1|polkit-1)/.+",
            r"/usr/share/(?:dbus-1/(?:system-)?services|polkit-1/(?:rules\.d|actions))/.+",
        ),
    ),
    Role(
        "shell_profile",
        MEDIUM,
        ("T1546.004",),
        (
            r"/etc/(?:profile|bash\.bashrc|bashrc|zsh/.+|zshrc|zshenv|zprofile|environment|csh\.[^/]+)",
            r"/etc/profile\.d/.+",
            r"/etc/environment\.d/.+",
            rf"{HOME}/\.(?:bash(?:rc|_profile|_login|_logout|_aliases)|profile|inputrc)",
            rf"{HOME}/\.(?:zshrc|zshenv|zprofile|zlogin|zlogout|cshrc|login|kshrc|pam_environment)",
            rf"{HOME}/\.config/(?:fish|environment\.d)/.+",
            r"/etc/skel/\..+",
        ),
    ),
    Role(
        "autostart",
        MEDIUM,
        ("T1547.013",),
        (r"/etc/xdg/autostart/.+", rf"{HOME}/\.config/autostart/.+"),
    ),
    Role(
        "init_script",
        HIGH,
        ("T1037.004",),
        (
            r"/etc/rc\.local",
            r"/etc/rc\.d/.+",
            r"/etc/(?:rc\d|rcS)\.d/.+",
            r"/etc/init\.d/.+",
            r"/etc/init/.+",
            r"/etc/inittab",
            r"/etc/update-motd\.d/.+",
            r"/etc/local\.d/.+",
        ),
    ),
    Role(
        "kernel_module",
        HIGH,
        ("T1547.006",),
        (rf"{LIB}/modules/.+\.ko(?:\.[a-z0-9]+)?",),
        text=False,
    ),
    Role(
        "module_config",
        HIGH,
        ("T1547.006",),
        (
            rf"(?:/etc|/run|{LIB})/(?:modprobe|modules-load|depmod)\.d/.+",
            r"/etc/modules(?:\.conf)?",
            r"/etc/initramfs-tools/.+",
            r"/etc/dracut\.conf(?:\.d/.+)?",
        ),
    ),
    Role(
        "boot",
        MEDIUM,
        ("T1542.003",),
        (r"/boot/(?:grub2?|efi|loader)/.+\.(?:cfg|conf|efi)", r"/etc/(?:default/grub|grub\.d/.+)"),
    ),
    Role(
        "udev",
        MEDIUM,
        ("T1546.017",),
        (rf"(?:/etc|/run|{LIB})/udev/.+\.rules",),
    ),
    Role(
        "python_startup",
        HIGH,
        ("T1546.018",),
        (rf"(?:/usr|/usr/local|{HOME}/\.local)/lib/python[0-9.]+/(?:site|dist)-packages/{_HOOK}",),
    ),
)
