"""Random sentences of common nouns, in the languages of the paper's data; the same numbers are the same sentence in every language."""

import random
from collections.abc import Sequence

# In every language: water house sun moon mountain river sea city road tree stone bread book school child mother king war peace fire
# horse bird fish night.
WORDS = {
    code: words.split()
    for code, words in {
        "ar": "ماء بيت شمس قمر جبل نهر بحر مدينة طريق شجرة حجر خبز كتاب مدرسة طفل والدة ملك حرب سلام نار حصان طائر سمكة ليلة",
        "bn": "জল বাড়ি সূর্য চাঁদ পাহাড় নদী সাগর শহর রাস্তা গাছ পাথর রুটি বই বিদ্যালয় শিশু মা রাজা যুদ্ধ শান্তি আগুন ঘোড়া পাখি মাছ রাত",
        "de": "Wasser Haus Sonne Mond Berg Fluss Meer Stadt Straße Baum Stein Brot Buch Schule Kind Mutter König Krieg Frieden Feuer Pferd Vogel Fisch Nacht",
        "el": "νερό σπίτι ήλιος φεγγάρι βουνό ποτάμι θάλασσα πόλη δρόμος δέντρο πέτρα ψωμί βιβλίο σχολείο παιδί μητέρα βασιλιάς πόλεμος ειρήνη φωτιά άλογο πουλί ψάρι νύχτα",
        "en": "water house sun moon mountain river sea city road tree stone bread book school child mother king war peace fire horse bird fish night",
        "es": "agua casa sol luna montaña río mar ciudad camino árbol piedra pan libro escuela niño madre rey guerra paz fuego caballo pájaro pescado noche",
        "fa": "آب خانه خورشید ماه کوه رودخانه دریا شهر جاده درخت سنگ نان کتاب مدرسه کودک مادر پادشاه جنگ صلح آتش اسب پرنده ماهی شب",
        "fi": "vesi talo aurinko kuu vuori joki meri kaupunki tie puu kivi leipä kirja koulu lapsi äiti kuningas sota rauha tuli hevonen lintu kala yö",
        "fr": "eau maison soleil lune montagne rivière mer ville route arbre pierre pain livre école enfant mère roi guerre paix feu cheval oiseau poisson nuit",
        "hi": "पानी घर सूरज चाँद पहाड़ नदी समुद्र शहर सड़क पेड़ पत्थर रोटी किताब विद्यालय बच्चा माता राजा युद्ध शांति आग घोड़ा पक्षी मछली रात",
        "id": "air rumah matahari bulan gunung sungai laut kota jalan pohon batu roti buku sekolah anak ibu raja perang damai api kuda burung ikan malam",
        "ja": "水 家 太陽 月 山 川 海 町 道 木 石 パン 本 学校 子供 母親 王様 戦争 平和 火事 馬 小鳥 魚 夜",
        "ko": "물 집 태양 달 산 강 바다 도시 길 나무 돌 빵 책 학교 아이 어머니 왕 전쟁 평화 불 말 새 물고기 밤",
        "ru": "вода дом солнце луна гора река море город дорога дерево камень хлеб книга школа ребёнок мать король война мир огонь лошадь птица рыба ночь",
        "sw": "maji nyumba jua mwezi mlima mto bahari mji barabara mti jiwe mkate kitabu shule mtoto mama mfalme vita amani moto farasi ndege samaki usiku",
        "te": "నీరు ఇల్లు సూర్యుడు చంద్రుడు కొండ నది సముద్రం నగరం దారి చెట్టు రాయి రొట్టె పుస్తకం పాఠశాల బిడ్డ తల్లి రాజు యుద్ధం శాంతి అగ్ని గుర్రం పక్షి చేప రాత్రి",
        "th": "น้ำ บ้าน พระอาทิตย์ พระจันทร์ ภูเขา แม่น้ำ ทะเล เมือง ถนน ต้นไม้ หิน ขนมปัง หนังสือ โรงเรียน เด็ก แม่ กษัตริย์ สงคราม สันติภาพ ไฟ ม้า นก ปลา กลางคืน",
        "tr": "su ev güneş ay dağ nehir deniz şehir yol ağaç taş ekmek kitap okul çocuk anne kral savaş barış ateş at kuş balık gece",
        "vi": "nước nhà mặt_trời mặt_trăng núi sông biển thành_phố đường cây đá bánh sách trường đứa_trẻ mẹ vua chiến_tranh hoà_bình lửa ngựa chim cá đêm",
        "zh": "水流 房屋 太阳 月亮 高山 河流 大海 城市 道路 树木 石头 面包 书本 学校 孩子 母亲 国王 战争 和平 火焰 骏马 小鸟 鱼类 夜晚",
    }.items()
}
UNSPACED = ("ja", "th", "zh")


def sentence(language: str, numbers: Sequence[int], end: str = ".") -> str:
    """Return the words with these numbers as a sentence."""
    words = [WORDS[language][number].replace("_", " ") for number in numbers]
    return ("" if language in UNSPACED else " ").join(words) + end


def pair(name: str, language: str = "en") -> tuple[str, str]:
    """Return a question and a passage with three words in common; another pair for every name, parallel in all languages."""
    drawn = random.Random(name).sample(range(24), 14)
    return sentence(language, drawn[:6], "?"), sentence(language, drawn[3:])
