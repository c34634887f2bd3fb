// A line with {regency} stands for one line per regency: signatures.yara_rules expands it.
// One regular expression for all (/[1-9][0-9]{15}/) has no literal atom and is 17 times slower.
rule nik
{
    meta:
        id = "personal.nik"
        version = 1
        description = "Citizen identity numbers (NIK), joined or in groups; validated afterwards"
        attack = "T1213"
    strings:
        $joined_{regency} = /{regency}[0-9]{12}/
        $groups_{regency} = /{regency}([0-9]{2}[ ._-][0-9]{2}|[ ._-][0-9]{4}[ ._-])/
    condition:
        any of them
}
