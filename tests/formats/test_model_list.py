"""The list of models in LiteLLM's configuration."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.formats.model_list import parse_model_list

TEXT = """
model_list:
  # the small one
  - model_name: small
    litellm_params:
      model: "ollama_chat/llama3.2:3b"
      api_base: http://127.0.0.1:11434   # this machine
      api_key: os.environ/KEY
  - model_name: 'big'
    litellm_params:
      model: hosted_vllm/big
litellm_settings:
  drop_params: true
  model: never
"""


def test_each_entry_has_its_name_its_model_and_its_address() -> None:
    small, big = parse_model_list(TEXT)
    assert small == {"name": "small", "model": "ollama_chat/llama3.2:3b", "api_base": "http://127.0.0.1:11434"}
    assert big == {"name": "big", "model": "hosted_vllm/big", "api_base": ""}


def test_no_key_is_read() -> None:
    assert "KEY" not in str(parse_model_list(TEXT))


_NAME = st.text(alphabet="abcdefgh-.0123456789/", min_size=1, max_size=20).filter(lambda text: not text.startswith("-"))


@given(st.lists(st.tuples(_NAME, _NAME), max_size=6))
@settings(max_examples=40, deadline=None)
def test_what_is_written_is_read(rows: list[tuple[str, str]]) -> None:
    text = "model_list:\n" + "".join(
        f"- model_name: {name}\n  litellm_params:\n    model: {model}\n" for name, model in rows
    )
    assert [(one["name"], one["model"]) for one in parse_model_list(text)] == rows


@given(st.text(max_size=300))
@settings(max_examples=60, deadline=None)
def test_any_text_gives_an_answer(text: str) -> None:
    assert isinstance(parse_model_list(f"model_list:\n{text}"), tuple)
