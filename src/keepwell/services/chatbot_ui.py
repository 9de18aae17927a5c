"""Chatbot UI: chat in a web page, in front of an OpenAI-compatible engine."""

from __future__ import annotations

from keepwell.plugins.services import ServiceKind, Sign

SERVICE = ServiceKind(
    title="Chatbot UI",
    ports=(3000,),
    signs=(Sign(path="/", body=r"<title>\s*Chatbot ?UI"),),
    units=("chatbot-ui",),
    images=("chatbot-ui",),
    health=Sign(path="/", status=(200, 301, 302, 307, 308)),
    needs_variables=(r"^OPENAI_API_HOST$", r"_BASE_URL$", r"_HOST$"),
)
