"""The conversation server as a standalone signaling server asks it: over HTTP, signed."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from callrec.conversation.hello_tokens import HelloTokens
from callrec.wire.checksum import SIGNALING_CHECKSUM, SIGNALING_RANDOM, verify
from callrec.wire.signaling import SignalingRefusal, SignalingUser
from tests.signaling.conversation import Conversation

BACKEND_SECRET = "the secret of the conversation server"
API = "/ocs/v2.php/apps/spreed/api/v3/signaling/backend"


class TokenConversation(Conversation):
    """Admits whoever shows a token of its own key."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.tokens = HelloTokens(url)

    async def authenticate_token(self, token: str) -> SignalingUser:
        user_id, guest = self.tokens.check(token)
        return SignalingUser(user_id, user_id.title(), guest=guest)


def routes(conversation: TokenConversation) -> list[BaseRoute]:
    """Return the two addresses that a standalone signaling server asks."""

    async def callback(request: Request) -> Response:
        body = await request.body()
        headers = request.headers
        assert verify(BACKEND_SECRET, headers.get(SIGNALING_RANDOM), headers.get(SIGNALING_CHECKSUM), body)
        asked = msgspec.json.decode(body)
        try:
            return _ocs(await _answer(conversation, asked["type"], asked[asked["type"]]))
        except SignalingRefusal as refusal:
            return _ocs({"type": "error", "error": {"code": refusal.code, "message": refusal.message}})

    async def capabilities(_: Request) -> Response:
        signaling = {"hello-v2-token-key": conversation.tokens.public_key}
        spreed = {"features": ["signaling-v3"], "config": {"signaling": signaling}}
        return _ocs({"version": {}, "capabilities": {"spreed": spreed}})

    return [Route(API, callback, methods=["POST"]), Route("/ocs/v2.php/cloud/capabilities", capabilities)]


async def _answer(conversation: Conversation, kind: str, asked: dict[str, Any]) -> dict[str, Any]:
    if kind == "auth":
        user = await conversation.authenticate(asked["params"])
        known = {"userid": user.user_id, "user": {"displayname": user.display_name}} if user.user_id else {}
        return {"type": "auth", "auth": {"version": "1.0", **known}}
    if kind == "ping":
        await conversation.ping(asked["roomid"], [entry["sessionid"] for entry in asked["entries"]])
        return {"type": "room", "room": {"version": "1.0"}}
    assert kind == "room", kind
    token, user = asked["roomid"], SignalingUser(asked["userid"])
    if asked.get("action") == "leave":
        await conversation.leave_room(token, user, asked["sessionid"])
        return {"type": "room", "room": {"version": "1.0", "roomid": token}}
    admission = await conversation.join_room(token, user, asked["sessionid"])
    room = {"properties": admission.properties, "permissions": list(admission.permissions)}
    return {"type": "room", "room": {"version": "1.0", "roomid": token, **room}}


def _ocs(data: Any) -> Response:
    meta = {"status": "ok", "statuscode": 200, "message": "OK"}
    return JSONResponse({"ocs": {"meta": meta, "data": data}})
