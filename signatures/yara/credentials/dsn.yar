rule dsn
{
    meta:
        id = "credentials.dsn"
        version = 1
        description = "Connection strings and URLs that carry a password"
        attack = "T1552.001"
    strings:
        $url = /:\/\/[^\s\/'"<>?]{2,200}@[A-Za-z0-9\[]/
    condition:
        $url
}
