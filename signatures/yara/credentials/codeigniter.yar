rule codeigniter
{
    meta:
        id = "credentials.codeigniter"
        version = 1
        description = "Database passwords of CodeIgniter"
        attack = "T1552.001"
    strings:
        $old = "['password']"
        $driver = "dbdriver" nocase
        $host = "'hostname'"
    condition:
        any of them
}
