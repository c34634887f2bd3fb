rule secret
{
    meta:
        id = "credentials.secret"
        version = 1
        description = "Secrets and tokens assigned by name"
        attack = "T1552.001"
    strings:
        $secret = /SECRET[ \t]{0,4}[=:][ \t]{0,4}["\']?[A-Za-z0-9+\/_.~-]{20}/
        $secret_key = /SECRET_KEY[ \t]{0,4}[=:][ \t]{0,4}["\']?[A-Za-z0-9+\/_.~-]{20}/
        $api_key = /API_KEY[ \t]{0,4}[=:][ \t]{0,4}["\']?[A-Za-z0-9+\/_.~-]{20}/
        $token = /_TOKEN[ \t]{0,4}[=:][ \t]{0,4}["\']?[A-Za-z0-9+\/_.~-]{20}/
        $signing = /SIGNING_KEY[ \t]{0,4}[=:][ \t]{0,4}["\']?[A-Za-z0-9+\/_.~-]{20}/
        $encryption = /ENCRYPTION_KEY[ \t]{0,4}[=:][ \t]{0,4}["\']?[A-Za-z0-9+\/_.~-]{20}/
    condition:
        any of them
}
