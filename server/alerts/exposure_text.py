"""An exposure in words: why it is judged as it is, and what to do about it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from server.alerts.catalog import N_, translate

REASONS: Mapping[str, str] = {
    "in_web_root": N_("It lies where the web server hands files out."),
    "world_readable": N_("Every account of the server can read it."),
    "executed_not_served": N_("The web server runs it and does not hand out its text."),
    "bulk": N_("It holds the numbers of 100 citizens or more."),
    "combination": N_("It holds several kinds of data, which together harm a person more."),
    "credentials": N_("It holds keys or passwords, which open other systems."),
    "classified": N_("It bears a classification mark."),
    "register": N_("Its columns are those of an official register."),
    "documentation": N_("It looks like a sample of a package or of a test."),
    "named_column": N_("The name of the column or key says what the values are."),
    "low_confidence": N_("The values may be something else: only their form fits."),
    "sampled": N_("It was not read whole: the counts are lower bounds or estimates."),
    "downloadable": N_("Anybody can download it at its address."),
    "listed": N_("The list of its folder shows its name to everybody."),
    "denied": N_("The web server refuses to hand it out."),
    "not_served": N_("No web server of this host hands it out."),
    "url_checked": N_("The web server was asked over loopback and answered so."),
    "giveaway": N_("Scanners ask every site for such files."),
    "server_not_listening": N_("The web server that would hand it out does not run at present."),
    "restricted_by_address": N_("Only certain addresses may fetch it."),
    "answers_otherwise": N_(
        "Its configuration hands it out, yet the web server answered with a redirect or an error."
    ),
    "behind_a_proxy": N_(
        "Something on this host stands before that web server: who comes through it may count as"
        " an address that is let in."
    ),
    "needs_login": N_("It takes a login to fetch it."),
    "redirect": N_("Its address leads elsewhere."),
    "proxied": N_("Another program answers at its address."),
    "alias_traversal": N_(
        "An alias without a slash at the end of its location opens the folder above."
    ),
    "no_url": N_("No configured site leads to it."),
    "internal": N_("The web server uses it itself only."),
    "not_understood": N_("The configuration of the web server was not understood."),
    "depends_on_request": N_("Whether it is handed out depends on the request."),
    "registered": N_("It holds identity numbers of citizens in your own register."),
    "canary": N_("It holds a canary: a made-up record that was planted to betray its way."),
}
CREDENTIAL_STEP = N_(
    "Change the keys and passwords at the systems that they open; deleting the file is not enough."
)
WEB_STEP = N_("Move the file out of the web root, or delete it, today.")
LOG_STEP = N_("Read the access log of the web server: who fetched the file, since when.")
RIGHTS_STEP = N_("Restrict the file to the account that needs it (chmod 600) or delete it.")
KEEP_STEP = N_("Ask the owner whether the file is still needed; encrypt or delete it.")
NOTICE_STEP = N_(
    "If a stranger may have read it: written notice to the people concerned and to the authority"
    " within 3x24 hours (UU 27/2022 article 46)."
)
COPIES_STEP = N_("Look where else the same values lie: ronda exposure overlap --id {id}.")
CHECK_STEP = N_("Look at the masked examples and the column: the values may be something else.")
_SECRETS = frozenset(
    {
        *("private_key", "dsn", "password", "app_key", "aws_key", "gcp_key", "azure_key", "jwt"),
        *("telegram_token", "payment_key", "git_token", "password_hash", "secret", "keepass"),
    }
)


def reasons(keys: Collection[str], language: str) -> list[str]:
    """Return *keys* as sentences; one from a newer agent as it came."""
    return [translate(REASONS[key], language) if key in REASONS else key for key in keys]


def next_steps(
    identity: str, reachable: str, types: Collection[str], keys: Collection[str], language: str
) -> list[str]:
    """Return what to do about the exposure *identity*, the most urgent first."""
    secret = not _SECRETS.isdisjoint(types)
    people = not _SECRETS.issuperset(types)
    web = reachable == "web_root" and "executed_not_served" not in keys
    chosen = {
        CHECK_STEP: "low_confidence" in keys,
        WEB_STEP: web,
        LOG_STEP: web,
        CREDENTIAL_STEP: secret,
        RIGHTS_STEP: reachable == "world_readable",
        KEEP_STEP: reachable in {"private", "unknown"},
        NOTICE_STEP: people and reachable != "private",
        COPIES_STEP: True,
    }
    return [
        translate(text, language).replace("{id}", identity)
        for text, applies in chosen.items()
        if applies
    ]
