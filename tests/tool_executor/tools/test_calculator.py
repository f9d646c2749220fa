"""calculator: right where Python is right, and bounded for any input."""

from __future__ import annotations

import asyncio
import json
import math
import random
import warnings
from collections.abc import AsyncIterator

import pytest
from toolgate_tool_executor.tools.calculator import Calculator

from tests.tool_executor.running import failure, run


@pytest.fixture
async def calculator() -> AsyncIterator[Calculator]:
    made = Calculator()
    yield made
    await made.aclose()


@pytest.mark.parametrize(
    ("expression", "value", "display"),
    [
        ("(17*23)/4", 97.75, "97.75"),
        ("2^3", 8, "8"),
        ("2^3^2", 512, "512"),
        ("0.1+0.2", 0.1 + 0.2, "0.3"),
        ("6×7÷2−1", 20.0, "20"),
        ("√2", math.sqrt(2), "1.4142135623731"),
        ("2²+1", 5, "5"),
        ("１２＋３", 15, "15"),
        ("2**53", 2**53, "9007199254740992"),
        ("2**53+1", "9007199254740993", "9007199254740993"),
        ("-(2**64)", "-18446744073709551616", "-18446744073709551616"),
        ("round(2.675, 2)", 2.67, "2.67"),
        ("round(2.675, ndigits=2)", 2.67, "2.67"),
        ("round(1234.5, -2)", 1200.0, "1200"),
        ("round(7, 2)", 7, "7"),
        ("round(2.5)", 2, "2"),
        ("Decimal('0.1')+Decimal('0.2')", "0.3", "0.3"),
        ("math.sqrt(16)+pi-math.pi", 4.0, "4"),
        ("ln(e)", 1.0, "1"),
        ("max(100,200)", 200, "200"),
        ("[x*x for x in range(4)]", [0, 1, 4, 9], "[0,1,4,9]"),
        ("divmod(17, 5)", [3, 2], "[3,2]"),
        ("3 > 2", True, "true"),
        ("sum(i for i in range(101))", 5050, "5050"),
        ("1e3", 1000.0, "1000"),
    ],
)
async def test_expression_has_its_value(calculator: Calculator, expression: str, value: object, display: str) -> None:
    outcome = await run(calculator, expression=expression)
    assert (outcome.error, outcome.structured) == (None, {"value": value, "display": display})


@pytest.mark.parametrize(
    ("expression", "code", "message", "hint"),
    [
        ("1,000+1", "invalid_arguments", "expression: 1,000 reads as several numbers", "write 1000"),
        ("(1+2", "invalid_arguments", "expression: '(' was never closed at character 1", ""),
        ("sqr(2)", "invalid_arguments", "expression: name 'sqr' is not defined", "did you mean sqrt?"),
        ("   ", "invalid_arguments", "expression: is empty", ""),
        ("1/0", "not_computable", "division by zero", ""),
        ("1e308*10", "not_computable", "not a finite number", ""),
        ("nan", "not_computable", "not a finite number", ""),
        ("[1, inf]", "not_computable", "not a finite number", ""),
        ("print(1)", "invalid_arguments", "expression: the expression has no value", ""),
        (
            "(-8)**(1/3)",
            "invalid_arguments",
            "expression: the result is not a number, a text or a list of them",
            "",
        ),
    ],
)
async def test_bad_expression_is_explained(
    calculator: Calculator, expression: str, code: str, message: str, hint: str
) -> None:
    error = failure(await run(calculator, expression=expression))
    assert (error.code, error.message, error.hint) == (code, message, hint)


SECRETS = ["root:", "PATH=", "site-packages"]
ESCAPES = [
    "().__class__",
    "().__class__.__base__.__subclasses__()",
    "(lambda: 0).__globals__",
    "__import__('os').system('id')",
    "__import__('os').environ",
    "open('/etc/passwd').read()",
    "eval('__import__(\"os\")')",
    "exec('import os')",
    "exec('import os; os.system(\"id\")')",
    "globals()",
    "vars()",
    "getattr((), '__cl'+'ass__')",
    "'{0.__class__}'.format(1)",
    "f'{().__class__}'",
    "json.loads.__globals__",
    "math.__loader__",
    "import os",
    "(1)\n)+(2",
    "1\nimport os",
    "1; 2",
    "a=5",
    "while True: pass",
    "lambda: 1",
    "yield 1",
    "await x",
    "\0",
    "1 # \n + 2)",
    "'" + "\\" * 9,
    "_answer(",
    "'\ud800'",
]


