"""Parts of questions: places, templates and words in three languages."""

from __future__ import annotations

from typing import Literal

Language = Literal["en", "ko", "ja"]

CITIES: dict[Language, dict[str, str]] = {
    "en": {
        "Tokyo": "Asia/Tokyo",
        "Seoul": "Asia/Seoul",
        "Paris": "Europe/Paris",
        "London": "Europe/London",
        "New York": "America/New_York",
        "San Francisco": "America/Los_Angeles",
        "Berlin": "Europe/Berlin",
        "Sydney": "Australia/Sydney",
        "Singapore": "Asia/Singapore",
        "Cairo": "Africa/Cairo",
        "Toronto": "America/Toronto",
        "Madrid": "Europe/Madrid",
        "Rome": "Europe/Rome",
        "Chicago": "America/Chicago",
        "Hong Kong": "Asia/Hong_Kong",
        "Dubai": "Asia/Dubai",
    },
    "ko": {
        "서울": "Asia/Seoul",
        "부산": "Asia/Seoul",
        "도쿄": "Asia/Tokyo",
        "파리": "Europe/Paris",
        "런던": "Europe/London",
        "뉴욕": "America/New_York",
        "베를린": "Europe/Berlin",
        "시드니": "Australia/Sydney",
        "싱가포르": "Asia/Singapore",
        "방콕": "Asia/Bangkok",
        "제주": "Asia/Seoul",
        "홍콩": "Asia/Hong_Kong",
    },
    "ja": {
        "東京": "Asia/Tokyo",
        "大阪": "Asia/Tokyo",
        "京都": "Asia/Tokyo",
        "ソウル": "Asia/Seoul",
        "パリ": "Europe/Paris",
        "ロンドン": "Europe/London",
        "ニューヨーク": "America/New_York",
        "ベルリン": "Europe/Berlin",
        "シドニー": "Australia/Sydney",
        "シンガポール": "Asia/Singapore",
        "台北": "Asia/Taipei",
        "札幌": "Asia/Tokyo",
    },
}

WEATHER: dict[Language, tuple[str, ...]] = {
    "en": (
        "What's the weather in {city}?",
        "How is the weather in {city} today?",
        "What will the weather be like in {city} tomorrow?",
        "Will it rain in {city}?",
        "Do I need an umbrella in {city}?",
        "Tell me the forecast for {city}.",
    ),
    "ko": (
        "{city} 날씨 어때?",
        "내일 {city} 날씨 알려줘.",
        "{city}의 날씨가 궁금해요.",
        "오늘 {city}에 비가 와?",
        "{city} 기온이 어떻게 돼?",
    ),
    "ja": (
        "{city}の天気は?",
        "明日の{city}の天気を教えて。",
        "{city}の今日の天気はどうですか?",
        "{city}は雨が降りますか?",
        "{city}の気温を教えてください。",
    ),
}
WEATHER_DAYS: dict[Language, tuple[str, ...]] = {
    "en": (
        "What's the weather in {city} for the next {days} days?",
        "Give me a {days}-day forecast for {city}.",
        "What is the forecast for {city} for {days} days?",
    ),
    "ko": ("{city}의 {days}일간 날씨 예보를 알려줘.", "앞으로 {days}일 동안 {city} 날씨 어때?"),
    "ja": ("{city}の{days}日間の天気予報を教えて。", "これから{days}日間の{city}の天気は?"),
}
WEATHER_UNIT: dict[Language, tuple[str, ...]] = {
    "en": ("What's the temperature in {city} in {unit}?", "How is the weather in {city}, in {unit} please?"),
    "ko": ("{city} 기온을 {unit}로 알려줘.", "{city} 날씨를 {unit}로 알려주세요."),
    "ja": ("{city}の気温を{unit}で教えて。", "{city}の天気を{unit}で教えてください。"),
}
UNITS: dict[Language, dict[str, str]] = {
    "en": {"celsius": "celsius", "Fahrenheit": "fahrenheit"},
    "ko": {"섭씨": "celsius", "화씨": "fahrenheit"},
    "ja": {"摂氏": "celsius", "華氏": "fahrenheit"},
}
TIME: dict[Language, tuple[str, ...]] = {
    "en": (
        "What time is it in {city}?",
        "What's the current time in {city}?",
        "Tell me the local time in {city}.",
        "What time is it in {city} right now?",
    ),
    "ko": ("{city}은 지금 몇 시야?", "{city}의 현재 시간을 알려줘.", "지금 {city} 몇 시예요?"),
    "ja": ("{city}は今何時ですか?", "{city}の現在時刻を教えて。", "今、{city}は何時?"),
}
SUM: dict[Language, tuple[str, ...]] = {
    "en": ("What is {sum}?", "Calculate {sum}.", "How much is {sum}?", "Please compute {sum} for me."),
    "ko": ("{sum}은 얼마야?", "{sum} 계산해줘.", "{sum}의 값은?"),
    "ja": ("{sum}はいくつ?", "{sum}を計算して。", "{sum}の答えは何ですか?"),
}
OPERATORS: dict[Language, dict[str, str]] = {
    "en": {"+": "plus", "-": "minus", "*": "times", "/": "divided by"},
    "ko": {"+": "더하기", "-": "빼기", "*": "곱하기", "/": "나누기"},
    "ja": {"+": "足す", "-": "引く", "*": "かける", "/": "割る"},
}
SYSTEM: dict[Language, tuple[str, ...]] = {
    "en": (
        "How is the {parts} usage right now?",
        "Show me the current {parts} status.",
        "Check the {parts} usage on this machine.",
    ),
    "ko": ("{parts} 사용량을 알려줘.", "지금 {parts} 상태를 확인해줘.", "현재 {parts} 사용률은 어때?"),
    "ja": ("{parts}の使用率を教えて。", "今の{parts}の状態を確認して。", "現在の{parts}の使用量は?"),
}
SYSTEM_WHOLE: dict[Language, tuple[str, ...]] = {
    "en": ("What is the system status?", "Show me the system state, please.", "How is the system load?"),
    "ko": ("시스템 상태를 알려줘.", "시스템 정보를 보여줘.", "서버 상태는 어때?"),
    "ja": ("システムの状態を教えて。", "システム情報を見せて。", "サーバーの状態は?"),
}
PARTS: dict[Language, dict[str, str]] = {
    "en": {"cpu": "CPU", "memory": "memory", "disk": "disk"},
    "ko": {"cpu": "CPU", "memory": "메모리", "disk": "디스크"},
    "ja": {"cpu": "CPU", "memory": "メモリ", "disk": "ディスク"},
}
JOIN: dict[Language, str] = {"en": " and ", "ko": ", ", "ja": "と"}


