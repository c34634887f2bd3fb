// The number has no form of its own: a key or column with its name has to stand in the file.
rule nop
{
    meta:
        id = "context.nop"
        version = 1
        description = "Names of columns with taxed land"
        attack = "T1213"
    strings:
        $name_1 = "nop" nocase fullword
        $name_2 = "objek pajak" nocase
        $name_3 = "objek_pajak" nocase
    condition:
        any of them
}
