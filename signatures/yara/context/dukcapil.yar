rule dukcapil
{
    meta:
        id = "context.dukcapil"
        version = 1
        description = "Columns of the population register side by side"
        attack = "T1213"
    strings:
        $a = "nama_lgkp" nocase
        $b = "tgl_lhr" nocase
        $c = "tmpt_lhr" nocase
        $d = "nik_ibu" nocase
        $e = "nik_ayah" nocase
        $f = "jenis_klmin" nocase
        $g = "stat_hbkel" nocase
    condition:
        2 of them
}
