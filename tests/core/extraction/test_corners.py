"""Texts at the edges of the rules: they read the same in pieces, and nothing raises."""

from __future__ import annotations

import pytest

from tests.core.dialects.test_contract import events, joined, pieces, plan

CALL = '<invoke name="ping"></invoke>'
LIST = "<|tool_call_start|>{}<|tool_call_end|>"
SAVE = "<tool_call><function=save><parameter=html>{}</parameter></function></tool_call>"
NAME = "<parameter=name>"
CLOSE = "</parameter>"
TEXTS = [
    *(("auto", "<tool_calls>" * count + CALL) for count in (3, 8, 9, 33)),
    *(("auto", "".join(f"<tools{number}>" for number in range(count)) + CALL) for count in (8, 9)),
    *(("lfm2", LIST.format(text)) for text in ("[save(html='a')b(c='d')]", "[save(html='a')ping()]", "[ping(html='it's') f(a='b')]")),
    *(("pythonic", text) for text in ("[save(html='a')x(y='z')]", "[save(html='f('a')foo(b)')]", "[save(html='a') foo(b='c')]")),
    *(
        ("qwen3_coder", SAVE.format(value))
        for value in (
            f"<b>{NAME}x{CLOSE}y",
            f"<b>x{CLOSE}{NAME}y{CLOSE}{CLOSE}{NAME}z",
            f"{NAME}a{CLOSE}{NAME}b{CLOSE}{NAME}c",
            f"{NAME}a{CLOSE}{NAME}b{CLOSE}{NAME}c{CLOSE}{NAME}d{CLOSE}{NAME}e",
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize(("dialect", "text"), TEXTS)
def test_a_text_at_the_edge_of_a_rule_reads_the_same_in_pieces(dialect: str, text: str) -> None:
    whole = joined(events(plan(dialect), [text], "stop"))
    for size in (1, 2, 3, 7):
        assert joined(events(plan(dialect), pieces(text, size), "stop")) == whole
