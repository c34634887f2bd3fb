rule marking
{
    meta:
        id = "context.marking"
        version = 1
        description = "Classified letters: the mark in capitals, alone on its line"
        attack = "T1213"
    strings:
        $secret = "RAHASIA" fullword
        $limited = "TERBATAS" fullword
    condition:
        any of them
}
