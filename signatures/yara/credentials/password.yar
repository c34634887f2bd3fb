rule password
{
    meta:
        id = "credentials.password"
        version = 1
        description = "Passwords assigned by name: .env files, wp-config.php, compose files"
        attack = "T1552.001"
    strings:
        $name_1 = /PASSWORD['"]?[ \t]{0,8}[=:,]/
        $name_2 = /PASSWD['"]?[ \t]{0,8}[=:,]/
        $name_3 = /_PASS['"]?[ \t]{0,8}[=:,]/
        $name_4 = /SMTP_?PASS['"]?[ \t]{0,8}[=:,]/
    condition:
        any of them
}
