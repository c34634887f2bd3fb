rule password_hash
{
    meta:
        id = "credentials.password_hash"
        version = 1
        description = "Hashes of passwords in htpasswd and shadow files"
        attack = "T1003.008"
    strings:
        $apr1 = ":$apr1$"
        $md5 = ":$1$"
        $sha256 = ":$5$"
        $sha512 = ":$6$"
        $yescrypt = ":$y$"
        $bcrypt_a = ":$2a$"
        $bcrypt_b = ":$2b$"
        $bcrypt_y = ":$2y$"
        $sha = ":{SHA}"
    condition:
        any of them
}
