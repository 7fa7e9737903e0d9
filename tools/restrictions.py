"""Words that take something back from a license, as someone may hide them in its text. The reader knows none of it."""


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in " ".join(text.split()).split("|"))


SENTENCES = (
    "This grant ends on the first of March 2031.",
    "Larger companies ask Contoso first.",
    "Hosting it for third parties needs a separate agreement.",
    "Military users are left out.",
    "You owe Contoso five dollars per seat.",
    "Anyone may look at the code, and nobody may run it.",
    "Use on more than two processors requires a key.",
    "Copies stay inside your organization.",
    "Modified versions go back to Contoso and nowhere else.",
    "It works for pupils and teachers alone.",
    "Contoso can take these permissions back at any time.",
    "Do not use it to train models.",
    "Benchmarks are shown to Contoso before anybody else.",
    "Rights exist while you hold a support contract.",
    "Redistribution is a matter between you and our sales team.",
)
FOREIGN = (
    "Nur für den privaten Gebrauch.",
    "Die gewerbliche Nutzung ist untersagt.",
    "Usage commercial interdit.",
    "Uso comercial prohibido.",
    "Только для некоммерческого использования.",
    "仅限非商业用途。",
    "商用利用は禁止します。",
    "Endast för studenter.",
    "Wyłącznie do użytku niekomercyjnego.",
)
PHRASES = _listed(
    """
    noncommercial | non-commercial | for personal use | internally | for thirty days | in Canada | on one computer |
    with our consent | twice | to our customers | as a student | without pay | at home | no | hardly | except us |
    for up to five users | during the trial | by written order | of version one | where we agree | until revoked
    """
)
FIELDS = _listed(
    """
    (medical research) | (non-profits) | (evaluation) | (EU residents) | [research use] | (minors) | (not for resale) |
    (see our EULA) | {students} | (in object form) | (one copy) | (beta testers)
    """
)
HOLDERS = _listed(
    """
    Contoso, internal use | Contoso. Not for resale | Contoso Trial Version | Contoso - Confidential | Contoso
    (evaluation copy) | Contoso; no license granted | Contoso, licensed users | Contoso Students Edition | Contoso,
    do not distribute | Contoso until 2025 | Contoso NC | Contoso, free for schools | Contoso Secret | Contoso, see
    https://contoso.com/terms/eula | Contoso <no-commercial-use@contoso.com> only | Contoso, proprietary | Contoso,
    freeware | Contoso, shareware, please pay | Contoso and licensors, under contract | Contoso Viewer, ask first
    """
)
YEARS = _listed(
    """
    2013-2020 noncommercial until 2031 | 2013 to 2020, then expired | 2020 (evaluation) | 2013-2020, trial | 2013,
    2020 revoked | twenty twenty only | 2013-2020 private
    """
)
TITLES = _listed(
    """
    Trial License | Evaluation Copy | Non-Commercial Edition | Internal Use Only | Proprietary and Confidential |
    Academic Version | Private License | Not Open Source | Contoso Freeware | Personal Use | Commons Clause | Beta
    Testers | Home Edition License | No License | Draft | Source Available | Student Edition | Shareware |
    Restricted | Time Limited Preview
    """
)
SUBJECTS = _listed(
    """
    Only the documentation | Some of the code | The trial version | Nothing here | Noncommercial use | The free
    edition | Part of Contoso | A subset of the files | The old version | The header files alone | Version 1 | Debug
    builds | The object code | Everything except the server
    """
)
INSTEAD = tuple(
    (old, new.strip())
    for old, _, new in (
        pair.partition(" =>")
        for pair in _listed(
            """
    any person => any employee | any person => no person | free of charge => for a charge | without restriction =>
    with restriction | hereby granted => hereby refused | is hereby granted => was granted | permitted => forbidden
    | are permitted => are not permitted | irrevocable => revocable | perpetual => temporary | royalty-free =>
    royalty-bearing | no-charge => charged | worldwide => domestic | with or without => without | or without =>  |
    sell copies => see copies | sublicense => relicense | any purpose => a purpose | any purpose => our purpose |
    each contributor => the government | grants to you => grants to us | hereby grants => once granted | including
    commercial applications => excluding commercial applications | alter it => admire it | redistribute it freely =>
    redistribute it sparingly | with or without fee => with a fee | publish => read | merge => view | you may => we
    may | reproduce => rent | derivative works => printed works | to permit persons => to permit soldiers | subject
    to => limited by | anyone => students | everyone => someone | source and binary => source | use, copy => copy |
    to deal in => to look at | provided that => unless
    """
        )
    )
)
