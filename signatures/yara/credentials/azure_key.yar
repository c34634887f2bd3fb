rule azure_key
{
    meta:
        id = "credentials.azure_key"
        version = 1
        description = "Keys of storage accounts and clients of Azure"
        attack = "T1552.001"
    strings:
        $account = /AccountKey=[A-Za-z0-9+\/]{40}/
        $shared = /SharedAccessKey=[A-Za-z0-9+\/]{40}/
        $client = /[A-Za-z0-9_~.-]{3}8Q~[A-Za-z0-9_~.-]{34}/
    condition:
        any of them
}
