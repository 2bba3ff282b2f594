"""What type a column has by what it is called: money, moments, flags, counts. English as data, no schema is known."""

from __future__ import annotations

import re
from dataclasses import dataclass

from postai.language.word_set import word_set

MONEY = "numeric(12,2)"
MOMENT = "timestamptz"

_MONEY = word_set("""
    price cost salary amount fee total subtotal balance wage budget rent payment fare deposit revenue income tax
    tip charge spend spending turnover premium donation bonus compensation commission refund toll surcharge
    penalty fine value_added bid sum worth valuation stipend allowance earnings proceeds rebate royalty dues
    bounty
    """)
_INTEGER = word_set("""
    quantity qty count age capacity stock position rank ranking seats seat_count pages points score rating
    duration length floor year priority_number sequence stars attempts copies inventory level_number lap laps
    goals credits mileage odometer population calories servings votes likes views downloads size_in_bytes bytes
    minutes seconds
    """)
_NUMERIC = word_set("""
    weight height width depth distance area rate percentage percent hours dosage diameter thickness radius
    perimeter magnitude brightness volume mass size_in_metres ratio discount
    """)
_FLOAT = word_set(
    "temperature latitude longitude lat lng lon value measurement humidity pressure speed reading voltage current "
    "elevation altitude wattage voltage concentration"
)
_DATE = word_set("date day night birthday deadline dob birthdate expiry expiration")
_TIME = word_set("time timestamp datetime moment instant at when")
_FLAG = word_set("""
    active enabled disabled done paid published verified available completed archived visible featured approved
    confirmed cancelled canceled refundable vegetarian vegan pinned read seen resolved closed locked blocked
    finished billable taxable premium_member admin anonymous correct mandatory returned delivered shipped
    deleted public private
    """)
_JSON = word_set("json jsonb metadata payload settings preferences attributes configuration config options extras")
_OPTIONAL = word_set("""
    description note notes bio biography comment remark remarks grade website homepage phone fax image photo
    picture avatar logo middle_name nickname feedback result mark score memo summary caption telephone mobile
    """)
_LATER = re.compile(
    r"^(?:return(?:ed)?|end(?:ed)?|finish(?:ed)?|closed?|cancel(?:led|ed|lation)|complet(?:ed|ion)|"
    r"deliver(?:ed|y)|ship(?:ped|ping|ment)?|"
    r"paid|payment|delet(?:ed|ion)|archived|resolved|resolution|approv(?:ed|al)|publish(?:ed)?|publication|"
    r"discharged?|left|leaving|terminat(?:ed|ion)|"
    r"last|death|died|dropped|checked_out|checkout|expires|expiry|expiration|confirmed|answered|read|seen|verified|"
    r"processed|departure_actual)$"
)
_TEXT_NUMBERS = word_set("""
    page line version position round lap floor row week day month sequence track chapter episode season level
    period slot step shelf question
    """)
CODES = word_set("isbn issn sku vin ean upc imei iban username slug gtin barcode ssn login handle")
_CODE_PAIRS = frozenset({
    ("serial", "number"), ("license", "plate"), ("licence", "plate"), ("user", "name"), ("passport", "number"),
    ("registration", "plate"), ("number", "plate"), ("chip", "number"), ("inventory", "number"),
    ("asset", "tag")
})  # fmt: skip
_CREATION = re.compile(
    r"^(?:created|creation|registered|registration|joined|signup|signed_up|sign_up|added|inserted|"
    r"recorded)(?:_(?:at|on|time|date|timestamp))?$"
)
_PARTICIPLES = {
    "measurement": "measured", "creation": "created", "registration": "registered", "purchase": "purchased",
    "order": "ordered", "delivery": "delivered", "payment": "paid", "arrival": "arrived", "departure": "departed",
    "publication": "published", "enrollment": "enrolled", "enrolment": "enrolled", "submission": "submitted",
    "cancellation": "cancelled", "login": "logged_in", "recording": "recorded", "reading": "read", "visit": "visited",
    "update": "updated", "modification": "modified", "completion": "completed", "approval": "approved",
    "booking": "booked", "shipment": "shipped", "transaction": "made", "observation": "observed", "entry": "entered",
}  # fmt: skip
_UNITS = word_set("""
    second seconds minute minutes hour hours day days week weeks month months year years meter meters metre
    metres km kilometer kilometers kilometre kilometres mile miles kg kilogram kilograms kilo kilos gram grams g
    cm mm centimeter centimeters centimetre centimetres millimeter millimetres liter liters litre litres ml
    celsius fahrenheit percent cents bytes kb mb gb watts kwh volts points pages ms millisecond milliseconds
    tons tonnes pounds lbs inches feet
    """)
