"""Examining signaling servers."""

from callrec.app.doctor import far
from callrec.app.doctor.finding import Finding, failed, ok, warning

MAX_DRIFT_S = 5.0
"""Tickets are good for a limited time: a clock further off lets people in late or not at all."""
NEEDED = frozenset({"incall-all"})
"""Without it the end of a call for everyone reaches nobody."""

_CHECK = "signaling server"


async def examine(servers: list[tuple[str, bool]]) -> list[Finding]:
    """Examine the signaling *servers* (URL, verify TLS)."""
    if not servers:
        remedy = "Unset the app config `signaling_mode`, or set `signaling_servers`."
        return [failed(_CHECK, "none is configured: nobody can call or record", remedy)]
    findings = []
    for url, verify_tls in servers:
        findings += await _examine_one(url, verify_tls=verify_tls)
    return findings


async def _examine_one(url: str, *, verify_tls: bool) -> list[Finding]:
    async with far.client(verify_tls=verify_tls) as http:
        answer = await far.welcome(http, _CHECK, url)
    if isinstance(answer, Finding):
        return [answer]
    if "nextcloud-spreed-signaling" not in answer.body:
        return [failed(_CHECK, f"{url} is no signaling server", "Something else listens there.")]
    findings = [ok(_CHECK, f"{url} answers, version {answer.body.get('version', 'unknown')}")]
    missing = NEEDED - (answer.features or frozenset())
    if missing:
        text = f"{url} lacks {', '.join(sorted(missing))}"
        findings.append(failed("signaling features", text, "Upgrade the signaling server."))
    else:
        findings.append(ok("signaling features", ", ".join(sorted(answer.features or ()))))
    if answer.drift_s is None:
        text = f"{url} tells no time"
        findings.append(warning("signaling clock", text, "Let the proxy before it pass the Date header."))
    elif abs(answer.drift_s) > MAX_DRIFT_S:
        text = f"the clock of {url} differs by {answer.drift_s:+.0f} s"
        findings.append(warning("signaling clock", text, "Let both machines keep time by NTP."))
    else:
        findings.append(ok("signaling clock", "agrees with ours"))
    return findings
