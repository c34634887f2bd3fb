// The number has no form of its own: a key or column with its name has to stand in the file.
rule sim
{
    meta:
        id = "context.sim"
        version = 1
        description = "Names of columns with driving licences"
        attack = "T1213"
    strings:
        $name_1 = "no_sim" nocase
        $name_2 = "nosim" nocase
        $name_3 = "nomor_sim" nocase
        $name_4 = "no. sim" nocase
        $name_5 = "no sim" nocase
        $name_6 = "nomor sim" nocase
    condition:
        any of them
}
