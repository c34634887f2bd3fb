// The number itself (99.999.999.9-999.999) has no literal atom: its name has to stand nearby.
rule npwp
{
    meta:
        id = "personal.npwp"
        version = 1
        description = "Taxpayer numbers (NPWP), by the name next to them; validated afterwards"
        attack = "T1213"
    strings:
        $name_1 = "npwp" nocase
        $name_2 = "wajib pajak" nocase
        $name_3 = "wajib_pajak" nocase
    condition:
        any of them
}
