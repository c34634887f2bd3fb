// The number has no form of its own: a key or column with its name has to stand in the file.
rule nib
{
    meta:
        id = "context.nib"
        version = 1
        description = "Names of columns with numbers of businesses"
        attack = "T1213"
    strings:
        $name_1 = "nib" nocase fullword
        $name_2 = "induk berusaha" nocase
        $name_3 = "induk_berusaha" nocase
    condition:
        any of them
}
