"""What an agent is known by: a certificate of its own making, its key, and the token that callers must show."""

from __future__ import annotations

import datetime
import hashlib
import secrets
import ssl
import stat
from pathlib import Path

from keepwell.core.errors import AccessError, DamagedError, NotPermitted, NotThere, RefusedError
from keepwell.store.folder import make_private_folder, write_private
from keepwell.transport.agent.server import Identity
from keepwell.transport.agent.words import LINE_BYTES, TOKEN_BYTES
from keepwell.transport.failures import access_error

#: The files of an identity.
CERTIFICATE = "certificate.pem"
KEY = "key.pem"
TOKEN = "token"
#: Days that a certificate holds. Callers pin it and look at no date; other programs do.
DAYS = 3650
#: Days before now from which it holds: clocks of two machines differ.
DAYS_BEFORE = 2
#: Characters of the shortest token that is taken: somebody may write one by hand.
TOKEN_CHARACTERS = 20


def make_identity(folder: Path, name: str, now: float) -> Identity:
    """Make certificate, key and token in a folder, readable by their owner alone. `now` is seconds since the epoch.

    Raises RefusedError if one is there, AccessError if it cannot be written.
    """
    if (folder / CERTIFICATE).exists() or (folder / KEY).exists():
        raise RefusedError(
            "this agent has a certificate already, and callers pin it",
            where=str(folder),
            hint="`keepwell agent --show` prints the entry for keepwell.toml; to begin anew, remove that folder first",
        )
    make_private_folder(folder)
    certificate, key = _make_certificate(name, now)
    try:
        write_private(folder / KEY, key)
        write_private(folder / TOKEN, (secrets.token_urlsafe(TOKEN_BYTES) + "\n").encode())
        write_private(folder / CERTIFICATE, certificate)
    except OSError as error:
        raise access_error(error, where=str(folder)) from error
    return load_identity(folder)


def load_identity(folder: Path) -> Identity:
    """The identity in a folder. Raises NotThere with how to make one, NotPermitted for files that others can read."""
    paths = [folder / one for one in (CERTIFICATE, KEY, TOKEN)]
    for one in paths:
        _check_file(one)
    try:
        token = paths[2].read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise DamagedError(f"the token cannot be read ({error})", where=str(paths[2])) from error
    if not TOKEN_CHARACTERS <= len(token) <= LINE_BYTES // 2 or any(one.isspace() for one in token):
        raise DamagedError(
            f"a token is one word of {TOKEN_CHARACTERS} to {LINE_BYTES // 2} characters",
            where=str(paths[2]),
            hint=f"remove {folder} and make a new identity: keepwell agent --init",
        )
    return Identity(certificate=paths[0], key=paths[1], token=token)


def find_fingerprint(identity: Identity) -> str:
    """SHA-256 of the certificate, hex. Raises DamagedError."""
    try:
        text = identity.certificate.read_text(encoding="ascii")
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(text)).hexdigest()
    except (OSError, ValueError) as error:
        raise DamagedError(f"the certificate cannot be read ({error})", where=str(identity.certificate)) from error


def _check_file(path: Path) -> None:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError as error:
        raise NotThere(
            "this agent has no certificate, key and token yet", where=str(path), hint="keepwell agent --init"
        ) from error
    except OSError as error:
        raise access_error(error, where=str(path)) from error
    if mode & 0o077 and path.name != CERTIFICATE:
        raise NotPermitted(
            f"others than its owner can read this file (mode {mode:04o}), so it is no secret any more",
            where=str(path),
            hint=f"remove {path.parent} and make a new identity: keepwell agent --init",
        )


def _make_certificate(name: str, now: float) -> tuple[bytes, bytes]:
    """A self-signed certificate and its key (ECDSA, P-256), both as PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"keepwell agent {name}"[:64])])
    today = datetime.datetime.fromtimestamp(now, datetime.UTC).replace(microsecond=0)
    try:
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(today - datetime.timedelta(days=DAYS_BEFORE))
            .not_valid_after(today + datetime.timedelta(days=DAYS))
            .sign(key, hashes.SHA256())
        )
    except ValueError as error:
        raise AccessError(f"no certificate can be made ({error}); is the clock right?") from error
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return made.public_bytes(serialization.Encoding.PEM), private
