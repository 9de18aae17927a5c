"""Keys and tokens that name their issuer in their first letters: one table for all that masks or redacts.

Each row is a kind, the letters that such a value starts with, and a pattern of what follows them. The forms are
those that the issuers document or that their own scanners look for; lower bounds are set well under the real
lengths, so that a value cut short by a log is still found.
"""

from __future__ import annotations

from dataclasses import dataclass

#: What the first characters after every sign are made of, and how many there are at least.
BODY = r"[A-Za-z0-9_.~/-]"
LEAST = 8


@dataclass(frozen=True, slots=True)
class TokenKind:
    """One issuer's tokens: `sign` is literal, `tail` a regular expression for at least `LEAST` characters."""

    kind: str
    sign: str
    tail: str


_WORD16 = r"\w{16,255}"
_WORDS16 = r"[\w-]{16,512}"
#: At least one digit, so that hyphenated words (`sk-learn-...`) stay.
_DIGIT16 = r"(?=[A-Za-z_-]{0,80}\d)[\w-]{16,512}"
_ALNUM16 = r"[A-Za-z0-9]{16,255}"

_ROWS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("anthropic-key", ("sk-ant-",), _WORDS16),
    ("openrouter-key", ("sk-or-",), _WORDS16),
    ("langfuse-key", ("sk-lf-", "pk-lf-"), _WORDS16),
    ("openai-key", ("sk-proj-", "sk-svcacct-", "sk-admin-"), _WORDS16),
    ("api-key", ("sk-",), _DIGIT16),
    ("huggingface-token", ("hf_", "api_org_"), r"[A-Za-z0-9]{12,255}"),
    ("github-token", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), _ALNUM16),
    ("github-token", ("github_pat_",), _WORD16),
    ("gitlab-token", ("glpat-", "gldt-", "glrt-", "glft-", "glcbt-", "glptt-", "glagent-", "gloas-"), r"[\w-]{12,255}"),
    ("aws-key-id", ("AKIA", "ASIA", "ABIA", "ACCA"), r"[A-Z0-9]{12,16}(?![A-Za-z0-9])"),
    ("google-key", ("AIza",), r"[\w-]{30,60}"),
    ("google-token", ("ya29.",), _WORDS16),
    ("google-secret", ("GOCSPX-",), _WORDS16),
    ("slack-token", ("xoxb-", "xoxa-", "xoxp-", "xoxr-", "xoxs-", "xoxo-", "xoxe-", "xapp-"), r"[\w.-]{10,512}"),
    ("slack-webhook", ("hooks.slack.com/services/",), r"[\w/]{16,255}"),
    ("stripe-key", ("sk_live_", "sk_test_", "rk_live_", "rk_test_", "pk_live_"), _WORD16),
    ("stripe-secret", ("whsec_",), _WORD16),
    ("discord-webhook", ("discord.com/api/webhooks/", "discordapp.com/api/webhooks/"), r"\d{8,24}/[\w-]{16,128}"),
    ("npm-token", ("npm_",), r"[A-Za-z0-9]{30,64}"),
    ("pypi-token", ("pypi-AgE",), r"[\w-]{30,512}"),
    ("docker-token", ("dckr_pat_", "dckr_oat_"), _WORDS16),
    ("nvidia-key", ("nvapi-",), _WORDS16),
    ("wandb-key", ("wandb_v1_",), _WORDS16),
    ("replicate-token", ("r8_",), r"[A-Za-z0-9]{20,64}"),
    ("groq-key", ("gsk_",), r"[A-Za-z0-9]{20,128}"),
    ("xai-key", ("xai-",), r"[A-Za-z0-9]{30,128}"),
    ("perplexity-key", ("pplx-",), r"[A-Za-z0-9]{20,128}"),
    ("fireworks-key", ("fw_",), r"[A-Za-z0-9]{20,64}"),
    ("anyscale-key", ("esecret_",), _ALNUM16),
    ("langsmith-key", ("lsv2_pt_", "lsv2_sk_"), _WORD16),
    ("pinecone-key", ("pcsk_",), _WORD16),
    ("tavily-key", ("tvly-",), _WORDS16),
    ("jina-key", ("jina_",), r"[\w-]{30,128}"),
    ("digitalocean-token", ("dop_v1_", "doo_v1_", "dor_v1_"), r"[0-9a-f]{32,64}"),
    ("sendgrid-key", ("SG.",), r"[\w-]{16,64}\.[\w-]{16,64}"),
    ("tailscale-key", ("tskey-",), _WORDS16),
    ("vault-token", ("hvs.", "hvb.", "hvr."), r"[\w-]{20,512}"),
    ("grafana-token", ("glsa_", "glc_"), r"[\w=+/-]{20,512}"),
    ("newrelic-key", ("NRAK-",), r"[A-Z0-9]{20,64}"),
    ("sentry-token", ("sntrys_", "sntryu_"), r"[\w=+/-]{20,512}"),
    ("databricks-token", ("dapi",), r"[0-9a-f]{32}(?:-\d)?(?![0-9a-f])"),
    ("notion-token", ("ntn_",), r"[A-Za-z0-9]{30,64}"),
    ("linear-key", ("lin_api_",), _ALNUM16),
    ("postman-key", ("PMAK-",), r"[0-9a-f-]{32,80}"),
    ("shopify-token", ("shpat_", "shpss_", "shpca_"), r"[0-9a-f]{24,64}"),
    ("age-key", ("AGE-SECRET-KEY-1",), r"[A-Z0-9]{40,80}"),
    ("jwt", ("eyJ",), r"[\w-]{8,8192}(?:={0,2}\.[\w=-]{4,8192}){1,4}"),
    ("base64-json", ("eyJ",), r"[A-Za-z0-9+/_-]{20,65536}={0,2}"),
)

#: Every kind with every sign; of two that begin alike the longer, narrower one comes first.
TOKEN_KINDS: tuple[TokenKind, ...] = tuple(TokenKind(kind, sign, tail) for kind, signs, tail in _ROWS for sign in signs)
