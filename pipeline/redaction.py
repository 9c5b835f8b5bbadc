"""Text without the credentials of URLs, for all that is stored or shown: rows, logs, `runs/*.json`.

    https://ann:secret@host/a.pdf?page=2&X-Amz-Signature=4f0c    ->  https://host/a.pdf?page=2&X-Amz-Signature=***

It hides user names and passwords, and the values of parameters that sign or grant access: presigned URLs of S3
and Google, shared access signatures of Azure, signed URLs of CloudFront, tokens and passwords by their usual names. Two
URLs that differ only there come out equal, as two signatures of one object should. Not covered: secrets in a path, and
parameters whose names do not tell them (`key`, `id`, `code`), which more often tell documents apart.
"""

import re
from collections.abc import Sequence
from urllib.parse import unquote

_HIDDEN = "***"
# Up to the last @ before the path. Where no host follows it, or what follows the colon is no port, the password was not
# quoted, and ends at the last @ of all.
_USER = re.compile(
    r"(?<=://)(?:(?:[^\s/?#\"<>]*@(?=[^\s/?#@:\"<>])"
    r"|[^\s/?#@\"<>\[]*:(?!\d*(?:[\s/?#\"<>]|\Z))[^\s\"<>]{0,500}@))+"
)
_PARAMETER = re.compile(r"(?<=[?&;#])([^\s?=&;#\"<>]+)=([^\s&#\"<>]+)")
# A setting of passwords or of a key, or a whole section that holds some.
_PASSWORDS = re.compile(
    r"(?s)\A((?:--set=)?\s*(?:input\s*(?:\.\s*passwords\s*)?"
    r"|engine\s*(?:\.\s*endpoint\s*(?:\.\s*api_key\s*)?)?)=).*"
)
_SECRET_NAME = re.compile(
    r"(?i)signature|credential|token|secret|passw(?:or)?d|api[-_]?key|access[-_]?key|access[-_]?id"
    r"|\A(?:sig|pwd|auth|authorization|jwt|sas|policy|key-pair-id)\Z"
)


def redacted(text: str) -> str:
    """Return a URL, or a text with URLs, without credentials; a second call changes nothing."""
    while (less := _PARAMETER.sub(_hidden, _USER.sub("", text))) != text:
        text = less
    return text


def redacted_command(arguments: Sequence[str]) -> list[str]:
    """Return the command line without passwords and keys in `--set` and without the credentials of its URLs."""
    return [_PASSWORDS.sub(rf"\1{_HIDDEN}", redacted(argument)) for argument in arguments]


def _hidden(parameter: re.Match[str]) -> str:
    name, value = parameter.groups()
    return f"{name}={_HIDDEN if _SECRET_NAME.search(unquote(name)) else value}"
