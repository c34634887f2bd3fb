rule bpjs_dump
{
    meta:
        id = "context.bpjs_dump"
        version = 1
        description = "Columns of the health insurance side by side"
        attack = "T1213"
    strings:
        $a = "psnoka" nocase
        $b = "nokartu" nocase
        $c = "kdppk" nocase
        $d = "nmppk" nocase
        $e = "pisat" nocase
        $f = "noka" nocase fullword
        $g = "kdprovider" nocase
        $h = "jnspeserta" nocase
    condition:
        2 of them
}
