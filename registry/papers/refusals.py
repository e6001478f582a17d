"""Why a paper was not taken. The sentences that say what to change are in registry.documents, in three languages."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    EMPTY = "empty"
    TOO_LARGE = "too_large"
    OTHER_KIND = "other_kind"  # `detail` is the kind, where its first bytes tell it
    BROKEN = "broken"
    LOCKED = "locked"
    TOO_MANY_PAGES = "too_many_pages"
    PAGE_TOO_LARGE = "page_too_large"
    PICTURE_TOO_LARGE = "picture_too_large"
    MOVES = "moves"
    TOO_SLOW = "too_slow"
    TOO_MUCH = "too_much"  # memory, or it broke the program that read it
    COPY_TOO_LARGE = "copy_too_large"
    NO_SUCH_PAGE = "no_such_page"  # a mark is on a page that is not there


class Refused(Exception):
    """The paper is not taken; nothing of it is kept."""

    def __init__(self, reason: Reason, *, page: int = 0, detail: str = "") -> None:
        super().__init__(reason.value, page, detail)
        self.reason, self.page, self.detail = reason, page, detail
