rule aws_key
{
    meta:
        id = "credentials.aws_key"
        version = 1
        description = "Access keys of Amazon Web Services"
        attack = "T1552.001"
    strings:
        $long = /AKIA[A-Z2-7]{16}/
        $session = /ASIA[A-Z2-7]{16}/
        $secret_1 = "aws_secret_access_key" nocase
        $secret_2 = "secretAccessKey"
    condition:
        any of them
}