@pytest.mark.parametrize("attack", ESCAPES)
async def test_expression_that_reaches_outside_is_refused(calculator: Calculator, attack: str) -> None:
    outcome = await run(calculator, expression=attack)
    if outcome.error is not None:
        assert outcome.error.code in ("invalid_arguments", "not_computable", "limit_exceeded")
    shown = outcome.content + str(outcome.error)
    assert [secret for secret in SECRETS if secret in shown] == []
    assert json.loads(outcome.content or "{}").get("value") in (None, 1, "1")


RUNAWAYS = [
    "9**9**9",
    "2**100000",
    "10**4000*10**4000",
    "factorial(10**6)",
    "comb(10**7, 5*10**6)",
    "'a'*10**9",
    "f'{1:>1000000000}'",
    "'%1000000000d' % 5",
    "[0]*10**7",
    "[[0]*1000]*1000*1000",
    "sum(range(10**12))",
    "sorted(range(10**7))",
    "'x'.join(['y'*1000]*10**6)",
    "(lambda f: f(f))(lambda f: f(f))",
    "[x for x in iter(int, 1)]",
    "pow(3, 10**8)",
    "range(10**12)",
    "-" * 900 + "1",
    "1+" * 490 + "1",
    "(" * 400 + "1",
    "[" * 500 + "]" * 500,
    "print('x'*10**6)",
    "'9'*5000",
    "list(range(5000))",
]


@pytest.mark.parametrize("attack", RUNAWAYS, ids=lambda attack: attack[:30])
async def test_runaway_is_bounded_and_the_next_expression_is_answered(calculator: Calculator, attack: str) -> None:
    error = failure(await run(calculator, expression=attack))
    assert error.code in ("limit_exceeded", "invalid_arguments", "timeout")
    assert (await run(calculator, expression="1+1")).structured == {"value": 2, "display": "2"}


@pytest.mark.parametrize("attack", ["1+" * 20_000 + "1", "-" * 5_000 + "1"], ids=["plus", "minus"])
async def test_expression_that_is_too_long_is_refused(calculator: Calculator, attack: str) -> None:
    error = failure(await run(calculator, expression=attack))
    assert (error.code, error.message.partition(" (got")[0]) == (
        "invalid_arguments",
        "expression: String should have at most 1000 characters",
    )


async def test_event_loop_goes_on_while_an_expression_runs(calculator: Calculator) -> None:
    await run(calculator, expression="1")
    task = asyncio.create_task(run(calculator, expression="sum(range(10**12))"))
    turns = 0
    while not task.done():
        await asyncio.sleep(0.001)
        turns += 1
    # a loop that stood still for the expression's second would have turned a handful of times
    assert turns > 50
    assert failure(task.result()).code == "limit_exceeded"


@pytest.mark.slow
async def test_many_hogs_leave_answers_for_all(calculator: Calculator) -> None:
    hogs = [asyncio.create_task(run(calculator, expression="sum(range(10**12))")) for _ in range(12)]
    outcomes = await asyncio.gather(*hogs, run(calculator, expression="1+1"))
    codes = {outcome.error.code if outcome.error else "ok" for outcome in outcomes}
    assert codes <= {"ok", "limit_exceeded", "busy", "timeout"}
    assert (await run(calculator, expression="2+2")).structured == {"value": 4, "display": "4"}


def random_expression(rng: random.Random, depth: int = 0) -> str:
    if depth > 3 or rng.random() < 0.25:
        return rng.choice([str(rng.randint(-50, 50)), f"{rng.uniform(-100, 100):.{rng.randint(1, 6)}f}"])
    left, right = random_expression(rng, depth + 1), random_expression(rng, depth + 1)
    return rng.choice(
        [
            f"({left} {rng.choice(['+', '-', '*', '/', '//', '%'])} {right})",
            f"round({left}, {rng.randint(0, 5)})",
            f"abs({left})",
            f"max({left}, {right})",
            f"sqrt(abs({left}))",
            f"({left})**{rng.randint(0, 4)}",
        ]
    )


@pytest.mark.slow
async def test_random_expressions_have_the_value_that_cpython_gives(calculator: Calculator) -> None:
    rng = random.Random(20261120)
    names = {"sqrt": math.sqrt, "__builtins__": {"round": round, "abs": abs, "max": max}}
    compared, differing = 0, []
    for _ in range(1500):
        expression = random_expression(rng)
        outcome = await run(calculator, expression=expression)
        try:
            with warnings.catch_warnings(action="ignore"):
                expected = eval(expression, names)
        except ArithmeticError:
            assert failure(outcome).code == "not_computable"
            continue
        compared += 1
        value = outcome.structured["value"] if isinstance(outcome.structured, dict) else None
        wanted = str(expected) if isinstance(expected, int) and abs(expected) > 2**53 else expected
        if value != wanted:
            differing.append((expression, value, wanted))
    assert differing == []
    assert compared > 1000
