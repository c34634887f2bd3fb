// The number has no form of its own: a key or column with its name has to stand in the file.
rule phone
{
    meta:
        id = "context.phone"
        version = 1
        description = "Names of columns with telephone numbers"
        attack = "T1213"
    strings:
        $name_1 = "telepon" nocase
        $name_2 = "telp" nocase
        $name_3 = "_hp" nocase
        $name_4 = "nohp" nocase
        $name_5 = "no. hp" nocase
        $name_6 = "no hp" nocase
        $name_7 = "nomor hp" nocase
        $name_8 = "nomor_hp" nocase
        $name_9 = "handphone" nocase
        $name_10 = "ponsel" nocase
        $name_11 = "whatsapp" nocase
        $name_12 = "no_wa" nocase
        $name_13 = "nowa" nocase fullword
        $name_14 = "no wa" nocase fullword
        $name_15 = "no. wa" nocase fullword
        $name_16 = "msisdn" nocase
        $name_17 = "phone" nocase
        $name_18 = "tlp" nocase fullword
        $name_19 = "\"hp\"" nocase
        $name_20 = "mobile_no" nocase
        $name_21 = "seluler" nocase
    condition:
        any of them
}
