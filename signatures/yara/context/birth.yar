// The number has no form of its own: a key or column with its name has to stand in the file.
rule birth
{
    meta:
        id = "context.birth"
        version = 1
        description = "Names of columns with dates of birth"
        attack = "T1213"
    strings:
        $name_1 = "tgl_lahir" nocase
        $name_2 = "tgllahir" nocase
        $name_3 = "tanggal_lahir" nocase
        $name_4 = "tanggal lahir" nocase
        $name_5 = "tgl lahir" nocase
        $name_6 = "tgl. lahir" nocase
        $name_7 = "tanggallahir" nocase
        $name_8 = "tgl_lhr" nocase
        $name_9 = "tgllhr" nocase
        $name_10 = "birthdate" nocase
        $name_11 = "birth_date" nocase
        $name_12 = "date_of_birth" nocase
        $name_13 = "date of birth" nocase
    condition:
        any of them
}