THINGS: dict[Language, tuple[str, ...]] = {
    "en": (
        "the weather", "time", "cats", "mathematics", "computers", "rain", "coffee", "the moon", "music", "trains", "a river",
        "friendship", "autumn", "bread", "memory", "a clock", "mountains", "the sea", "chess", "tea", "Paris", "robots",
    ),
    "ko": ("날씨", "시간", "고양이", "수학", "컴퓨터", "비", "커피", "달", "음악", "기차", "우정", "가을", "빵", "기억", "시계", "바다", "서울", "로봇"),
    "ja": ("天気", "時間", "猫", "数学", "コンピュータ", "雨", "コーヒー", "月", "音楽", "電車", "友情", "秋", "パン", "記憶", "時計", "海", "東京", "ロボット"),
}  # fmt: skip
PLAIN: dict[Language, tuple[str, ...]] = {
    "en": (
        "Tell me a joke about {thing}.",
        "Write a short poem about {thing}.",
        'Translate "I like {thing}" into French.',
        "Explain what people find interesting about {thing}.",
        'What does the word "{thing}" mean?',
        "Write a story about {thing}.",
        'Give me a synonym for "{thing}".',
        "What do you think about {thing}?",
    ),
    "ko": (
        "{thing}에 대한 농담 하나 해줘.",
        "{thing}에 대한 짧은 시를 써줘.",
        '"{thing}"을 영어로 번역해줘.',
        "{thing}의 뜻을 설명해줘.",
        "{thing}에 대한 이야기를 해줘.",
        "{thing}에 관한 속담을 말해줘.",
    ),
    "ja": (
        "{thing}についての冗談を言って。",
        "{thing}の詩を書いて。",
        "「{thing}」を英語に翻訳して。",
        "{thing}の意味を説明して。",
        "{thing}についての短い物語を書いて。",
        "{thing}に関することわざは?",
    ),
}
SMALL_TALK: dict[Language, tuple[str, ...]] = {
    "en": ("Hello!", "Hi, how are you?", "Good morning!", "Thank you so much.", "Who are you?", "What does CPU stand for?", "Who invented the clock?"),
    "ko": ("안녕하세요!", "고마워요.", "너는 누구야?", "좋은 아침이에요.", "프랑스의 수도는 어디야?", "CPU의 뜻이 뭐야?"),
    "ja": ("こんにちは!", "ありがとう。", "あなたは誰?", "おはようございます。", "フランスの首都はどこ?", "CPUの意味は?"),
}  # fmt: skip
