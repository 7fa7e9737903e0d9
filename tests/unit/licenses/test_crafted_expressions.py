"""Two hundred expressions, well and badly formed, against the official list: each means what SPDX says, or nothing."""

import pytest

from pkgintel.licenses.verdict import Declaration, Judge

OPEN = """
MIT
mit
MIT+
(MIT)
((((MIT))))
Apache-2.0
apache-2.0
BSD-2-Clause
BSD-3-Clause
ISC
0BSD
Zlib
BSL-1.0
Unlicense
CC0-1.0
WTFPL
MS-PL
MS-RL
MPL-1.1
MPL-2.0
MPL-2.0-no-copyleft-exception
EPL-1.0
EPL-2.0
EUPL-1.2
EUPL-1.0+
CDDL-1.0
Artistic-2.0
PostgreSQL
AFL-3.0
OFL-1.1
Python-2.0
Unicode-DFS-2016
GPL-2.0
GPL-2.0+
GPL-2.0-only
GPL-2.0-or-later
GPL-3.0-only
GPL-3.0-or-later
GPL-1.0-or-later
LGPL-2.1
LGPL-2.1-only
LGPL-3.0-or-later
AGPL-3.0
AGPL-3.0-only
AGPL-1.0-or-later
CC-BY-4.0
CC-BY-SA-4.0
CC-BY-3.0+
RPL-1.5
Watcom-1.0
NASA-1.3
BSD-2-Clause-FreeBSD
Nunit
GPL-2.0-with-classpath-exception
GPL-2.0-only WITH Classpath-exception-2.0
GPL-3.0-or-later WITH GCC-exception-3.1
Apache-2.0 WITH LLVM-exception
LGPL-3.0-only WITH LGPL-3.0-linking-exception
MIT OR Apache-2.0
MIT or apache-2.0
MIT AND Apache-2.0
MIT and BSD-3-Clause AND ISC
MIT OR SSPL-1.0
SSPL-1.0 OR MIT
MIT OR LicenseRef-Commercial
LicenseRef-Commercial OR MIT
MIT OR blessing
MIT OR (SSPL-1.0 AND BUSL-1.1)
(MIT OR SSPL-1.0) AND (Apache-2.0 OR BUSL-1.1)
MIT OR SSPL-1.0 AND BUSL-1.1
(MIT)OR(ISC)
  MIT   OR   ISC
MIT WITH Classpath-exception-2.0
RPL-1.5 OR LicenseRef-Commercial
AGPL-3.0-only OR LicenseRef-Acme-EULA
"""

CLOSED = """
SSPL-1.0
sspl-1.0
SSPL-1.0+
(SSPL-1.0)
BUSL-1.1
Elastic-2.0
PolyForm-Noncommercial-1.0.0
PolyForm-Small-Business-1.0.0
CC-BY-NC-4.0
CC-BY-NC-SA-4.0
CC-BY-NC-ND-3.0
CC-BY-ND-4.0
Hippocratic-2.1
JSON
CPOL-1.02
SUL-1.0
FSL-1.1-MIT
SSPL-1.0 AND MIT
MIT AND SSPL-1.0
MIT AND (SSPL-1.0 OR BUSL-1.1)
SSPL-1.0 OR BUSL-1.1
SSPL-1.0 AND blessing
(SSPL-1.0 OR BUSL-1.1) AND LicenseRef-x
MIT AND Apache-2.0 AND CC-BY-NC-4.0
CC-BY-NC-4.0 OR CC-BY-ND-4.0
(MIT OR Apache-2.0) AND Elastic-2.0
Elastic-2.0 OR SSPL-1.0
SSPL-1.0 WITH Classpath-exception-2.0
"""

UNDECIDED = """
blessing
curl
Libpng
LicenseRef-MIT
LicenseRef-Apache-2.0
licenseref-mit
LicenseRef-Commercial
DocumentRef-spdx:LicenseRef-MIT
NONE
NOASSERTION
none
(NONE)
noassertion
UNLICENSED
Proprietary
Commercial
Invented-1.0
MIT-2.0
Apache-3.0
Apache
Apache2
GPL
LGPL
BSD
GPLv3
MIT-License
MlT
M1T
Apache-2.O
SSPL-1.1
BUSL-1.0
MIT AND LicenseRef-Commercial
MIT AND blessing
MIT AND Invented-1.0
SSPL-1.0 OR LicenseRef-Commercial
SSPL-1.0 OR blessing
SSPL-1.0 OR Invented-1.0
(MIT OR ISC) AND LicenseRef-x
MIT WITH Commons-Clause
MIT WITH Invented-exception
Apache-2.0 WITH Commons-Clause
GPL-2.0-only WITH Classpath-exception-9.9
LicenseRef-a AND LicenseRef-b
LicenseRef-a OR LicenseRef-b
MIT AND (blessing OR SSPL-1.0)
"""

MALFORMED = """
MIT OR
OR MIT
AND
OR
WITH
WITH MIT
MIT WITH
MIT AND
AND MIT
MIT OR OR ISC
MIT AND AND ISC
MIT AND OR ISC
MIT ISC
MIT, ISC
MIT; ISC
MIT/ISC
MIT|ISC
MIT || ISC
MIT & ISC
MIT && ISC
(MIT
MIT)
)MIT(
()
(())
( )
(MIT OR ISC
MIT OR ISC)
MIT () ISC
MIT (OR) ISC
(MIT)(ISC)
(MIT)+
MIT +
MIT++
+
+MIT
(MIT OR ISC) WITH Classpath-exception-2.0
MIT WITH (Classpath-exception-2.0)
MIT WITH Classpath-exception-2.0 WITH LLVM-exception
NONE OR MIT
MIT OR NONE
MIT AND NOASSERTION
NOT MIT
MIT XOR ISC
MIT License
The MIT License
Apache License 2.0
GNU GPL v3
MIT_
MIT!
MIT?
MIT*
"MIT"
'MIT'
<MIT>
[MIT]
{MIT}
MIT\\ISC
MIT:ISC
DocumentRef-a
DocumentRef-a:MIT
LicenseRef-
LicenseRef-a b
http://opensource.org/licenses/MIT
https://licenses.nuget.org/MIT
$license$
\u041cIT
M\u0399T
\uff2d\uff29\uff34
MIT\u200b
M\u00adIT
MIT\u00a0OR\u00a0ISC
MIT \u2228 ISC
MIT%20OR%20ISC
"""


def lines(text: str) -> list[str]:
    return [line for line in text.split("\n") if line]


CASES = [
    (expression, verdict, f"expression-{means}")
    for text, verdict, means in (
        (OPEN, "open_source", "open"),
        (CLOSED, "proprietary", "closed"),
        (UNDECIDED, "unknown", "undecided"),
        (MALFORMED, "unknown", "malformed"),
    )
    for expression in lines(text)
]


@pytest.mark.parametrize(("expression", "verdict", "rule"), CASES)
def test_an_expression_means_what_spdx_says(judge: Judge, expression: str, verdict: str, rule: str) -> None:
    found = judge.judge(Declaration(expression=expression))
    assert (found.verdict, found.rule) == (verdict, rule)


def test_there_are_two_hundred_expressions_and_none_twice() -> None:
    assert len({expression for expression, _, _ in CASES}) == len(CASES) >= 200
