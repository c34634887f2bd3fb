// The number has no form of its own: a key or column with its name has to stand in the file.
rule plate
{
    meta:
        id = "context.plate"
        version = 1
        description = "Names of columns with number plates"
        attack = "T1213"
    strings:
        $name_1 = "nopol" nocase
        $name_2 = "no_pol" nocase
        $name_3 = "no polisi" nocase
        $name_4 = "no. polisi" nocase
        $name_5 = "nomor polisi" nocase
        $name_6 = "nomor_polisi" nocase
        $name_7 = "plat_nomor" nocase
        $name_8 = "plat nomor" nocase
        $name_9 = "no_plat" nocase
        $name_10 = "no plat" nocase
        $name_11 = "tnkb" nocase fullword
        $name_12 = "plate_number" nocase
        $name_13 = "no kendaraan" nocase
        $name_14 = "no_kendaraan" nocase
    condition:
        any of them
}
