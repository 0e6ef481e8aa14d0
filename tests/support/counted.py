"""Texts of many languages and forms, with their tokens as tiktoken 0.14 counts them by the published ranks of o200k_base."""

# ruff: noqa: E501, RUF001 - letters of other alphabets look like those of ours, and some are as wide as two

COUNTED: dict[str, tuple[str, int]] = {
    "english": (
        (
            "Is a golden retriever a good family dog? They are loyal and patient with children, and nee"
            "d an hour of walking a day. When you come home in the evening, they greet you at the door,"
            " and they hardly ever bark at strangers."
        ),
        50,
    ),
    "english_formal": (
        (
            "Everyone has the right to freedom of thought, conscience and religion; this right includes"
            " freedom to change his religion or belief, and freedom, either alone or in community with "
            "others and in public or private, to manifest his religion or belief in teaching, practice,"
            " worship and observance."
        ),
        56,
    ),
    "german": (
        (
            "Ist ein Golden Retriever ein guter Familienhund? Er ist treu und geduldig mit Kindern und "
            "braucht täglich eine Stunde Auslauf. Wenn man abends nach Hause kommt, begrüßt er einen an"
            " der Tür, und Fremde bellt er nur selten an."
        ),
        52,
    ),
    "french": (
        (
            "Le golden retriever est-il un bon chien de famille ? Il est fidèle et patient avec les enf"
            "ants, et il a besoin d'une heure de promenade par jour. Quand on rentre le soir, il vous a"
            "ccueille à la porte et n'aboie presque jamais."
        ),
        54,
    ),
    "spanish": (
        (
            "¿Es el golden retriever un buen perro de familia? Es leal y paciente con los niños, y nece"
            "sita una hora de paseo al día. Cuando uno llega a casa por la noche, lo recibe en la puert"
            "a y casi nunca ladra a los extraños."
        ),
        54,
    ),
    "polish": (
        (
            "Czy golden retriever to dobry pies rodzinny? Jest lojalny i cierpliwy wobec dzieci, a codz"
            "iennie potrzebuje godziny spaceru. Gdy wracasz wieczorem do domu, wita cię przy drzwiach i"
            " prawie nigdy nie szczeka na obcych."
        ),
        65,
    ),
    "vietnamese": (
        (
            "Chó golden retriever có phải là giống chó tốt cho gia đình không? Chúng trung thành và kiê"
            "n nhẫn với trẻ em, và cần đi dạo một giờ mỗi ngày. Khi bạn về nhà vào buổi tối, chúng đón "
            "bạn ở cửa và hầu như không sủa người lạ."
        ),
        66,
    ),
    "turkish": (
        (
            "Golden retriever iyi bir aile köpeği midir? Çocuklara karşı sadık ve sabırlıdırlar ve günd"
            "e bir saat yürüyüşe ihtiyaç duyarlar. Akşam eve geldiğinizde sizi kapıda karşılar ve yaban"
            "cılara neredeyse hiç havlamazlar."
        ),
        63,
    ),
    "russian": (
        (
            "Хорошая ли собака золотистый ретривер для семьи? Они верны и терпеливы с детьми, и им нуже"
            "н час прогулки в день. Когда вечером приходишь домой, они встречают тебя у двери и почти н"
            "икогда не лают на незнакомых."
        ),
        58,
    ),
    "ukrainian": (
        (
            "Чи гарний собака золотистий ретривер для родини? Вони віддані й терплячі з дітьми, і їм по"
            "трібна година прогулянки на день. Коли ввечері приходиш додому, вони зустрічають тебе біля"
            " дверей і майже ніколи не гавкають."
        ),
        76,
    ),
    "greek": (
        (
            "Είναι το γκόλντεν ριτρίβερ καλό σκυλί για οικογένεια; Είναι πιστά και υπομονετικά με τα πα"
            "ιδιά και χρειάζονται μία ώρα περπάτημα την ημέρα. Όταν γυρίζεις σπίτι το βράδυ, σε περιμέν"
            "ουν στην πόρτα."
        ),
        71,
    ),
    "chinese": (
        (
            "金毛寻回犬是适合家庭的好狗吗？它们忠诚，对孩子很有耐心，每天需要散步一个小时。当你晚上回到家时，它们会在门口迎接你，几乎从不对陌生人吠叫。"
        ),
        60,
    ),
    "chinese_trad": (
        (
            "黃金獵犬是適合家庭的好狗嗎？牠們忠誠，對孩子很有耐心，每天需要散步一個小時。當你晚上回到家時，牠們會在門口迎接你，幾乎從不對陌生人吠叫。"
        ),
        69,
    ),
    "japanese": (
        (
            "ゴールデンレトリバーは家庭に向いている犬ですか。忠実で子どもに対して忍耐強く、一日に一時間の散歩が必要です。夜家に帰ると、玄関で迎えてくれて、知らない人にもほとんど吠えません。"
        ),
        70,
    ),
    "korean": (
        (
            "골든 리트리버는 가족에게 좋은 개인가요? 충성스럽고 아이들에게 참을성이 있으며 하루에 한 시간씩 산책이 필요합니다. 저녁에 집에 돌아오면 문 앞에서 반겨 주고 낯"
            "선 사람에게도 거의 짖지 않습니다."
        ),
        62,
    ),
    "hindi": (
        (
            "क्या गोल्डन रिट्रीवर परिवार के लिए अच्छा कुत्ता है? वे वफ़ादार होते हैं और बच्चों के साथ ध"
            "ैर्य रखते हैं, और उन्हें रोज़ एक घंटा टहलने की ज़रूरत होती है। जब आप शाम को घर लौटते हैं, "
            "तो वे दरवाज़े पर आपका स्वागत करते हैं।"
        ),
        72,
    ),
    "bengali": (
        (
            "গোল্ডেন রিট্রিভার কি পরিবারের জন্য ভালো কুকুর? তারা বিশ্বস্ত এবং শিশুদের সাথে ধৈর্যশীল, এব"
            "ং প্রতিদিন এক ঘণ্টা হাঁটা দরকার। আপনি সন্ধ্যায় বাড়ি ফিরলে তারা দরজায় আপনাকে স্বাগত জানা"
            "য়।"
        ),
        61,
    ),
    "tamil": (
        (
            "கோல்டன் ரெட்ரீவர் குடும்பத்திற்கு ஏற்ற நாயா? அவை விசுவாசமானவை, குழந்தைகளிடம் பொறுமையானவை, "
            "தினமும் ஒரு மணி நேரம் நடக்க வேண்டும். மாலையில் வீடு திரும்பும்போது வாசலில் வரவேற்கும்."
        ),
        62,
    ),
    "arabic": (
        (
            "هل كلب الجولدن ريتريفر كلب عائلي جيد؟ إنه وفي وصبور مع الأطفال، ويحتاج إلى ساعة من المشي ك"
            "ل يوم. عندما تعود إلى المنزل مساءً يستقبلك عند الباب، ونادراً ما ينبح على الغرباء."
        ),
        57,
    ),
    "hebrew": (
        (
            "האם גולדן רטריבר הוא כלב משפחה טוב? הם נאמנים וסבלניים עם ילדים, וצריכים שעת הליכה ביום. כ"
            "שחוזרים הביתה בערב הם מקבלים אותך בדלת, וכמעט אף פעם לא נובחים על זרים."
        ),
        61,
    ),
    "persian": (
        (
            "آیا گلدن رتریور سگ خانوادگی خوبی است؟ آنها وفادار و با کودکان صبور هستند و روزی یک ساعت پی"
            "اده\u200cروی لازم دارند. وقتی عصر به خانه برمی\u200cگردید، دم در از شما استقبال می\u200cکنند."
        ),
        55,
    ),
    "thai": (
        (
            "โกลเด้นรีทรีฟเวอร์เป็นสุนัขที่เหมาะกับครอบครัวหรือไม่ พวกมันซื่อสัตย์และอดทนกับเด็ก ต้องกา"
            "รเดินเล่นวันละหนึ่งชั่วโมง เมื่อคุณกลับบ้านตอนเย็น มันจะมาต้อนรับที่ประตู"
        ),
        62,
    ),
    "chat_emoji": (
        ("Great, see you at eight! 🎉🎉 Bring the dog 🐶 and some pizza 🍕, thanks ❤️"),
        25,
    ),
    "mixed": (
        ("請用 English 解釋 what a golden retriever 是什麼, thank you 谢谢。"),
        21,
    ),
    "code": (
        (
            "def append(self, message: Message) -> int:\n    with self._lock:\n        if message.positio"
            "n != self.head + 1:\n            raise StaleHead(message.position, self.head)\n        self."
            "_messages.append(message)\n        self.head += 1\n    return self.head\n"
        ),
        58,
    ),
    "json": (
        (
            '{"id":"call_abc123","status":"ok","results":[{"name":"Golden retriever","weight_kg":31.5,"'
            'tags":["loyal","patient"],"hours":1},{"name":"Pug","weight_kg":7.9,"tags":["calm"],"hours"'
            ':0.5}],"next":null}'
        ),
        71,
    ),
    "json_pretty": (
        (
            '{\n  "city": "Berlin",\n  "forecast": [\n    {\n      "day": "Monday",\n      "high": 21,\n     '
            ' "low": 12\n    },\n    {\n      "day": "Tuesday",\n      "high": 19,\n      "low": 11\n    }\n  '
            "]\n}"
        ),
        66,
    ),
    "numbers": (
        ("2026-11-21T15:03:22Z 4111 1111 1111 1111 +49 30 123456 192.168.0.1 3.14159265358979 1,234,567.89"),
        56,
    ),
    "base64": (
        ("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="),
        53,
    ),
    "url": (
        ("https://example.com/a/very/long/path?query=golden+retriever&page=2&sort=desc#results"),
        27,
    ),
    "short": (
        ("ok"),
        1,
    ),
}
PROSE = (
    "english",
    "english_formal",
    "german",
    "french",
    "spanish",
    "polish",
    "vietnamese",
    "turkish",
    "russian",
    "ukrainian",
    "greek",
    "chinese",
    "chinese_trad",
    "japanese",
    "korean",
    "hindi",
    "bengali",
    "tamil",
    "arabic",
    "hebrew",
    "persian",
    "thai",
)
