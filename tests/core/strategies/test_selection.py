"""Which strategies a request gets, where its tools do not decide."""

import pytest
from toolgate_core.strategies.selection import strategies_for
from toolgate_core.types.policy import Capabilities, Policy
from toolgate_core.types.requests import ChatRequest
from toolgate_core.types.vocabulary import Mode, Strategy


@pytest.mark.parametrize("mode", [Mode.AUTO, Mode.EMULATE])
@pytest.mark.parametrize("capabilities", [Capabilities(), Capabilities(tools=False, json_schema=False)])
def test_a_request_without_tools_is_sent_unchanged(mode: Mode, capabilities: Capabilities) -> None:
    policy = Policy(ladder=(Strategy.BRIDGE,), capabilities=capabilities)
    assert strategies_for(ChatRequest(model="m", messages=()), policy, mode) == (Strategy.NATIVE,)
