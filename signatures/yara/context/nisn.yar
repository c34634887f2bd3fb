// The number has no form of its own: a key or column with its name has to stand in the file.
rule nisn
{
    meta:
        id = "context.nisn"
        version = 1
        description = "Names of columns with numbers of pupils"
        attack = "T1213"
    strings:
        $name_1 = "nisn" nocase
        $name_2 = "induk siswa nasional" nocase
        $name_3 = "induk_siswa_nasional" nocase
    condition:
        any of them
}
