rule putty_key
{
    meta:
        id = "credentials.putty_key"
        version = 1
        description = "Private keys in PuTTY's format"
        attack = "T1552.004"
    strings:
        $head = "PuTTY-User-Key-File-"
    condition:
        any of them
}
