rule telegram_token
{
    meta:
        id = "credentials.telegram_token"
        version = 1
        description = "Tokens of Telegram bots"
        attack = "T1552.001"
    strings:
        $token = /[0-9]:AA[A-Za-z0-9_-]{33}/
    condition:
        any of them
}
