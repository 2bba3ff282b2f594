"""English as data: business synonyms, verbs, filler words. No schema is known here."""

from __future__ import annotations

from postai.language.word_set import word_set

# Two nouns for one thing. Used only where a word names nothing in the catalog itself.
NOUN_SYNONYMS: tuple[frozenset[str], ...] = tuple(
    frozenset(group.split())
    for group in (
        "customer client buyer shopper purchaser user",
        "product item article good merchandise",
        "order purchase",
        "employee staff worker employees colleague",
        "supplier vendor",
        "user member account",
        "doctor physician practitioner",
        "ticket issue case",
        "invoice bill",
        "payment transaction",
        "patron borrower reader member",
        "film movie",
        "teacher instructor professor lecturer",
        "student pupil",
        "company firm organization organisation business",
        "car vehicle automobile",
        "shop store outlet",
        "town city",
        "state province",
        "country nation",
        "zip postcode",
        "phone telephone mobile",
        "job occupation position",
        "salary wage pay earn earning",
        "price cost",
        "amount value total",
        "quantity amount",
        "category type kind",
        "gender sex",
        "surname lastname",
        "message text body content",
        "subject title",
        "comment remark note",
        "picture photo image",
        "medicine medication drug",
        "illness disease diagnosis condition",
        "team squad",
        "rating star score",
        "inventory stock",
        "trip journey ride",
        "appointment visit",
        "plan tier package",
        "cuisine food",
        "tag label",
        "session visit",
        "loan checkout borrowing",
        "review rating feedback",
        "shipment delivery parcel",
        "carrier shipper courier",
        "voucher coupon",
        "department dept division",
        "tempo bpm",
        "length duration",
        "headcount attendance",
    )
)

# Nouns of which every row is a person.
PERSON_NOUNS = word_set(
    "customer client user member employee staff patient student person people passenger guest subscriber player "
    "donor visitor contact teacher doctor author driver tenant borrower reader voter worker buyer"
)

# A verb whose doing is kept as rows of such a table.
VERB_TABLES: dict[str, tuple[str, ...]] = {
    key: tuple(value.split())
    for key, value in {
        "buy": "order purchase sale transaction", "purchas": "order purchase sale transaction",
        "order": "order purchase", "sell": "sale order", "shop": "order purchase sale", "pay": "payment",
        "spend": "order payment purchase sale transaction", "rent": "rental loan",
        "borrow": "loan borrowing checkout rental",
        "lend": "loan", "book": "booking reservation appointment", "reserv": "reservation booking",
        "visit": "visit appointment session",
        "review": "review rating feedback", "rat": "rating review", "comment": "comment", "ship": "shipment delivery",
        "deliver": "delivery shipment", "return": "return refund", "refund": "refund return", "treat": "treatment",
        "prescrib": "prescription treatment", "diagnos": "diagnosis",
        "enrol": "enrollment enrolment registration", "subscrib": "subscription",
        "attend": "attendance", "register": "registration", "log": "login session", "call": "call", "invoic": "invoice",
        "bill": "invoice bill", "donat": "donation gift contribution",
        "give": "gift donation contribution", "contribut": "contribution donation",
        "vot": "vote", "apply": "application", "complain": "complaint",
        "play": "play game match", "appear": "appearance cast", "travel": "trip", "fly": "flight", "pledg": "pledge",
    }.items()
}  # fmt: skip

# Words that say only that something is there or was done; they add nothing that the SQL has to show.
GENERIC_VERBS = word_set("""
    place placed places placing make made makes making take took taken happen happened occur occurred exist
    exists existing had having get got gotten getting do done did come comes coming came belong belongs live
    lives living reside resides locate located base based contain contains containing include includes
    associated related linked connected recorded record records registered work works working perform performed
    receive received receives report reported use used using uses involve involves involving relate go went gone
    offer offered offers give given write written wrote submit submitted serve serves serving carry carries
    found find named called titled say says see seen regarding concerning worth want wants need held hold holds
    run ran posted post sit stand generate generated provide provides provided providing supply supplies
    supplied produce produces lasted lasting lasts collect collected keep keeps kept bring brings brought gave
    gives taught teach teaches teaching assigned assign appointed allocated attached achieved achieve achieves
    obtained obtain allow allows allowed permit permits permitted
    scored conducted undertaken shown featured appear appears appeared carried carrying needed needing knows knew
    measured measuring observed fell fallen lie lies lay
    """)

