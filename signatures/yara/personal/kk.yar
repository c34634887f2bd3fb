rule kk
{
    meta:
        id = "personal.kk"
        version = 1
        description = "Family card numbers: shaped like a NIK, told apart by the name of the column"
        attack = "T1213"
    strings:
        $name_1 = "no_kk" nocase
        $name_2 = "nokk" nocase
        $name_3 = "nomor_kk" nocase
        $name_4 = "kartu_keluarga" nocase
        $name_5 = "kartu keluarga" nocase
        $name_6 = "no. kk" nocase
        $name_7 = "no kk" nocase
        $name_8 = "nomor kk" nocase
        $name_9 = "\"kk\"" nocase
    condition:
        nik and any of them
}
