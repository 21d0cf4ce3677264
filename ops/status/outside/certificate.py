"""Report whether the site's certificate is for the domain, and stays valid."""

from datetime import datetime, timedelta

from cryptography import x509

from ops.restore_points import schedule
from ops.status.line import Line

NAME = "certificate"


def certificate_line(domain: str, certificate: bytes, now: datetime, command: str) -> Line:
    """Return a line that says whether the certificate (DER; empty if none came) is for `domain` and is renewed in time.
    Caddy renews one when a third of its time is left. With less than a sixth, renewals have failed for a while.
    `command` is the command to type."""
    if not certificate:
        return Line(NAME, "unknown", "none was served")
    found = x509.load_der_x509_certificate(certificate)
    begins, ends = found.not_valid_before_utc, found.not_valid_after_utc
    served = names_in(found)
    if domain not in served:
        text = f"the site serves one for {', '.join(served) or 'no name'}, and not for {domain}"
        return Line(NAME, "bad", text, command)
    if ends <= now:
        return Line(NAME, "bad", f"it lapsed on {ends:%Y-%m-%d %H:%M} UTC: no browser accepts it", command)
    left = schedule.in_words(ends - now)
    if ends - now < max((ends - begins) / 6, timedelta()):
        return Line(NAME, "bad", f"it lapses in {left}, and was not renewed", command)
    return Line(NAME, "good", f"for {domain}, {left} left")


def names_in(certificate: x509.Certificate) -> list[str]:
    """Return the DNS names in the certificate."""
    try:
        alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return list(alternatives.value.get_values_for_type(x509.DNSName))
