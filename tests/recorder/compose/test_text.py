"""Names in any script: a font for each character, letters joined, the right order."""

import unicodedata

import pytest
from PIL import Image, ImageDraw, ImageFont

from callrec.recorder.compose import typeface
from callrec.recorder.compose.labels import initials
from callrec.recorder.compose.text import SHAPING, Line, clusters, fitted

NAMES = {
    "Latin": "Åsa Łukasz Nguyễn Thị ʻOkina",
    "Greek": "Ελένη Παππά",
    "Cyrillic": "Олексій Ґалаґан",
    "Arabic": "محمد الأحمد",
    "Persian": "شیرین نوری",
    "Hebrew": "דָּנָה לוי",
    "Devanagari": "प्रिया शर्मा",
    "Bengali": "অনির্বাণ",
    "Gurmukhi": "ਗੁਰਪ੍ਰੀਤ",
    "Gujarati": "ક્રિષ્ના",
    "Odia": "ପ୍ରିୟା",
    "Tamil": "தமிழ்ச்செல்வி",
    "Telugu": "శ్రీనివాస్",
    "Kannada": "ಕೃಷ್ಣ",
    "Malayalam": "കൃഷ്ണൻ",
    "Sinhala": "ප්‍රියන්ත",
    "Thai": "สมชาย ใจดี",
    "Lao": "ສຸກສະຫວັນ",
    "Myanmar": "မြင့်",
    "Khmer": "សុខា ស្រី",
    "Tibetan": "བསྟན་འཛིན",
    "Georgian": "ქეთევან ᲥᲔᲗᲔᲕᲐᲜ",
    "Armenian": "Անահիտ",
    "Ethiopic": "ሰላም ተስፋዬ",
    "Chinese": "王小明 歐陽",
    "Japanese": "田中 さくら タロウ",
    "Korean": "김철수 뷁",
    "Thaana": "ދިވެހި",
    "Emoji": "👩‍🚀 👍🏽 🇸🇪 1️⃣ ☎️ ❤️ 🏳️‍🌈",
    "Symbols": "①★♫Ⅸ→",
}
SIZE_PX = 40


def drawn(text: str) -> bytes:
    image = Image.new("L", (900, 120))
    Line(text, SIZE_PX).draw(ImageDraw.Draw(image), 10, 70, (255,))
    return image.tobytes()


def order(text: str) -> str:
    """Return the runs of a line from left to right, each in the order of its letters."""
    return "|".join(run.text.strip() for run in Line(text, SIZE_PX).runs)


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_no_character_is_an_empty_box(name: str) -> None:
    for run in Line(name, SIZE_PX).runs:
        box = bytes(run.font.getmask("\U0010fffd"))
        for cluster in clusters(run.text):
            letter = cluster[0]
            assert bytes(run.font.getmask(letter)) != box, unicodedata.name(letter)


@pytest.mark.parametrize("face", typeface.FACES)
def test_a_font_has_what_its_table_says(face: str) -> None:
    """The table is read by us, the letters are drawn by FreeType."""
    font = typeface.font(face, 20).font_variant(layout_engine=ImageFont.Layout.BASIC)
    box = bytes(font.getmask("\U0010fffd"))
    starts, ends = typeface._coverage(face)
    inside = [c for pair in zip(starts, ends, strict=True) for c in pair]
    beside = [c for s, e in zip(starts, ends, strict=True) for c in (s - 1, e + 1) if c >= 0]
    step = max(1, len(inside) // 60)
    visible = ("L", "N", "S", "P")
    for code in inside[::step]:
        if unicodedata.category(chr(code))[0] in visible:
            assert bytes(font.getmask(chr(code))) != box, hex(code)
            assert typeface.has(face, chr(code))
    for code in beside[::step]:
        if unicodedata.category(chr(code))[0] in visible:
            assert bytes(font.getmask(chr(code))) == box, hex(code)
            assert not typeface.has(face, chr(code))


@pytest.mark.skipif(not SHAPING, reason="FriBidi is not on this machine")
@pytest.mark.parametrize("script", ["Arabic", "Persian"])
def test_letters_are_joined(script: str) -> None:
    name = NAMES[script]
    assert drawn(name) != drawn("\u200c".join(name))


@pytest.mark.skipif(not SHAPING, reason="FriBidi is not on this machine")
@pytest.mark.parametrize("script", ["Devanagari", "Sinhala", "Khmer", "Myanmar"])
def test_syllables_are_put_together(script: str) -> None:
    alone = sum(Line(letter, SIZE_PX).width for letter in NAMES[script])
    assert Line(NAMES[script], SIZE_PX).width < 0.95 * alone


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Anna Lindqvist", "Anna Lindqvist"),
        ("Dana דנה לוי", "Dana|דנה לוי"),
        ("דנה Dana", "Dana|דנה"),
        ("דנה 42", "42|דנה"),
        ("Dana 42", "Dana 42"),
        ("田中 Taro", "田中|Taro"),
        ("محمد (Mo) الأحمد", "الأحمد|Mo|محمد"),
    ],
)
def test_pieces_stand_in_the_order_in_which_they_are_read(text: str, wanted: str) -> None:
    pieces = [piece.strip("() ") for piece in order(text).split("|")]
    assert [p for p in pieces if p] == wanted.split("|")


def test_what_a_reader_takes_for_one_character() -> None:
    assert clusters("e\u0301a") == ["é", "a"]
    assert clusters("👩‍🚀Z") == ["👩‍🚀", "Z"]
    assert clusters("🇸🇪🇳🇴") == ["🇸🇪", "🇳🇴"]
    assert clusters("👍🏽1️⃣") == ["👍🏽", "1️⃣"]
    assert clusters("प्रिया") == ["प्रि", "या"]
    assert clusters("a\u202e\nb") == ["a", "b"]


def test_ornamental_letters_become_plain_ones() -> None:
    assert drawn("𝓐𝓷𝓷𝓪") == drawn("Anna")


@pytest.mark.parametrize(
    "name", ["Maximiliana von und zu Hohenlohe", "محمد عبد الرحمن الأحمد الطويل جدا", "👩‍🚀" * 20]
)
def test_a_long_name_ends_in_an_ellipsis(name: str) -> None:
    line = fitted(name, SIZE_PX, 200)
    assert line.width <= 200
    texts = [run.text for run in line.runs]
    assert any("…" in text for text in texts)
    assert line.width > 120
    assert fitted("Anna", SIZE_PX, 200).runs == Line("Anna", SIZE_PX).runs


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("Anna Lindqvist", "AL"),
        ("anna maria lindqvist", "AL"),
        ("Zoë", "Z"),
        ("Олексій Шевченко", "ОШ"),
        ("田中 太郎", "田"),
        ("प्रिया शर्मा", "प्रि"),
        ("محمد الأحمد", "م"),
        ("👩‍🚀 Zoë", "Z"),
        ("👩‍🚀", "👩‍🚀"),
        ("", "?"),
    ],
)
def test_initials(name: str, wanted: str) -> None:
    assert initials(name) == wanted


def test_without_fribidi_right_to_left_is_still_right_to_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callrec.recorder.compose.text.SHAPING", False)
    assert order("Dana דנה") == "Dana|הנד"
