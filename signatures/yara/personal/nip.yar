// {birth_year} stands for each year in which a civil servant can be born.
rule nip
{
    meta:
        id = "personal.nip"
        version = 1
        description = "Civil servant numbers (NIP), joined or in groups; validated afterwards"
        attack = "T1213"
    strings:
        $joined_{birth_year} = /{birth_year}[0-9]{14}/
        $groups_{birth_year} = /{birth_year}[0-9]{4}[ ._-][0-9]{6}[ ._-][12][ ._-][0-9]{3}/
    condition:
        any of them
}
