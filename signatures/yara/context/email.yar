// The number has no form of its own: a key or column with its name has to stand in the file.
rule email
{
    meta:
        id = "context.email"
        version = 1
        description = "Addresses of electronic mail, which corroborate other findings"
        attack = "T1213"
    strings:
        $name_1 = "@gmail." nocase
        $name_2 = "@yahoo." nocase
        $name_3 = ".go.id" nocase
        $name_4 = "@hotmail." nocase
        $name_5 = "@outlook." nocase
        $name_6 = "email" nocase
        $name_7 = "surel" nocase fullword
    condition:
        any of them
}
