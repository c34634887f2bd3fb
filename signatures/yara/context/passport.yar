// The number has no form of its own: a key or column with its name has to stand in the file.
rule passport
{
    meta:
        id = "context.passport"
        version = 1
        description = "Names of columns with passports"
        attack = "T1213"
    strings:
        $name_1 = "paspor" nocase
        $name_2 = "passport" nocase
    condition:
        any of them
}
