// The number has no form of its own: a key or column with its name has to stand in the file.
rule kpj
{
    meta:
        id = "context.kpj"
        version = 1
        description = "Names of columns with numbers of the workers' insurance"
        attack = "T1213"
    strings:
        $name_1 = "kpj" nocase fullword
        $name_2 = "bpjs_tk" nocase
        $name_3 = "bpjstk" nocase
        $name_4 = "jamsostek" nocase
    condition:
        any of them
}
