rule payment_key
{
    meta:
        id = "credentials.payment_key"
        version = 1
        description = "Secret keys of Midtrans, Xendit and DOKU"
        attack = "T1552.001"
    strings:
        $midtrans = /Mid-server-[A-Za-z0-9_-]{20}/
        $xendit_live = /xnd_production_[A-Za-z0-9+\/]{40}/
        $xendit_test = /xnd_development_[A-Za-z0-9+\/]{40}/
        $doku = /SK-[A-Za-z0-9]{16}/
    condition:
        any of them
}
