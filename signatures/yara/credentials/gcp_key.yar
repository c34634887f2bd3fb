rule gcp_key
{
    meta:
        id = "credentials.gcp_key"
        version = 1
        description = "API keys and service accounts of Google Cloud"
        attack = "T1552.001"
    strings:
        $api = /AIza[A-Za-z0-9_-]{35}/
        $account = "private_key_id"
    condition:
        any of them
}
