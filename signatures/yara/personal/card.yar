// {issuer} stands for the first three digits of Visa, Mastercard, JCB, UnionPay; {amex} likewise.
rule card
{
    meta:
        id = "personal.card"
        version = 1
        description = "Payment card numbers by issuer range; validated afterwards"
        attack = "T1213"
    strings:
        $joined_{issuer} = /{issuer}[0-9]{13}/
        $groups_{issuer} = /{issuer}[0-9][ ._-][0-9]{4}[ ._-][0-9]{4}[ ._-][0-9]{4}/
        $amex_{amex} = /{amex}[0-9]{12}/
    condition:
        any of them
}