CREATION_VERBS = word_set("""
    join joined joining register registered signed sign signup signups create created add added new open opened
    founded enrolled enroll onboard onboarded arrive arrived introduce introduced launched launch
    """)

# Words without content: articles, pronouns, auxiliaries, prepositions, politeness.
FILLER = frozenset(
    """
    a an the this these those that there here it its they them their theirs he she his her him we us our ours you your
    i me my is are was were be been being am do does did has have had will would can could shall should may might must
    what which who whom whose where when how of in on at to from for by with as into within onto upon about under
    and please show list give tell display return find get fetch print provide see know let all any each some such
    i'd i'm we've they've you're who've what're also then so just still currently now already
    something anything anyone everyone someone
    everything own only? both? if whether respectively overall total? s t question answer answers result results
    database data table tables record? row? information info details? want need compute calculate determine output
    through via
    among ok okay hi hello hey thanks thank exactly actual actually currently? many much name? between ever yet
    """.replace("only?", "").replace("both?", "").replace("total?", "").replace("record?", "").replace("row?", "")
    .replace("details?", "").replace("currently?", "").replace("name?", "").split()
)  # fmt: skip

# Nouns of things that happen at a moment: their tables answer "last month" by the moment of the event.
EVENT_NOUNS = word_set("""
    order purchase sale transaction payment invoice visit appointment booking reservation loan rental shipment
    delivery review rating ticket event session login call message trip flight game match refund return
    enrollment treatment prescription donation vote claim incident test exam measurement reading log request
    click view subscription charge transfer deposit withdrawal checkout checkin attendance meeting comment post
    bill expense order_item repair inspection admission diagnosis outcome price tip play stay complaint
    interaction alert audit
    """)

# Names of the columns that say when a row's event happened, best first.
EVENT_DATE_WORDS = (
    "placed", "ordered", "order date", "purchased", "sold", "borrowed", "loaned", "rented", "booked",
    "visited", "occurred", "happened", "transaction date", "date time", "date", "at",
    "start", "started", "begin", "created", "time", "timestamp", "inserted", "issued", "requested", "reported",
    "posted", "paid", "opened", "logged", "recorded", "submitted", "received",
)  # fmt: skip

CREATION_DATE_WORDS = (
    "created", "registered", "registration", "signup", "signed up", "sign up", "joined", "join", "added",
    "opened", "since",
    "enrolled", "admitted", "hired", "inserted", "onboarded",
)  # fmt: skip

MONEY_WORDS = word_set("""
    amount total price cost revenue fee charge salary wage balance payment paid subtotal budget income profit
    tax value
    """)

# How units are written, each line one unit.
_UNITS = """
    kg kilogram kilo kilos; g gram; mg milligram; lb lbs pound; oz ounce; t ton tonne; km kilometer kilometre;
    m meter metre; cm centimeter centimetre; mm millimeter millimetre; mi mile; ft foot feet; in inch; l liter litre;
    ml milliliter millilitre; s sec second; ms millisecond; min minute; h hr hour; d day; usd dollar $; eur euro €;
    gbp pound £; kwh kilowatt; kw kilowatt; mb megabyte; gb gigabyte; tb terabyte; c celsius; f fahrenheit;
    percent pct %; bpm beat; kcal calorie; ha hectare; sqm m2; sqkm km2; sqft; acre; gal gallon; kt knot;
    mw megawatt; mwh
    """
UNITS: tuple[frozenset[str], ...] = tuple(frozenset(line.split()) for line in _UNITS.split(";"))

CURRENCIES = frozenset(["dollar", "euro", "pound", "usd", "eur", "gbp", "buck", "yen", "franc"])
