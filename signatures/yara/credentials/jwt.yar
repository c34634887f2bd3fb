rule jwt
{
    meta:
        id = "credentials.jwt"
        version = 1
        description = "JSON Web Tokens"
        attack = "T1528"
    strings:
        $token = /eyJ[A-Za-z0-9_-]{10,2000}\.eyJ[A-Za-z0-9_-]{10}/
    condition:
        any of them
}
