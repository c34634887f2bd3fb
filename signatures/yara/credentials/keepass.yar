rule keepass
{
    meta:
        id = "credentials.keepass"
        version = 1
        description = "Databases of KeePass"
        attack = "T1555.005"
    strings:
        $kdbx = { 03 D9 A2 9A 67 FB 4B B5 }
        $kdb = { 03 D9 A2 9A 65 FB 4B B5 }
        $beta = { 03 D9 A2 9A 66 FB 4B B5 }
    condition:
        $kdbx at 0 or $kdb at 0 or $beta at 0
}
