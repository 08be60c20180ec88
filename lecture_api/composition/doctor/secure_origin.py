"""The address people use: secure enough for cameras, and its certificate good for a while."""

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509

from lecture_api.composition.doctor.findings import Finding
from lecture_api.composition.serve import is_loopback
from lecture_api.settings import Settings

_SOON = datetime.timedelta(days=21)
_WITHIN_S = 5


async def of(settings: Settings) -> AsyncIterator[Finding]:
    """Whether browsers allow cameras there, and the certificates' remaining time."""
    url = settings.public_url or f"{'https' if settings.tls_cert else 'http'}://{settings.http_host}"
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https":
        yield Finding.ok("secure_origin", "address", f"{url} is secure: browsers allow cameras there")
    elif is_loopback(host):
        text = f"{url} is this machine alone, where browsers allow cameras without https"
        yield Finding.ok("secure_origin", "address", text)
    else:
        yield Finding.problem(
            "secure_origin",
            "address",
            f"{url} is not https: browsers allow no camera or microphone there",
            "set ZHIJIAN_TLS_CERT and ZHIJIAN_TLS_KEY, or a reverse proxy with https and ZHIJIAN_PUBLIC_URL",
        )
    if settings.tls_cert is not None:
        yield from_file(settings.tls_cert)
    elif parts.scheme == "https":
        yield await from_server(host, parts.port or 443)


def from_file(path: Path) -> Finding:
    """The certificate that the server itself shows."""
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        advice = "ZHIJIAN_TLS_CERT must name a readable certificate chain in PEM"
        return Finding.problem("certificate", "certificate", f"cannot be read: {error}", advice)
    return _judge(certificate.not_valid_after_utc, str(path))


async def from_server(host: str, port: int) -> Finding:
    """The certificate that a reverse proxy shows, checked as a browser checks it."""
    context = ssl.create_default_context()
    try:
        async with asyncio.timeout(_WITHIN_S):
            _, writer = await asyncio.open_connection(host, port, ssl=context)
    except ssl.SSLCertVerificationError as error:
        advice = "renew it, with its whole chain and the name people use"
        return Finding.problem(
            "certificate", "certificate", f"browsers refuse it: {error.verify_message}", advice
        )
    except (OSError, TimeoutError) as error:
        advice = "see whether the name resolves and the reverse proxy runs"
        return Finding.problem(
            "certificate", "certificate", f"{host}:{port} does not answer: {error}", advice
        )
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return _judge(x509.load_der_x509_certificate(shown).not_valid_after_utc, f"of {host}")


def _judge(until: datetime.datetime, what: str) -> Finding:
    left = until - datetime.datetime.now(datetime.UTC)
    text = f"{what}, valid until {until:%Y-%m-%d}"
    if left < datetime.timedelta():
        return Finding.problem("certificate", "certificate", f"{text}: expired", "renew it now")
    if left < _SOON:
        return Finding.note("certificate", "certificate", f"{text}: {left.days} days left", "renew it")
    return Finding.ok("certificate", "certificate", text)
