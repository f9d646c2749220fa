"""The command line of `vllm serve`, version 0.33: the flags that a deployment sets, with what each takes.

From `vllm/engine/arg_utils.py` and `vllm/entrypoints/common/cli_args.py` of that version. A flag that is not here is an
error, as in vLLM: that is how a chart that renders a wrong flag is found without a GPU.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from typing import Any, Final


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


TOOL_PARSERS: Final = _words(
    "dots deepseek_v3 deepseek_v31 deepseek_v32 deepseek_v4 deepseek_v41 cohere_command3 cohere_command4 ernie45"
    " glm45 glm47 ling3 granite-20b-fc granite granite4 hermes hf beam poolside_v1 hunyuan_a13b hy_v3 hy_v4 internlm"
    " jamba lfm2 kimi_k2 kimi_k3 k2_horizon llama3_json llama4_json llama4_pythonic longcat mimo minimax_m2 minimax_m3"
    " minicpm5 mistral olmo3 plamo3 muse muse_glimmer musespark1x openai phi4_mini_json pythonic qwen3_coder"
    " qwen3_json qwen3_xml seed_oss step3 step3p5 step5 inkling xlam gigachat3 functiongemma gemma4 apertus"
)
REASONING_PARSERS: Final = _words(
    "deepseek_r1 deepseek_v3 deepseek_v4 deepseek_v41 poolside_v1 cohere_command3 cohere_command4 ernie45 gemma4"
    " glm45 glm47 ling3 openai_gptoss granite granite_thinking_parser hf beam holo2 hunyuan_a13b hy_v3 hy_v4 kimi_k2"
    " kimi_k3 k2_horizon mimo minicpmv minimax_m2 minimax_m2_append_think minimax_m3 mistral nemotron_v3 olmo3 plamo3"
    " muse muse_glimmer musespark1x qwen3 seed_oss step3 step3p5 step5 inkling"
)

_SWITCHES: Final = _words(
    "allow-credentials async-scheduling disable-custom-all-reduce disable-fastapi-docs"
    " disable-hybrid-kv-cache-manager disable-log-stats disable-sliding-window disable-uvicorn-access-log"
    " enable-auto-tool-choice enable-chunked-prefill enable-dbo enable-eplb enable-expert-parallel"
    " enable-force-include-usage enable-log-deltas enable-log-outputs enable-log-requests enable-lora"
    " enable-per-request-metrics enable-prefix-caching enable-prompt-tokens-details enable-request-id-headers"
    " enable-server-load-tracking enable-sleep-mode enable-ssl-refresh enforce-eager"
    " exclude-tools-when-tool-choice-none fully-sharded-loras headless kv-cache-metrics language-model-only"
    " trust-remote-code trust-request-chat-template"
)
"""Each has a `--no-…` too."""

_TEXTS: Final = _words(
    "api-key attention-backend chat-template code-revision config-format disable-access-log-for-endpoints"
    " download-dir generation-config hf-config-path hf-token host load-format master-addr otlp-traces-endpoint"
    " quantization reasoning-parser reasoning-parser-plugin response-role revision root-path"
    " show-hidden-metrics-for-version ssl-ca-certs ssl-certfile ssl-keyfile tokenizer tokenizer-revision"
    " tool-call-parser tool-parser-plugin tool-server all2all-backend data-parallel-address moe-backend"
)
_INTEGERS: Final = _words(
    "block-size cp-kv-cache-interleave-size data-parallel-rank data-parallel-rpc-port data-parallel-size"
    " data-parallel-size-local data-parallel-start-rank decode-context-parallel-size grpc-port kv-cache-memory-bytes"
    " long-prefill-token-threshold master-port max-cpu-loras max-log-len max-logprobs max-lora-rank max-loras"
    " max-num-batched-tokens max-num-queued-reqs max-num-queued-tokens max-num-seqs max-parallel-loading-workers"
    " nnodes node-rank num-gpu-blocks-override pipeline-parallel-size port prefill-context-parallel-size seed"
    " shutdown-timeout sse-keep-alive-interval ssl-cert-reqs stream-interval tensor-parallel-size"
)
_NUMBERS: Final = ("cpu-offload-gb", "gpu-memory-utilization", "kv-offloading-size")
_OBJECTS: Final = _words(
    "additional-config attention-config compilation-config default-chat-template-kwargs eplb-config hf-overrides"
    " kernel-config kv-events-config kv-transfer-config limit-mm-per-prompt mm-processor-kwargs"
    " model-loader-extra-config override-generation-config profiler-config quantization-config reasoning-config"
    " reasoning-effort-map speculative-config structured-outputs-config"
)
_LISTS: Final = _words("served-model-name lora-modules middleware custom-histogram-buckets collect-detailed-traces")
_CHOICES: Final = {
    "data-parallel-backend": ("mp", "ray"),
    "distributed-executor-backend": ("ray", "mp", "uni", "external_launcher"),
    "dtype": ("auto", "bfloat16", "float", "float16", "float32", "half"),
    "kv-cache-dtype": ("auto", "bfloat16", "float16", "fp8", "fp8_e4m3", "fp8_e5m2", "fp8_inc", "fp8_ds_mla"),
    "model-impl": ("auto", "terratorch", "transformers", "vllm"),
    "performance-mode": ("balanced", "interactivity", "throughput"),
    "scheduling-policy": ("fcfs", "priority"),
    "tokenizer-mode": ("auto", "deepseek_v32", "deepseek_v4", "hf", "mistral", "slow"),
    "tool-strict-level": ("auto", "function", "parameter"),
    "uvicorn-log-level": ("critical", "debug", "error", "info", "trace", "warning"),
}
_SHORT: Final = {
    "tensor-parallel-size": "-tp",
    "pipeline-parallel-size": "-pp",
    "data-parallel-size": "-dp",
    "nnodes": "-n",
    "node-rank": "-r",
    "quantization": "-q",
}
_STRUCTURED: Final = frozenset(
    {
        "backend",
        "disable_any_whitespace",
        "disable_additional_properties",
        "disable_fallback",
        "enable_in_reasoning",
        "reasoning_parser",
        "reasoning_parser_plugin",
    }
)
_BACKENDS: Final = ("auto", "xgrammar", "guidance", "outlines", "lm-format-enforcer")


def vllm_parser() -> argparse.ArgumentParser:
    """Return the parser of `vllm serve`; what it does not know ends the process with status 2."""
    parser = argparse.ArgumentParser(prog="vllm serve", usage="vllm serve MODEL [flags]", allow_abbrev=False)
    parser.add_argument("model_tag", nargs="?", help="the model, by its name on the hub or its folder")
    parser.add_argument("--model", default="")
    parser.add_argument("--max-model-len", type=_length, help="tokens, also as 32k or auto")
    for name in _SWITCHES:
        parser.add_argument(f"--{name}", action=argparse.BooleanOptionalAction, default=False)
    for names, kind in ((_TEXTS, str), (_INTEGERS, int), (_NUMBERS, float), (_OBJECTS, _object)):
        _add(parser, names, kind)
    for name in _LISTS:
        parser.add_argument(f"--{name}", nargs="+", default=[])
    for name, choices in _CHOICES.items():
        parser.add_argument(f"--{name}", choices=choices)
    return parser


def _add(parser: argparse.ArgumentParser, names: Sequence[str], kind: Callable[[str], Any]) -> None:
    for name in names:
        short = [_SHORT[name]] if name in _SHORT else []
        parser.add_argument(f"--{name}", *short, type=kind)


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"value {text} cannot be converted to a JSON object") from None
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(f"value {text} cannot be converted to a JSON object")
    return value


def _length(text: str) -> int:
    """Return tokens; `-1` and `auto` stand for what fits, `32k` for 32000 and `32K` for 32768."""
    if text in ("auto", "-1"):
        return 0
    scale = {"k": 1_000, "m": 1_000_000, "K": 1_024, "M": 1_048_576}.get(text[-1:], 1)
    digits = text if scale == 1 else text[:-1]
    try:
        return int(float(digits) * scale)
    except ValueError:
        raise argparse.ArgumentTypeError(f"invalid number of tokens: {text}") from None


def wrong(given: argparse.Namespace) -> str:
    """Return what vLLM would refuse of a command line that it can read; empty for nothing."""
    structured = given.structured_outputs_config or {}
    reasoning = given.reasoning_parser or structured.get("reasoning_parser")
    unknown = sorted(structured.keys() - _STRUCTURED)
    if given.enable_auto_tool_choice and not given.tool_call_parser:
        return "--enable-auto-tool-choice requires --tool-call-parser"
    if given.tool_call_parser and not given.tool_parser_plugin and given.tool_call_parser not in TOOL_PARSERS:
        return f"invalid tool call parser: {given.tool_call_parser} (chose from {{ {','.join(sorted(TOOL_PARSERS))} }})"
    if reasoning and not given.reasoning_parser_plugin and reasoning not in REASONING_PARSERS:
        return f"invalid reasoning parser: {reasoning} (chose from {{ {','.join(sorted(REASONING_PARSERS))} }})"
    if unknown:
        return f"--structured-outputs-config: unknown key {unknown[0]}"
    if structured.get("backend", "auto") not in _BACKENDS:
        return f"--structured-outputs-config: backend must be one of {', '.join(_BACKENDS)}"
    return _wrong_adapters(given) or _wrong_numbers(given) or _wrong_world(given)


def adapters(given: argparse.Namespace) -> tuple[str, ...]:
    """Return the names by which LoRA adapters are asked for: from `name=path`, or JSON with a `name`."""
    return tuple(_adapter(text) for text in given.lora_modules or ())


def _adapter(text: str) -> str:
    if not text.startswith("{"):
        name, equals, path = text.partition("=")
        return name if equals and path else ""
    try:
        return str(json.loads(text).get("name") or "")
    except ValueError:
        return ""


def _wrong_adapters(given: argparse.Namespace) -> str:
    named = adapters(given)
    if named and not given.enable_lora:
        return "--lora-modules needs --enable-lora"
    return "--lora-modules takes name=path, or JSON with name and path" if "" in named else ""


def _wrong_numbers(given: argparse.Namespace) -> str:
    share = given.gpu_memory_utilization
    if share is not None and not 0 < share <= 1:
        return f"--gpu-memory-utilization must be above 0 and at most 1, got {share}"
    sizes = ("tensor", "pipeline", "data")
    given_sizes = {size: getattr(given, f"{size}_parallel_size") for size in sizes}
    small = [size for size, number in given_sizes.items() if number is not None and number < 1]
    if small:
        return f"--{small[0]}-parallel-size must be at least 1"
    if given.shutdown_timeout is not None and given.shutdown_timeout < 0:
        return "--shutdown-timeout must not be negative"
    return ""


def _wrong_world(given: argparse.Namespace) -> str:
    nodes, rank = given.nnodes or 1, given.node_rank or 0
    world = (given.tensor_parallel_size or 1) * (given.pipeline_parallel_size or 1)
    if world % nodes:
        return f"the world size {world} must be divisible by --nnodes {nodes}"
    if not 0 <= rank < nodes:
        return f"--node-rank {rank} is outside of --nnodes {nodes}"
    if nodes > 1 and not given.master_addr:
        return "--nnodes above 1 needs --master-addr"
    if rank and not given.headless:
        return f"--node-rank {rank} serves no requests: it needs --headless"
    return ""
