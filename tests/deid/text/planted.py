"""Texts as hospitals write them, with identifiers planted by a seeded generator, and a key to what must go and stay."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from tasks.deid.text.numbers import is_resident_id
from tasks.deid.text.study import StudyIdentifiers

TEMPLATES: dict[str, tuple[str, ...]] = {
    "en": (
        "CT CHEST W CONTRAST {NAME} {ID}",
        "MRI BRAIN W/O CONTRAST FOR {NAME}",
        "{NAME}^CT ABDOMEN AND PELVIS WITH IV CONTRAST",
        "AX T2 FLAIR FS {NAME}",
        "t1_mprage_sag_p2_iso_{id}",
        "CHEST PA AND LAT {date}",
        "Pt {name}, DOB {date}, presents with right lower quadrant pain and fever, rule out appendicitis",
        "History of breast cancer status post left mastectomy on {date}. Please call {name} at {phone}.",
        "{name} was referred by Dr. {physician} from {hospital} for evaluation of a solitary pulmonary nodule",
        "Known Parkinson disease and Crohn disease; follow-up of pancreatic cyst. Email {email}",
        "Fall from ladder, severe neck pain. Lives at {address}. MRN: {id}",
        "Images sent from {ip} at {date}; motion artifact limits evaluation of the posterior fossa",
        "Comparison: {date}. No acute intracranial hemorrhage. Discussed with Dr. {physician} by telephone",
        "Baker cyst, chondromalacia patellae grade III. Accession {id}",
        "Patient's wife {other} reports worsening headache and dizziness for 3 weeks",
        "Signed by {physician}, MD. See {url} for details of the protocol",
        "Hx of {name}: hypertension, diabetes mellitus type 2, atrial fibrillation on warfarin",
        "L4/L5 disc herniation with left S1 radiculopathy, EMG positive, seen by {physician} on {date}",
        "Wet read by {physician} at {hospital}: small left pleural effusion, no pneumothorax",
        "HEAD CT WITHOUT CONTRAST - TRAUMA - {NAME} - {ID} - {date}",
        "Screening mammogram for {name}. BI-RADS 2. Heterogeneously dense breasts.",
        "Hill-Sachs deformity and Bankart lesion after anterior shoulder dislocation, {name}",
        "Dr {physician} requests comparison with prior PET/CT (FDG 370 MBq, SUVmax 8.4) dated {date}",
        "Hodgkin lymphoma restaging after 6 cycles of chemotherapy; contact {phone} or {email}",
    ),
    "de": (
        "CT Thorax nativ und mit KM, {name}, geb. {german_date}",
        "Z.n. Sturz, V.a. Schenkelhalsfraktur links. Patientin wohnt {german_address}",
        "MRT Schädel: kein Nachweis einer frischen Ischämie. Hausarzt Dr. {german_physician}",
        "{german_name}: Verlaufskontrolle bei bekanntem Bronchialkarzinom, Vergleich mit {german_date}",
        "Sonographie des Abdomens: Cholezystolithiasis, Leberzirrhose, Telefon {phone}",
        "Überweisung durch {german_hospital}: Bandscheibenvorfall L5/S1, Rückenschmerzen",
        "Kniegelenk links in 2 Ebenen, Gonarthrose, {german_name}, Fallnummer {id}",
        "Halswirbelsäule seitlich, degenerative Veränderungen, Osteochondrose C5/6",
    ),
    "fr": (
        "Scanner thoracique avec injection, {name}, né le {date}",
        "IRM cérébrale sans et avec gadolinium pour céphalées, demandée par le Dr {physician}",
        "Douleurs abdominales et fièvre depuis trois jours, recherche appendicite, tél {phone}",
        "Radiographie du genou droit: gonarthrose, épanchement articulaire. {french_address}",
        "Suivi de nodule pulmonaire, comparaison avec l'examen du {date}, patiente {name}",
    ),
    "es": (
        "TAC de tórax con contraste, {spanish_name}, fecha de nacimiento {date}",
        "Resonancia magnética de columna lumbar por dolor crónico, solicitada por Dra. {physician}",
        "Ecografía abdominal: hígado normal, vesícula biliar con cálculos, teléfono {phone}",
        "Paciente {spanish_name} con fractura de cadera derecha, vive en {spanish_address}",
        "Control de nódulo tiroideo, sin cambios, historia {id}",
    ),
    "zh": (
        "患者{chinese_name},男,{age}岁,因咳嗽、发热3天入院,联系电话{mobile}",
        "{chinese_name} 胸部CT平扫+增强",
        "头颅MRI平扫 {chinese_date}",
        "身份证号{resident},住址{chinese_address},右肺上叶结节复查",
        "{chinese_physician}医生会诊:肝内多发囊肿,胆囊结石,建议随访",
        "由{chinese_hospital}转入,腰椎间盘突出,L4/L5椎管狭窄",
        "双肺未见明显异常,纵隔淋巴结未见肿大。报告者:{chinese_physician}",
        "术后复查,{chinese_date}行右肺癌根治术,病历号{id}",
        "右膝关节疼痛半年,半月板损伤待排,姓名:{chinese_name},邮箱{email}",
    ),
    "ja": (
        "胸部単純CT {japanese_name}様",
        "肺癌術後、経過観察。依頼医 {japanese_physician}先生",
        "頭部MRI拡散強調像、脳梗塞の疑い {japanese_date}",
        "腹部造影CT:肝細胞癌の再発なし。電話 {phone}",
        "{japanese_kana}、腰痛、椎間板ヘルニア精査",
    ),
    "ko": (
        "{korean_name} 환자 흉부 CT 촬영",
        "뇌경색 의심, 확산강조영상 요함. 담당의 {korean_physician}",
        "우측 폐 결절 추적검사, 이전검사 {korean_date}",
        "간암 수술후 추적관찰 전화 {mobile}",
    ),
    "ru": (
        "КТ органов грудной клетки, пациент {russian_name}, {german_date}",
        "МРТ головного мозга с контрастом, врач {russian_physician}",
        "Перелом шейки бедра слева, тел. {phone}",
        "Рентгенография коленного сустава в двух проекциях, артроз, {russian_address}",
    ),
}
_ENGLISH = (
    "Smith John",
    "Hawthorne Emily",
    "O'Brien Patrick",
    "Van Dyke Laura",
    "Nguyen Thi",
    "Washington Denzel",
    "Garcia-Lopez Maria",
    "Zhang Wei",
    "Whitfield Thaddeus",
    "Brown Karen",
    "Long Amy",
    "Young Mark",
)
_OTHERS = (
    "Karen Whitlock",
    "Susan Fairbanks",
    "Priya Ramaswamy",
    "Deborah Ostrowski",
    "Jennifer Quigley",
    "Aiko Hoshino",
)
_PHYSICIANS = (
    "Fitzpatrick",
    "Marguerite Delacroix",
    "Banerjee",
    "J. Kowalczyk",
    "Sanjay Krishnamurthy",
    "Weatherby",
    "Brown",
    "Carlos Mendoza",
)
_HOSPITALS = (
    "St. Mary's Hospital",
    "Springfield General Hospital",
    "Mercy Medical Center",
    "Johns Hopkins Hospital",
    "Cedar Ridge Clinic",
    "University Hospital Zurich",
)
_ADDRESSES = (
    "12 Oak Street, Springfield, IL 62704",
    "4711 Maple Avenue Apt 3B",
    "221B Baker Street",
    "88 Elm Road",
    "1600 Pennsylvania Ave NW",
)
_GERMAN = (
    "Müller Hans",
    "Schröder Anneliese",
    "Weiß Jürgen",
    "Großkopf Heidemarie",
    "Öztürk Ayşe",
    "von Bülow Friedrich",
)
_SPANISH = ("Hernández Guadalupe", "Núñez José", "Villalobos Ximena", "Peña Íñigo")
_CHINESE = ("张伟", "王小明", "李娜", "欧阳修远", "陈静怡", "高志强", "黄丽", "白玉兰", "周杰", "田明")
_CHINESE_HOSPITALS = ("北京协和医院", "上海市第一人民医院", "四川大学华西医院", "武汉同济医院")
_CHINESE_ADDRESSES = (
    "北京市海淀区中关村大街27号3单元502室",
    "上海市浦东新区世纪大道100号",
    "广东省深圳市南山区科技园路8号",
)
_JAPANESE = ("山田太郎", "佐藤花子", "鈴木一郎", "高橋健太")
_KANA = ("ヤマダタロウ", "やまだたろう", "スズキ")
_KOREAN = ("김철수", "이영희", "박지훈", "홍길동")
_RUSSIAN = ("Иванов Иван", "Петрова Мария", "Кузнецов Алексей")


@dataclass(frozen=True)
class Planted:
    """A text, the identifiers of its study, what must be gone from it and the words that should stay."""

    language: str
    text: str
    study: StudyIdentifiers
    planted: tuple[str, ...]
    words: tuple[str, ...]


def plant(seed: int, count: int) -> Iterator[Planted]:
    """Make so many texts of a seed."""
    source = random.Random(seed)  # noqa: S311 - test data, not secrets
    for _ in range(count):
        language = source.choice(tuple(TEMPLATES))
        template = source.choice(TEMPLATES[language])
        yield _fill(source, language, template)


def _fill(source: random.Random, language: str, template: str) -> Planted:
    makers = _Makers(source)
    planted: list[str] = []

    def put(match: re.Match[str]) -> str:
        value = makers.make(match[1])
        planted.append(value)
        return value

    text = re.sub(r"\{(\w+)\}", put, template)
    kept = re.sub(r"\{\w+\}", "\0", template)
    words = tuple(word for word in re.findall(r"[^\W_]+", kept))
    study = StudyIdentifiers(names=makers.names, codes=makers.codes, dates=makers.dates)
    return Planted(language, text, study, tuple(planted), words)


class _Makers:
    """Makes one study's identifiers, the same person throughout."""

    def __init__(self, source: random.Random) -> None:
        self.source = source
        self.names: list[str] = []
        self.codes: list[str] = []
        self.dates: list[str] = []

    def make(self, slot: str) -> str:
        return str(getattr(self, "_" + slot.lower())(slot))

    def _person(self, name: str) -> str:
        self.names.append(name.replace(" ", "^", 1) if name.count(" ") == 1 else name)
        family, given = name.rsplit(" ", 1)
        form = self.source.choice(("{g} {f}", "{f}, {g}", "{f}^{g}", "{f} {g}", "{i}. {f}", "{f}"))
        return form.format(f=family, g=given, i=given[0])

    def _name(self, slot: str) -> str:
        name = self._person(self.source.choice(_ENGLISH))
        return name.upper() if slot.isupper() else name

    def _german_name(self, _slot: str) -> str:
        return self._person(self.source.choice(_GERMAN))

    def _spanish_name(self, _slot: str) -> str:
        return self._person(self.source.choice(_SPANISH))

    def _russian_name(self, _slot: str) -> str:
        return self._person(self.source.choice(_RUSSIAN))

    def _known_half_of_the_time(self, name: str) -> str:
        if self.source.random() < 0.5:
            self.names.append(name)
        return name

    def _other(self, _slot: str) -> str:
        return self.source.choice(_OTHERS)

    def _physician(self, _slot: str) -> str:
        return self._known_half_of_the_time(self.source.choice(_PHYSICIANS))

    def _german_physician(self, _slot: str) -> str:
        return self._known_half_of_the_time(self.source.choice(_GERMAN).split()[-2])

    def _russian_physician(self, _slot: str) -> str:
        return self._known_half_of_the_time(self.source.choice(_RUSSIAN))

    def _hospital(self, _slot: str) -> str:
        return self.source.choice(_HOSPITALS)

    def _german_hospital(self, _slot: str) -> str:
        return self.source.choice(
            ("Klinikum Großhadern", "Universitätsklinikum Heidelberg", "Krankenhaus Waldfriede")
        )

    def _address(self, _slot: str) -> str:
        return self.source.choice(_ADDRESSES)

    def _german_address(self, _slot: str) -> str:
        return self.source.choice(
            ("Hauptstraße 12, 80331 München", "Lindenweg 7a", "Berliner Str. 45, 10713 Berlin")
        )

    def _french_address(self, _slot: str) -> str:
        return self.source.choice(("14 rue de Vaugirard, 75006 Paris", "3 avenue Foch, Lyon"))

    def _spanish_address(self, _slot: str) -> str:
        return self.source.choice(("Calle Alcalá 45, Madrid", "Avenida Insurgentes 1602"))

    def _russian_address(self, _slot: str) -> str:
        return self.source.choice(("ул. Ленина, д. 5, кв. 12", "г. Москва, проспект Мира 101"))

    def _id(self, slot: str) -> str:
        value = self.source.choice(("{:08d}", "MRN{:07d}", "A{:09d}", "{:06d}", "PT-{:06d}")).format(
            self.source.randrange(10**6)
        )
        if self.source.random() < 0.7:
            self.codes.append(value)
        return value.upper() if slot.isupper() else value

    def _phone(self, _slot: str) -> str:
        return self.source.choice(
            (
                "555-123-4567",
                "(212) 555-0187",
                "+49 170 1234567",
                "+1 617 555 0134",
                "089 1234567",
                "+33 6 12 34 56 78",
            )
        )

    def _mobile(self, _slot: str) -> str:
        return self.source.choice(("13800138000", "+86 139-1234-5678", "010-62345678"))

    def _email(self, _slot: str) -> str:
        return self.source.choice(("j.smith@hospital.example.org", "zhangwei1974@163.com"))

    def _url(self, _slot: str) -> str:
        return self.source.choice(("https://pacs.example.org/viewer?pid=4711", "www.praxis-mueller.de"))

    def _ip(self, _slot: str) -> str:
        return self.source.choice(("10.12.34.56", "192.168.1.77"))

    def _day(self) -> date:
        day = date(1930, 1, 1) + timedelta(days=self.source.randrange(33000))
        if self.source.random() < 0.5:
            self.dates.append(f"{day:%Y%m%d}")
        return day

    def _date(self, _slot: str) -> str:
        form = self.source.choice(
            ("%Y-%m-%d", "%Y%m%d", "%d.%m.%Y", "%d-%b-%Y", "%B %d, %Y", "%m/%d/%Y", "%d %B %Y", "%Y/%m/%d")
        )
        return self._day().strftime(form)

    def _german_date(self, _slot: str) -> str:
        return self._day().strftime("%d.%m.%Y")

    def _chinese_date(self, _slot: str) -> str:
        day = self._day()
        return f"{day.year}年{day.month}月{day.day}日"

    _japanese_date = _chinese_date

    def _korean_date(self, _slot: str) -> str:
        day = self._day()
        return f"{day.year}년 {day.month}월 {day.day}일"

    def _age(self, _slot: str) -> str:
        return str(self.source.randrange(90, 105))

    def _resident(self, _slot: str) -> str:
        stem = "110105" + self._day().strftime("%Y%m%d") + f"{self.source.randrange(1000):03d}"
        return next(stem + check for check in "0123456789X" if is_resident_id((stem + check).lower()))

    def _chinese_name(self, _slot: str) -> str:
        return self._known_half_of_the_time(self.source.choice(_CHINESE))

    def _chinese_physician(self, _slot: str) -> str:
        return self.source.choice(_CHINESE)

    def _chinese_hospital(self, _slot: str) -> str:
        return self.source.choice(_CHINESE_HOSPITALS)

    def _chinese_address(self, _slot: str) -> str:
        return self.source.choice(_CHINESE_ADDRESSES)

    def _japanese_name(self, _slot: str) -> str:
        return self._known_half_of_the_time(self.source.choice(_JAPANESE))

    _japanese_physician = _japanese_name

    def _japanese_kana(self, _slot: str) -> str:
        return self.source.choice(_KANA)

    def _korean_name(self, _slot: str) -> str:
        return self._known_half_of_the_time(self.source.choice(_KOREAN))

    _korean_physician = _korean_name
