"""The places that the simulated model knows, in three languages, and their time zones."""

from __future__ import annotations

import re
from dataclasses import dataclass

# zone | English | Korean | Japanese (further ways to write one after `/`).
_TABLE = """
Asia/Tokyo|Tokyo|도쿄/동경|東京
Asia/Tokyo|Osaka|오사카|大阪
Asia/Tokyo|Kyoto|교토|京都
Asia/Tokyo|Sapporo|삿포로|札幌
Asia/Tokyo|Nagoya|나고야|名古屋
Asia/Tokyo|Fukuoka|후쿠오카|福岡
Asia/Seoul|Seoul|서울|ソウル
Asia/Seoul|Busan|부산|釜山/プサン
Asia/Seoul|Incheon|인천|仁川
Asia/Seoul|Daegu|대구|大邱
Asia/Seoul|Jeju|제주|済州
Asia/Shanghai|Beijing|베이징/북경|北京
Asia/Shanghai|Shanghai|상하이|上海
Asia/Hong_Kong|Hong Kong|홍콩|香港
Asia/Taipei|Taipei|타이베이|台北
Asia/Singapore|Singapore|싱가포르|シンガポール
Asia/Bangkok|Bangkok|방콕|バンコク
Asia/Jakarta|Jakarta|자카르타|ジャカルタ
Asia/Manila|Manila|마닐라|マニラ
Asia/Ho_Chi_Minh|Hanoi|하노이|ハノイ
Asia/Kolkata|Mumbai|뭄바이|ムンバイ
Asia/Kolkata|Delhi|델리|デリー
Asia/Dubai|Dubai|두바이|ドバイ
Europe/Istanbul|Istanbul|이스탄불|イスタンブール
Europe/London|London|런던|ロンドン
Europe/Dublin|Dublin|더블린|ダブリン
Europe/Paris|Paris|파리|パリ
Europe/Berlin|Berlin|베를린|ベルリン
Europe/Berlin|Munich|뮌헨|ミュンヘン
Europe/Madrid|Madrid|마드리드|マドリード
Europe/Madrid|Barcelona|바르셀로나|バルセロナ
Europe/Rome|Rome|로마|ローマ
Europe/Vienna|Vienna|비엔나|ウィーン
Europe/Zurich|Zurich|취리히|チューリッヒ
Europe/Amsterdam|Amsterdam|암스테르담|アムステルダム
Europe/Stockholm|Stockholm|스톡홀름|ストックホルム
Europe/Oslo|Oslo|오슬로|オスロ
Europe/Helsinki|Helsinki|헬싱키|ヘルシンキ
Europe/Lisbon|Lisbon|리스본|リスボン
Europe/Athens|Athens|아테네|アテネ
Europe/Moscow|Moscow|모스크바|モスクワ
Africa/Cairo|Cairo|카이로|カイロ
Africa/Nairobi|Nairobi|나이로비|ナイロビ
America/New_York|New York|뉴욕|ニューヨーク
America/New_York|Boston|보스턴|ボストン
America/New_York|Washington|워싱턴|ワシントン
America/Chicago|Chicago|시카고|シカゴ
America/Denver|Denver|덴버|デンバー
America/Los_Angeles|Los Angeles|로스앤젤레스|ロサンゼルス
America/Los_Angeles|San Francisco|샌프란시스코|サンフランシスコ
America/Los_Angeles|Seattle|시애틀|シアトル
America/Toronto|Toronto|토론토|トロント
America/Vancouver|Vancouver|밴쿠버|バンクーバー
America/Mexico_City|Mexico City|멕시코시티|メキシコシティ
America/Sao_Paulo|Sao Paulo|상파울루|サンパウロ
America/Argentina/Buenos_Aires|Buenos Aires|부에노스아이레스|ブエノスアイレス
Australia/Sydney|Sydney|시드니|シドニー
Australia/Melbourne|Melbourne|멜버른|メルボルン
Pacific/Auckland|Auckland|오클랜드|オークランド
Pacific/Honolulu|Honolulu|호놀룰루|ホノルル
"""


@dataclass(frozen=True)
class Place:
    """A place named in a text: where, as the text writes it, and its time zone (empty when unknown)."""

    position: int
    name: str
    zone: str = ""


def _aliases() -> dict[str, str]:
    zones = {}
    for line in _TABLE.strip().splitlines():
        zone, *names = line.split("|")
        for name in names:
            zones.update(dict.fromkeys((alias.casefold() for alias in name.split("/")), zone))
    return zones


ZONES = _aliases()


def _pattern() -> re.Pattern[str]:
    longest_first = sorted(ZONES, key=len, reverse=True)
    parts = [rf"\b{re.escape(alias)}\b" if alias.isascii() else alias for alias in longest_first]
    return re.compile("|".join(parts), re.IGNORECASE)


_KNOWN = _pattern()
_ZONE = re.compile(r"\b(?:UTC|GMT|(?:Africa|America|Asia|Atlantic|Australia|Europe|Indian|Pacific)/[A-Za-z_/]+)\b")
_UNKNOWN = (
    re.compile(r"\b(?:in|for|at|of)\s+((?:[A-Z][\w'’.-]*)(?:\s+[A-Z][\w'’-]*)*)"),
    re.compile(r"([가-힣]{2,}?)(?:의|은|는)?\s*(?:내일|오늘|이번 주|지금|현재)?\s*(?:날씨|기온|시간|몇 시)"),
    re.compile(r"([\u30a0-\u30ff\u4e00-\u9fffー]{2,}?)の(?:明日の|今日の|今週の|現在の)?(?:天気|気温|時刻|時間)"),
)
_NO_PLACE = re.compile(
    r"^(?:celsius|fahrenheit|utc|gmt|monday|tuesday|wednesday|thursday|friday|saturday|sunday|내일|오늘|지금|현재|今日|明日|現在)$",
    re.IGNORECASE,
)


def find_places(text: str) -> list[Place]:
    """Return the places of a text, left to right: the known ones, or else what is where a place would."""
    known = [Place(m.start(), m.group(), ZONES[m.group().casefold()]) for m in _KNOWN.finditer(text)]
    if known:
        return known
    for pattern in _UNKNOWN:
        for match in pattern.finditer(text):
            name = match.group(1).rstrip(".")
            if not _NO_PLACE.match(name):
                return [Place(match.start(1), name)]
    return []


def find_zones(text: str) -> list[Place]:
    """Return the time zones that a text names outright, such as `Asia/Tokyo` or `UTC`."""
    return [Place(match.start(), match.group(), match.group()) for match in _ZONE.finditer(text)]
