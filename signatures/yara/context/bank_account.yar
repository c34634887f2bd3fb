// The number has no form of its own: a key or column with its name has to stand in the file.
rule bank_account
{
    meta:
        id = "context.bank_account"
        version = 1
        description = "Names of columns with bank accounts"
        attack = "T1213"
    strings:
        $name_1 = "rekening" nocase
        $name_2 = "norek" nocase
        $name_3 = "no_rek" nocase
        $name_4 = "no. rek" nocase
        $name_5 = "nomor_rek" nocase
        $name_6 = "bank_account" nocase
        $name_7 = "account_number" nocase
    condition:
        any of them
}
