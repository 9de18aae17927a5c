"""The description of the API as OpenAPI 3.1, from the table of operations. `python -m keepwell.api.openapi` prints it.

It knows the types of all answers, which takes a second and 30 MB: the hub has it made once, by a process beside it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from keepwell import __version__
from keepwell.api.answers import EXIT_CODE, STATUSES
from keepwell.api.calls import methods_of, path_of
from keepwell.api.forms import PLACE, Form, Forms, find_reports
from keepwell.api.paths import OTHER_PATHS, refer
from keepwell.api.reading import takes_several
from keepwell.app.arguments import public_name
from keepwell.app.operation import Operation, Parameter
from keepwell.app.rights import FACE
from keepwell.app.table import operations

#: What every operation may answer instead, by status: which kinds of errors have it stands in docs/api.md.
REFUSALS = (400, 401, 403, 404, 405, 408, 409, 413, 415, 421, 429, 500, 502, 503, 504)
_ABOUT = (
    "Every operation of keepwell that makes sense from afar, as on the command line: the same names, the same answers "
    "(see docs/json.md). What changes something, lets engines work or looks at undeclared places needs a key that may."
)


def render_openapi(table: Sequence[Operation], version: str) -> dict[str, Any]:
    """The whole document."""
    forms = Forms()
    paths = {path_of(one): _path(one, forms) for one in table}
    named = {name: forms.named[name] for name in sorted(forms.named)}
    return {
        "openapi": "3.1.0",
        "info": {"title": "keepwell", "version": version, "description": _ABOUT, "license": {"name": "Apache-2.0"}},
        "servers": [{"url": "/"}],
        "security": [{}, {"key": []}],
        "paths": {**paths, **OTHER_PATHS},
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "schemas": {**named, **_OWN_FORMS},
            "responses": _OWN_ANSWERS,
            "headers": {"exit": {"schema": {"type": "integer"}, "description": "What a command would leave with."}},
        },
    }


def _path(operation: Operation, forms: Forms) -> dict[str, Any]:
    answers = [_answer(one, forms) for one in find_reports(operation)]
    answer: Form = {"anyOf": answers or [{"type": "object"}]}
    if len(answers) == 1:
        (answer,) = answers
    return {method.lower(): _call(operation, method, answer) for method in methods_of(operation)}


def _answer(report: type, forms: Forms) -> Form:
    """A reference to the form of a whole answer, which several operations may have."""
    name = f"answer.{report.__module__.removeprefix('keepwell.app.')}.{report.__name__}"
    if name not in forms.named:
        forms.named[name] = forms.of_report(report)
    return refer("schemas", name)


def _call(operation: Operation, method: str, answer: Form) -> dict[str, Any]:
    told: dict[str, Any] = {
        "operationId": f"{method.lower()}_{operation.name.replace(' ', '_').replace('-', '_')}",
        "summary": operation.summary,
        "description": operation.description,
        "tags": [operation.group or operation.name],
        "x-keepwell-effect": operation.effect,
        "x-keepwell-heavy": operation.heavy,
        "responses": _responses(answer),
    }
    rows = operation.parameters(FACE)
    if method == "GET":
        rows = tuple(one for one in rows if one.name not in operation.reads_without)
        return {**told, "parameters": [_in_query(one) for one in rows]}
    return {**told, "requestBody": _body(rows)}


def _responses(answer: Form) -> dict[str, Any]:
    found = {
        "description": "The operation's answer.",
        "headers": {EXIT_CODE: refer("headers", "exit")},
        "content": {"application/json": {"schema": answer}},
    }
    refused = {str(status): refer("responses", "Error") for status in REFUSALS}
    return {"200": found, "202": refer("responses", "Later"), **refused}


def _in_query(one: Parameter) -> dict[str, Any]:
    row: dict[str, Any] = {
        "name": public_name(one.name),
        "in": "query",
        "required": one.required,
        "description": _describe(one),
        "schema": form_parameter(one),
    }
    if takes_several(one.type):
        row.update(style="form", explode=True)
    return row


def _body(rows: Iterable[Parameter]) -> dict[str, Any]:
    rows = tuple(rows)
    form: Form = {
        "type": "object",
        "additionalProperties": False,
        "properties": {public_name(one.name): {**form_parameter(one), "description": _describe(one)} for one in rows},
    }
    needed = [public_name(one.name) for one in rows if one.required]
    if needed:
        form["required"] = needed
    return {"required": bool(needed), "content": {"application/json": {"schema": form}}}


def form_parameter(one: Parameter) -> Form:
    """The JSON Schema of one parameter."""
    form = msgspec.json.schema(one.type)
    made = next((dict(part) for part in form.get("anyOf", ()) if part != {"type": "null"}), dict(form))
    if one.param.minimum is not None:
        made["minimum"] = one.param.minimum
    if one.param.maximum is not None:
        made["maximum"] = one.param.maximum
    if not one.required and one.default is not None:
        made["default"] = one.default
    return made


def _describe(one: Parameter) -> str:
    words = [one.param.help]
    if one.param.free_up_to is not None:
        words.append(f"Beyond {one.param.free_up_to} the right to change things is needed.")
    elif one.param.guarded:
        words.append("Needs the right to change things.")
    if one.param.means == "place":
        words.append("Places that keepwell.toml does not name need the right to change things; files are not taken.")
    if one.param.means == "name":
        words.append("Files are not taken.")
    return " ".join(words)


_ERROR: Form = {
    "type": "object",
    "description": "Why there is no answer.",
    "properties": {
        "schema": {"const": "keepwell.error/1"},
        "exit_code": {"const": 3},
        "kind": {"enum": sorted(STATUSES)},
        **{name: {"type": "string"} for name in ("error", "where", "command", "next")},
    },
    "required": ["schema", "exit_code", "kind", "error"],
}
_WORK: Form = {
    "type": "object",
    "description": "An operation that is done for somebody; times are seconds since the epoch, 0 for none.",
    "properties": {
        **{name: {"type": "string"} for name in ("id", "operation", "asked_by", "text", "place")},
        **{name: {"type": "number"} for name in ("asked_at", "ended_at")},
        **{name: {"type": "integer"} for name in ("done", "total")},
        "stage": {"enum": ["waiting", "running", "done", "failed", "stopped"]},
        "lines": {"type": "array", "items": {"type": "string"}},
        "answer": {"type": ["object", "null"]},
    },
    "required": ["id", "operation", "stage"],
}
_OWN_FORMS: Mapping[str, Form] = {"api.Error": _ERROR, "api.Work": _WORK}
_OWN_ANSWERS: Mapping[str, Any] = {
    "Error": {
        "description": "No: `kind` says why, `next` what to do.",
        "content": {"application/json": {"schema": {"$ref": f"{PLACE}api.Error"}}},
    },
    "Later": {
        "description": "It goes on: the answer will be at `location`.",
        "headers": {"location": {"schema": {"type": "string"}}, "retry-after": {"schema": {"type": "integer"}}},
        "content": {"application/json": {"schema": {"$ref": f"{PLACE}api.Work"}}},
    },
}


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(render_openapi(operations(FACE), __version__)))
