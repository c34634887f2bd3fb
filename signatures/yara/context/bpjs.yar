// The number has no form of its own: a key or column with its name has to stand in the file.
rule bpjs
{
    meta:
        id = "context.bpjs"
        version = 1
        description = "Names of columns with health insurance numbers"
        attack = "T1213"
    strings:
        $name_1 = "bpjs" nocase
        $name_2 = "nokartu" nocase
        $name_3 = "no_kartu" nocase
        $name_4 = "psnoka" nocase
        $name_5 = "jkn" nocase fullword
        $name_6 = "noka" nocase fullword
    condition:
        any of them
}
