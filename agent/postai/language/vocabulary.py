"""English as data: abbreviations in names, business synonyms, verbs, filler words. No schema is known here."""

from __future__ import annotations

from postai.language.word_set import word_set

ABBREVIATIONS: dict[str, tuple[str, ...]] = {
    key: tuple(value.split())
    for key, value in {
        "acct": "account", "addr": "address", "amt": "amount", "appr": "approval", "appt": "appointment",
        "attr": "attribute", "avg": "average", "bal": "balance", "bd": "board", "bldg": "building", "cat": "category",
        "ccy": "currency", "cd": "code", "cert": "certification", "cnt": "count", "comm": "commission",
        "cust": "customer", "dept": "department", "desc": "description", "descr": "description", "diag": "diagnosis",
        "dist": "district", "dob": "date of birth", "doc": "doctor", "dos": "dosage", "dt": "date", "dur": "duration",
        "emp": "employee", "exp": "expiry", "freq": "frequency", "gpa": "gpa", "hr": "hour", "hrs": "hours",
        "img": "image", "ins": "insurance", "inv": "invoice", "lat": "latitude", "lang": "language", "loc": "location",
        "lon": "longitude", "lng": "longitude", "max": "maximum", "med": "medication", "mgr": "manager",
        "min": "minimum", "mo": "month", "msg": "message", "nbr": "number", "num": "number", "ord": "order",
        "org": "organization", "pct": "percent", "perc": "percent", "pmt": "payment", "pos": "position",
        "prev": "previous", "prod": "product", "proj": "project", "pt": "patient", "qty": "quantity", "qtr": "quarter",
        "quant": "quantity", "ref": "reference", "reg": "registration", "req": "requirement", "res": "reservation",
        "sal": "salary", "sec": "second", "seq": "sequence", "std": "standard", "stmt": "statement",
        "sub": "subscription",
        "subj": "subject", "supp": "supplier", "tel": "telephone", "temp": "temperature", "tot": "total",
        "trans": "transaction", "ts": "timestamp", "tx": "transaction", "txn": "transaction", "usr": "user",
        "val": "value", "vol": "volume", "wh": "warehouse", "wk": "week", "wt": "weight", "yr": "year", "zip": "zip",
    }.items()
}  # fmt: skip

# Words a folded identifier ("unitprice") may be made of; the words of the catalog itself are added to them.
IDENTIFIER_WORDS = word_set("""
    account action active activity actual address admin age agent aggregate album alert allow amount annual
    answer appointment approval area article artist asset assigned attendance attribute audit author available
    average award back balance bank base batch begin bill billing birth block board book booking born branch
    brand budget build building business buyer calendar call campaign cancel capacity card care carrier cart
    case cash cast category cell center certificate channel charge check child city claim class client clinic
    close closed club code color comment commission company complete condition confirm contact content contract
    cost count country county coupon course create created credit currency current customer cycle daily data
    date day days dead deal death debit default degree delivery department deposit depth description destination
    detail device diagnosis direct director discount display distance district doctor document domain donor
    draft driver drug due duration earn edition education effective email employee employer end enroll entry
    epoch error estimate event exam exchange expense expire expiry export external facility family fax feature
    fee feedback field file film final finish first fiscal fleet flight floor food forecast freight frequency
    from full fund game gender genre given goal grade gross group guest hall has head health height high hire
    history holder holiday home host hotel hour hours house image import income index industry info inspection
    instructor insurance interest internal inventory invoice issue item job join joined journal key kind label
    language last latitude lead league leave lecture length level library license limit line link list loan
    local location log login long longitude loss low machine mail major manager margin mark market match
    material max maximum meal measure media medical meeting member message meter method middle mileage min
    minimum minor minute mobile mode model modified month monthly movie municipality name nation national net
    next node note number object occupation office offer open option order organization origin outcome output
    owner package page paid parent park part partner party passenger password path patient pay payment penalty
    pending per percent percentage performance period permit person phone photo picture place plan plane plant
    platform play player point policy population port position post postal power prescription president previous
    price primary priority procedure process product production professor profile profit program project
    promotion property protocol province publish publisher purchase quantity quarter query question queue quota
    race range rank rate rating ratio reason receipt receive record reference refund region registration
    relation release remark rent rental reply report request required requirement reservation resource response
    result return revenue review role room route row salary sale sales sample schedule school score season seat
    second section sector seller semester sender sent serial service session settlement sex share shares shelf
    shift ship shipment shipping shop short show sign signup site size skill social source special species speed
    staff stage stand standard start state statement station status step stock stop store story street string
    student style subject subscription subtotal success summary supplier supply support surname survey symbol
    system table tag target task tax teacher team telephone temperature tenant term test text theme ticker
    ticket time tip title to total town track trade train training transaction transfer transport travel
    treatment trial trip truck type unit university update updated upload url usage user username value vehicle
    vendor venue version video visit visitor volume vote voucher wage warehouse warranty week weekly weight
    width winner work worker workload year yearly zip zone id uuid num str ms sec cm kg km mb gb is by at of on
    in
    """)

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
        "bill": "invoice bill", "donat": "donation", "vot": "vote", "apply": "application", "complain": "complaint",
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
    gives taught teach teaches teaching
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

CURRENCIES = frozenset(["dollar", "euro", "pound", "usd", "eur", "gbp", "buck", "yen", "franc"])
