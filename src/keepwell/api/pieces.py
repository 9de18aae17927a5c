"""Work that goes on: what there is, how far it is, and its end before its time."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from keepwell.api.answers import give, give_document, refuse
from keepwell.api.calls import admit, describe
from keepwell.app.hub.house import House
from keepwell.app.hub.visitor import Visitor
from keepwell.app.hub.work import Piece


def may_see(piece: Piece, visitor: Visitor) -> bool:
    """True for who asked for it, and for who may change things. Nobody in particular is not the owner."""
    return visitor.may_change or (piece.visitor.name == visitor.name and not piece.visitor.may_change)


class Pieces:
    """Answers at `/api/v1/work` and `/api/v1/work/ID`."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def list_them(self, request: Request) -> Response:
        """All that this visitor may see, the newest first, without answers."""
        visitor = admit(self._house, request)
        if isinstance(visitor, Response):
            return visitor
        if request.method not in ("GET", "HEAD"):
            return refuse(405, "work is listed by GET", allow="GET")
        seen = [one.describe() for one in self._house.work.pieces() if may_see(one, visitor)]
        return give_document({"schema": "keepwell.works/1", "exit_code": 0, "work": seen})

    async def one(self, request: Request) -> Response:
        """One piece: GET tells how it stands, with its answer once it is over; DELETE stops it."""
        visitor = admit(self._house, request)
        if isinstance(visitor, Response):
            return visitor
        piece = self._house.work.find(request.path_params["id"])
        if piece is None or not may_see(piece, visitor):
            return refuse(404, "there is no such work", "it is kept for a while after its end")
        if request.method == "DELETE":
            self._house.work.stop(piece)
            return give(describe(piece), 202)
        if request.method not in ("GET", "HEAD"):
            return refuse(405, "work takes GET or DELETE", allow="GET, DELETE")
        return give_document(describe(piece))
