"""The intent of a question: arithmetic, weather, time, the state of the machine, or a named tool."""

from __future__ import annotations

import re
from collections.abc import Sequence

from toolgate_simulator.arithmetic import find_sums
from toolgate_simulator.places import Place, find_places, find_zones
from toolgate_simulator.values import Intent, Json, Language, ToolSpec

_HANGUL = re.compile(r"[\uac00-\ud7a3]")
_KANA_OR_HAN = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")

_WEATHER = re.compile(
    r"\b(?:weather|forecast|temperature|rain(?:ing|y)?|snow(?:ing|y)?|umbrella|humid(?:ity)?|degrees outside)\b"
    r"|날씨|기온|예보|비가 (?:와|오)|우산|天気|気温|予報|雨が?降|傘",
    re.IGNORECASE,
)
_TIME = re.compile(
    r"\bwhat time\b|\btime is it\b|\b(?:current|local|exact|the) time\b|\btime (?:in|at|now|right now)\b|\bo'clock\b"
    r"|몇 시|현재 시[간각]|지금 시[간각]|시[간각]을? 알려|何時|現在時刻|時刻|現在の時間|今の時間",
    re.IGNORECASE,
)
_SECTIONS = (
    ("cpu", re.compile(r"\b(?:cpu|processor|load average)\b|(?<![a-z])cpu|프로세서|プロセッサ", re.IGNORECASE)),
    ("memory", re.compile(r"\b(?:memory|ram)\b|(?<![a-z])ram(?![a-z])|메모리|メモリ", re.IGNORECASE)),
    ("disk", re.compile(r"\b(?:disk|disc|storage)\b|디스크|저장 ?공간|ディスク|ストレージ", re.IGNORECASE)),
    (
        "runtime",
        re.compile(r"\b(?:runtime|uptime|python version)\b|런타임|가동 ?시간|ランタイム|稼働時間", re.IGNORECASE),
    ),
)
_SYSTEM = re.compile(
    r"\b(?:system|server|machine|host)(?:'s)?\s+(?:state|status|info(?:rmation)?|load|health|resources?)\b"
    r"|시스템 (?:상태|정보|자원)|서버 (?:상태|정보)|システム(?:の)?(?:状態|情報)|サーバー(?:の)?(?:状態|情報)",
    re.IGNORECASE,
)
_STATE = re.compile(
    r"\b(?:usage|used?|using|free|left|load|available|status|state|busy|full|check|show|report|current(?:ly)?|remaining)\b"
    r"|사용|상태|남|여유|얼마|확인|보여|알려|使用|空き|状態|負荷|どのくらい|どれくらい|確認|残り|見せて|教えて",
    re.IGNORECASE,
)
# Requests about words and thoughts need no tool, whatever else they mention.
_WORDS_ONLY = re.compile(
    r"\b(?:jokes?|poems?|haiku|translate|translation|stor(?:y|ies)|essay|rhyme|stands? for"
    r"|mean(?:s|ing)?|defin(?:e|ition)"
    r"|explain|describe how|difference between (?!\d)|history of|synonyms?|antonyms?|spell"
    r"|limerick|song|lyrics|proverbs?|riddle"
    r"|who (?:invented|wrote|discovered|painted|is|was)|why (?:is|are|do|does|did)|how do you say|slogan|capital of"
    r"|do you think|your opinion)\b"
    r"|농담|번역|뜻|설명|이야기를? 해|시를? (?:써|지어)|속담|수도는|누가|왜|비유|노래|영어로|생각해|생각하"
    r"|冗談|翻訳|訳して|意味|説明|物語|詩を|俳句|ことわざ|首都|誰が|なぜ|たとえ|英語で|歌|思いますか|どう思",
    re.IGNORECASE,
)
_DAYS = (
    re.compile(r"\b(\d{1,2})[- ]days?\b", re.IGNORECASE),
    re.compile(r"(?<!월 )(\d{1,2})\s*일(?:간|치| 동안|\s)"),
    re.compile(r"(\d{1,2})\s*日(?:間|分)"),
)
_WEEK = re.compile(r"\b(?:a|one|next|this|the) week\b|일주일|1주일|一週間|1週間", re.IGNORECASE)
_NUMBER_WORDS = re.compile(r"\b(two|three|four|five|six|seven) days\b|(이틀|사흘|나흘|닷새)", re.IGNORECASE)
_WORD_DAYS = {
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "이틀": 2,
    "사흘": 3,
    "나흘": 4,
    "닷새": 5,
}
_TOMORROW = re.compile(r"\btomorrow\b|내일|明日", re.IGNORECASE)
_TODAY = re.compile(r"\btoday\b|오늘|今日", re.IGNORECASE)
_FAHRENHEIT = re.compile(r"fahrenheit|°\s?F\b|화씨|華氏", re.IGNORECASE)
_CELSIUS = re.compile(r"celsius|centigrade|°\s?C\b|섭씨|摂氏", re.IGNORECASE)
# Weather without a place is a question only about here and now.
_HERE = re.compile(
    r"\b(?:outside|here|like|today|tomorrow|now|will it|is it)\b|오늘|내일|어때|今日|明日|どう", re.IGNORECASE
)
_TIME_FORMAT = re.compile(r"\b(unix|iso|rfc ?2822)\b", re.IGNORECASE)


