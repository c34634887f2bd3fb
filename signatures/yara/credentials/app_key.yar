rule app_key
{
    meta:
        id = "credentials.app_key"
        version = 1
        description = "Application key of Laravel: decrypts cookies and stored secrets"
        attack = "T1552.001"
    strings:
        $key = /APP_KEY[ \t]{0,4}=[ \t]{0,4}['"]?base64:[A-Za-z0-9+\/]{43}=/
    condition:
        $key
}