_WHOLE_UNITS = word_set(
    "second seconds minute minutes day days week weeks month months year years cents bytes kb mb points pages ms "
    "millisecond milliseconds"
)
_CURRENCIES = word_set("euro euros dollar dollars usd eur gbp pound money currency chf yen")
TYPE_WORDS = {
    "text": "text", "string": "text", "varchar": "text", "integer": "integer", "int": "integer",
    "whole number": "integer", "bigint": "bigint", "big integer": "bigint", "64-bit integer": "bigint",
    "large integer": "bigint", "number": "numeric", "decimal": "numeric", "numeric": "numeric",
    "decimal number": "numeric", "float": "double precision", "floating point": "double precision",
    "double": "double precision", "real number": "double precision", "boolean": "boolean", "bool": "boolean",
    "yes/no": "boolean", "true/false": "boolean", "flag": "boolean", "yes or no": "boolean",
    "true or false": "boolean", "date": "date", "timestamp": MOMENT, "timestamptz": MOMENT, "datetime": MOMENT,
    "date and time": MOMENT, "timestamp with time zone": MOMENT, "point in time": MOMENT, "moment": MOMENT,
    "time of day": "time", "time": "time", "json": "jsonb", "jsonb": "jsonb", "uuid": "uuid", "money": MONEY,
    "amount of money": MONEY, "amounts of money": MONEY, "monetary amount": MONEY, "interval": "interval",
    "ip address": "inet", "smallint": "smallint", "whole numbers": "integer", "integers": "integer",
    "free text": "text", "long text": "text", "decimal numbers": "numeric", "decimals": "numeric",
    "numbers": "numeric", "double precision": "double precision", "fractions": "numeric",
}  # fmt: skip


_VALUES = word_set("""
    name title code number status state kind role level label colour color reason note description remark text
    body content content phone email mail url link website gender sex unit currency brand make model
    manufacturer format version path hash password token key username nickname weekday weekdays month sequence
    abstract biography bio birthplace nationality street house zip postcode city country address location
    surname forename lastname firstname initials salutation language date day time year hour minute second
    duration type severity priority visibility mood subject object_ message_ symbol sign icon avatar logo
    filename mime checksum signature material shape flavour flavor taste smell texture style purpose identifier
    id uuid plate
    """)


def is_value(words: tuple[str, ...]) -> bool:
    """Whether a noun is by its nature a value of something else, and hardly a thing of its own: a name, a date."""
    return words[-1] in _VALUES or _type_of(words) not in ("text",)


_MOMENTS = word_set("arrival departure start end takeoff landing pickup dropoff kickoff")
_WHEN = word_set("scheduled actual planned expected estimated real official")
_WORTH = word_set("""
    insured insurance asking market purchase book estimated appraised monetary cash face nominal declared resale
    """)
_AMOUNTS = (MONEY, "integer", "numeric", "double precision")
_COUNTABLE = word_set("""
    participant guest person player member student attendee user passenger people seat occupant
    """)


_PERSONS = word_set("""
    user person employee member account customer staff student agent doctor client guest patient pilot
    technician nurse assistant consultant clerk chef cook guide vet judge captain coach applicant tenant
    accountant attendant participant mechanic chef cadet colleague specialist expert expert parent child man
    woman people personnel staff crew volunteer recruit freelancer
    """)


def is_person(words: tuple[str, ...]) -> bool:
    """Whether a noun names people."""
    head = words[-1]
    return head in _PERSONS or (
        len(head) > 4 and head.endswith(("er", "or", "ist", "ian", "ee")) and head not in _THINGS_IN_ER
    )


_THINGS_IN_ER = word_set("""
    order paper computer printer server folder number letter container filter chapter register poster sticker
    trailer buffer cluster router meter sensor motor reactor tractor elevator monitor door floor color mirror
    error committee fee coffee degree tree trophee river counter center theater water tower power layer offer
    corner matter member_card voucher transfer banner ladder locker holder marker cylinder calendar
    """)


@dataclass(frozen=True)
class Kind:
    """What the name of a column says.

    Attributes:
        name: words of the column's name, perhaps better than those that were said.
        optional: whether it is often empty by its nature.
        unique: whether it identifies by definition (an ISBN).
        default: SQL expression that goes without saying.
    """

    type: str
    name: tuple[str, ...]
    optional: bool = False
    unique: bool = False
    default: str | None = None


