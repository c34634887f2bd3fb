rule private_key
{
    meta:
        id = "credentials.private_key"
        version = 1
        description = "Armoured private keys (PEM, OpenSSH, OpenPGP) with a body"
        attack = "T1552.004"
    strings:
        $header = "PRIVATE KEY-----"
        $block = "PRIVATE KEY BLOCK-----"
    condition:
        any of them
}
