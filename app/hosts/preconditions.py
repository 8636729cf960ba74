"""`If-Match` (RFC 9110): a call that is only for one version of its session or function."""

from __future__ import annotations

import re

from app.problems import Problem

TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
TAGS = re.compile(rf"[ \t,]*+(?:{TAG}(?:[ \t]*+,[ \t,]*+{TAG})*+[ \t,]*+)?\Z")
ANY = "*"


def check_version(if_match: str, version: int | str, what: str = "session") -> None:
    """Whether a session, or whatever else it is, of this version is meant.

    A weak tag never matches, and neither does a header that is no list of tags: who sends it expects to be guarded.
    Raises Problem `precondition_failed`.
    """
    if if_match.strip() == ANY:
        return
    tag = f'"{version}"'
    if not TAGS.match(if_match) or tag not in re.findall(TAG, if_match):
        detail = f"the {what} is at version {version}, which is {tag} in If-Match"
        raise Problem("precondition_failed", detail, headers={"ETag": tag})