def kind_of(words: tuple[str, ...]) -> Kind:
    """The type that the words of a column's name suggest."""
    words = _said_of(words) or words
    if words[-1] == "flag" and len(words) > 1:
        return Kind("boolean", words[:-1])
    name, head = "_".join(words), words[-1]
    unique = head in CODES or words[-2:] in _CODE_PAIRS
    optional = (
        head in _OPTIONAL
        or name in _OPTIONAL
        or (len(words) > 1 and head in ("date", "time", "at", "on") and bool(_LATER.match(words[0])))
    )
    default = "now()" if _CREATION.match(name) or name in ("created_at", "updated_at") else None
    kind = _type_of(words)
    if kind == "date" and default:
        default = "current_date"
    if kind not in ("date", MOMENT):
        default = None
    return Kind(kind, words, optional and not unique, unique, default)


def _said_of(words: tuple[str, ...]) -> tuple[str, ...]:
    """ "Time of measurement" as measured_at, "date of birth" as birth_date, "number of pages" as page_count."""
    if "of" in words[1:-1]:
        at = words.index("of")
        first, of = words[:at], tuple(one for one in words[at + 1 :] if one not in ("the", "a", "an", "its"))
        if not first:
            return of
        if first[-1] in ("time", "moment", "timestamp", "datetime") and of:
            return (*_PARTICIPLES[of[-1]].split("_"), "at") if of[-1] in _PARTICIPLES else (*of, "time")
        if first == ("number",) or first[-1:] == ("count",):
            return (*of, "count")
        if first[-1] in ("date", "day", "place", "year", "name", "type", "country", "city", "reason", "code") and of:
            return (*of, "date" if first[-1] == "day" else first[-1])
    return tuple(one for one in words if one not in ("the", "a", "an"))


def _type_of(words: tuple[str, ...]) -> str:
    head, first, name = words[-1], words[0], "_".join(words)
    if (
        len(words) > 1
        and (head.endswith("ed") or head in ("paid", "spent", "due"))
        and (measured := _type_of(words[:-1])) in _AMOUNTS
    ):
        return measured  # "an amount claimed", "goals scored"
    if len(words) == 2 and first in ("max", "min", "maximum", "minimum") and head in _COUNTABLE:
        return "integer"
    if (
        (first in ("is", "has", "can") and len(words) > 1)
        or (head in _FLAG and len(words) <= 2 and head not in ("read",))
        or head == "flag"
    ):
        return "boolean"
    if head in ("opening", "closing") or (head == "time" and first in ("opening", "open")):
        return "time"
    if head == "size" and first in ("party", "group", "class", "team", "family", "household", "crew", "squad", "batch"):
        return "integer"
    if head == "value" and first in _WORTH:
        return MONEY
    if head in _TIME or (head in _MOMENTS and (len(words) == 1 or first in _WHEN)):
        return MOMENT
    if head in _DATE or (head == "on" and len(words) > 1):
        return "date"
    if head == "count" or name in _INTEGER:
        return "integer"
    if head in ("number", "no", "nr"):
        return "integer" if first in _TEXT_NUMBERS or len(words) == 1 else "text"
    if head in _MONEY and not (head == "tip" and len(words) > 1):
        return MONEY
    if head == "rate" and first in ("hourly", "daily", "nightly", "monthly", "day", "hour", "room", "pay"):
        return MONEY
    if first == "date" and len(words) == 2 and head.endswith("ed"):
        return "date"
    if f"{head}s" in _INTEGER and head not in ("like", "view", "download", "second", "minute", "byte"):
        return "integer"
    for family, kind in ((_INTEGER, "integer"), (_NUMERIC, "numeric"), (_FLOAT, "double precision")):
        if head in family:
            return kind
    if head in _UNITS or f"{head}s" in _UNITS:
        return "integer" if head in _WHOLE_UNITS else "numeric"
    if head in _JSON:
        return "jsonb"
    if head == "uuid":
        return "uuid"
    if name in ("ip", "ip_address"):
        return "inet"
    return "text"


def is_unit(word: str) -> bool:
    """Whether a noun is a unit of measurement: litres, hours."""
    return word in _UNITS or f"{word}s" in _UNITS


def with_unit(words: tuple[str, ...], unit: str, kind: str) -> tuple[tuple[str, ...], str]:
    """A name and type for "duration in seconds"; unknown units change nothing."""
    unit = unit.lower()
    if unit in _CURRENCIES:
        return words, MONEY
    if unit == "percent":
        return words, "numeric(5,2)"
    if unit not in _UNITS:
        return words, kind
    kind = "integer" if unit in _WHOLE_UNITS else "numeric"
    return (words if unit in words else (*words, unit)), kind
