"""A secret is read when it is used, from where the configuration points, and kept nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from keepwell.config.model import Secret
from keepwell.core.errors import ConfigurationError

#: Bytes of a file with one key in it; a larger one is some other file.
SECRET_BYTES = 16_384


def load_secret(secret: Secret | None, environment: Mapping[str, str]) -> str:
    """The secret without surrounding white space; "" for None.

    Raises ConfigurationError that names the variable or file when it is not there, empty or too large.
    """
    if secret is None:
        return ""
    if secret.env:
        where = f"environment variable {secret.env}"
        value = environment.get(secret.env, "")
    else:
        where = secret.file
        value = _read(Path(secret.file))
    if not value.strip():
        raise ConfigurationError("the secret is empty or not set", where=where)
    return value.strip()


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(SECRET_BYTES + 1)
        if len(content) > SECRET_BYTES:
            raise ConfigurationError(f"a secret of more than {SECRET_BYTES} bytes", where=str(path))
        return content.decode("utf-8")
    except OSError as error:
        raise ConfigurationError(f"the secret cannot be read: {error.strerror}", where=str(path)) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError("the secret is not text", where=str(path)) from error