def language_of(text: str) -> Language:
    """Return the language of a text by its script: Korean, Japanese, or else English."""
    if _HANGUL.search(text):
        return "ko"
    return "ja" if _KANA_OR_HAN.search(text) else "en"


def read_intents(text: str, tools: Sequence[ToolSpec]) -> list[Intent]:
    """Return what a text asks for, in its order. Small talk, definitions, translations and the like ask for nothing.

    A tool that the text names outright (`use save_note`) counts even if nothing else is understood.
    """
    named = _named(text, tools)
    if named:
        return named
    if _WORDS_ONLY.search(text):
        return []
    found = [*_arithmetic(text), *_weather(text), *_time(text), *_system(text)]
    return sorted(found, key=lambda intent: intent.position)


def _arithmetic(text: str) -> list[Intent]:
    return [
        Intent(
            "arithmetic",
            found.position,
            {"expression": found.expression, "operands": found.operands, "operation": found.operation},
        )
        for found in find_sums(text)
    ]


def _weather(text: str) -> list[Intent]:
    cue = _WEATHER.search(text)
    if cue is None:
        return []
    shared: Json = {}
    if days := _days(text):
        shared["days"] = days
    if _FAHRENHEIT.search(text) or _CELSIUS.search(text):
        shared["unit"] = "fahrenheit" if _FAHRENHEIT.search(text) else "celsius"
    if _TOMORROW.search(text) or _TODAY.search(text):
        shared["when"] = "tomorrow" if _TOMORROW.search(text) else "today"
    places = _own_places(text, _WEATHER, find_places(text))
    if not places and _HERE.search(text):
        return [Intent("weather", cue.start(), shared)]
    return [Intent("weather", place.position, _placed(place, shared)) for place in places]


def _time(text: str) -> list[Intent]:
    cue = _TIME.search(text)
    if cue is None:
        return []
    shared: Json = {}
    if wanted := _TIME_FORMAT.search(text):
        shared["format"] = wanted.group(1).lower().replace(" ", "")
    places = _own_places(text, _TIME, find_zones(text) or find_places(text))
    return [Intent("time", p.position, _placed(p, shared)) for p in places] or [Intent("time", cue.start(), shared)]


def _own_places(text: str, own: re.Pattern[str], places: list[Place]) -> list[Place]:
    """Where a text asks for weather and time, each place belongs to one: English names it after, the others before."""
    cues = sorted((match.start(), cue is own) for cue in (_WEATHER, _TIME) for match in cue.finditer(text))
    if len(places) < 2 or all(mine for _, mine in cues):
        return places
    kept = []
    for place in places:
        if language_of(text) == "en":
            owner = next((mine for start, mine in reversed(cues) if start < place.position), cues[0][1])
        else:
            owner = next((mine for start, mine in cues if start > place.position), cues[-1][1])
        if owner:
            kept.append(place)
    return kept


def _placed(place: Place, shared: Json) -> Json:
    return {"place": place.name, "zone": place.zone, **shared}


def _days(text: str) -> int | None:
    for pattern in _DAYS:
        if match := pattern.search(text):
            return int(match.group(1))
    if match := _NUMBER_WORDS.search(text):
        return _WORD_DAYS[(match.group(1) or match.group(2)).lower()]
    return 7 if _WEEK.search(text) else None


def _system(text: str) -> list[Intent]:
    hits = sorted((match.start(), name) for name, pattern in _SECTIONS if (match := pattern.search(text)))
    whole = _SYSTEM.search(text)
    if whole is None and not (hits and _STATE.search(text)):
        return []
    position = hits[0][0] if hits else whole.start() if whole else 0
    return [Intent("system", position, {"sections": [name for _, name in hits]})]


def _named(text: str, tools: Sequence[ToolSpec]) -> list[Intent]:
    found = []
    for tool in tools:
        distinct = not tool.name.isalpha() or not tool.name.islower()
        pattern = rf"(?<![\w-]){re.escape(tool.name)}(?![\w-])"
        if not distinct:
            pattern = rf"\b(?:use|call|run|invoke) (?:the )?{re.escape(tool.name)}\b|\b{re.escape(tool.name)} tool\b"
        if match := re.search(pattern, text):
            found.append(Intent("named", match.start(), {"tool": tool.name}))
    return sorted(found, key=lambda intent: intent.position)
