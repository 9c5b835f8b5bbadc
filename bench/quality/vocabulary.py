"""Words that sentences are drawn from: those of samples/prose.py, and short lists of common words in other scripts."""

import re
from functools import cache

from samples import prose

# language -> (its name, common words). Scripts without blanks are joined without them.
SCRIPTS: dict[str, tuple[str, str]] = {
    "fr": (
        "Latin with accents",
        "été forêt où déjà naïve façade élève goût maître crème après très même rivière château brûler noël œuvre "
        "Straße über schön müde größer Mühle Fluß čeština řeka žlutý kůň příliš źródło łódź święto ćma ęść mañana "
        "niño corazón ação pão irmã İstanbul ağaç çiçek şeker ørred ålesund smørbrød þorp",
    ),
    "el": (
        "Greek",
        "και το νερό του μύλου είναι κρύο όταν η παλίρροια έρχεται στην ακτή μεγάλος ποταμός σπίτι δρόμος ήλιος "
        "θάλασσα γράμμα ψωμί αλεύρι άνεμος χειμώνας άνοιξη βιβλίο κήπος ξύλο πέτρα γέφυρα ώρα ημέρα χρόνος",
    ),
    "ru": (
        "Cyrillic",
        "мельница стоит на берегу реки и работает когда приходит вода дом хлеб зима весна лето осень ветер камень "
        "мост письмо книга дорога человек время день ночь соль мука объявление ещё большой маленький щука йод юг",
    ),
    "ar": (
        "Arabic",
        "الماء في النهر بارد والمطحنة تعمل عندما يأتي المد إلى الشاطئ بيت خبز شتاء ربيع كتاب طريق جسر رياح حجر ملح "
        "يوم ليلة وقت كبير صغير لا الأرض السماء مدينة قرية شجرة باب نافذة",
    ),
    "he": (
        "Hebrew",
        "המים בנהר קרים והטחנה עובדת כאשר הגאות מגיעה אל החוף בית לחם חורף אביב ספר דרך גשר רוח אבן מלח יום לילה זמן "
        "גדול קטן ארץ שמיים עיר כפר עץ דלת חלון",
    ),
    "hi": (
        "Devanagari",
        "पानी नदी में ठंडा है और चक्की तब चलती है जब ज्वार आता घर रोटी सर्दी वसंत किताब रास्ता पुल हवा पत्थर नमक दिन रात "
        "समय बड़ा छोटा धरती आकाश नगर गाँव पेड़ दरवाज़ा खिड़की",
    ),
    "th": (
        "Thai",
        "น้ำ ใน แม่น้ำ เย็น และ โรงสี ทำงาน เมื่อ น้ำขึ้น มา ถึง ฝั่ง บ้าน ขนม ฤดูหนาว หนังสือ ถนน สะพาน ลม หิน เกลือ วัน คืน เวลา "
        "ใหญ่ เล็ก แผ่นดิน ฟ้า เมือง หมู่บ้าน ต้นไม้ ประตู",
    ),
    "zh": (
        "Han",
        "河水 很冷 磨坊 潮水 来的 时候 开始 工作 房子 面包 冬天 春天 书本 道路 石桥 大风 石头 食盐 白天 夜里 时间 很大 "
        "很小 土地 天空 城市 村庄 大树 门窗 茶叶 竹纸 老人 慢慢 清晨",
    ),
    "ja": (
        "kana and Han",
        "川の 水は 冷たく 水車小屋は 潮が 満ちると 動きます 家 パン 冬の 春に 本を 読んで 道と 橋を 渡る 風が 石の 塩 "
        "昼も 夜も 時間 大きな 小さな 土地 空は 町へ 村から カレンダー ランプ",
    ),
    "ko": (
        "hangul",
        "강의 물은 차갑고 방앗간은 밀물이 들어올 때 움직인다 집 빵 겨울 봄 책을 읽고 길과 다리를 건너는 바람 돌 소금 "
        "낮과 밤 시간 큰 작은 땅 하늘 도시 마을 나무 문 창문",
    ),
}
WITHOUT_BLANKS = frozenset({"zh", "ja", "th"})
STOPS = {"zh": "。", "ja": "。", "hi": " ।", "th": " "}
COMMAS = {"zh": "，", "ja": "、", "ar": "،", "th": " "}
COMPOUNDS = (
    "long-term state-of-the-art re-elected Smith-Jones well-known three-quarter sea-going low-lying north-east "
    "mill-pond hand-made self-same twenty-one co-operative X-ray e-mail"
).split()
LIGATURES = "office efficient waffle flour first fjord affluent baffle fluffy figure offshore difficult".split()


@cache
def english() -> tuple[str, ...]:
    """Return the lower-case words of the samples' prose, each once."""
    found: list[str] = []
    for value in vars(prose).values():
        if isinstance(value, tuple):
            found += re.findall(r"\b[a-z]{2,}\b", " ".join(_texts(value)))
    return tuple(dict.fromkeys(found))


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [text for part in value for text in _texts(part)] if isinstance(value, tuple) else []
