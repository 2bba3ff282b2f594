"""Words that the lexicon knows about names of columns and tables: units, endings, contraries. No schema is known."""

from __future__ import annotations

from postai.language.word_set import word_set

UNIT_TAILS = word_set("""
    cm kg gram mg km mm ml second minute hour ms millisecond usd eur gbp percent percentage byte mb gb kb mile meter
    metre foot inch lb pound oz liter litre celsius mph kwh sqft sqm kcal ha hectare acre
    sqkm km2 m2 m3 gal gallon ton tonne kw mw mwh knot kt dollar euro
    """)
GENERIC_TAILS = UNIT_TAILS | word_set("""
    name code date time at on id number key count amount text type
    """)
# What the rows of a table of measurements are called: "closing price" is the column `close` of daily prices.
MEASURED = word_set("price rate score cost level count reading measurement temperature rating value stat statistic")
# The number of a line is not the line.
POSITIONS = frozenset((word, "number") for word in ("line", "row", "item", "sequence", "position", "step", "order"))
FREE_TEXT = frozenset(
    ["text", "body", "comment", "description", "note", "message", "content", "remark", "summary", "review", "title"]
)
BOOLEAN_LEADS = word_set("""
    is has was can are allow allows have been should be did does
    """)
ANTONYMS = {
    "open": "closed", "active": "inactive", "enabled": "disabled", "paid": "unpaid", "verified": "unverified",
    "available": "unavailable", "public": "private", "published": "unpublished", "read": "unread",
    "married": "unmarried",
    "insured": "uninsured", "resolved": "unresolved", "online": "offline", "approved": "unapproved",
    "employed": "unemployed",
    "accepted": "rejected", "passed": "failed", "present": "absent", "successful": "unsuccessful", "alive": "dead",
    "new": "used", "indoor": "outdoor", "domestic": "international", "valid": "invalid", "permanent": "temporary",
    "completed": "incomplete", "complete": "incomplete", "finished": "unfinished", "solved": "unsolved",
    "residential": "commercial", "refundable": "nonrefundable", "emergency": "regular", "remote": "onsite",
    "visible": "hidden", "mandatory": "optional", "required": "optional", "succeeded": "failed", "success": "failure",
    "fixed": "variable", "working": "broken",
}  # fmt: skip
# Further words for the contrary, where one is not all that people say.
CONTRARIES = {
    "accepted": ("declined", "refused", "turned down"), "approved": ("rejected", "declined", "denied"),
    "paid": ("outstanding", "unsettled"), "returned": ("outstanding",), "resolved": ("open", "outstanding"),
    "working": ("out of order", "defective"), "won": ("lost",),
}  # fmt: skip
# "opening time" of opened_at; others would be how long something takes ("shipping time").
DOING = {
    "opened": "opening", "closed": "closing", "started": "starting", "ended": "ending", "begun": "beginning",
    "joined": "joining", "listed": "listing", "hired": "hiring", "posted": "posting", "published": "publishing",
    "open": "opening", "close": "closing", "start": "starting", "end": "ending",
}  # fmt: skip
# "trips departed" of departure_time.
NOUNS_OF_DOING = {
    "departure": "depart", "arrival": "arrive", "delivery": "deliver", "expiry": "expire", "expiration": "expire",
    "removal": "remove", "installation": "install", "renewal": "renew", "cancellation": "cancel",
}  # fmt: skip
# "listings that allow pets" of pets_allowed.
GRANTED = frozenset(
    {"allowed", "accepted", "permitted", "included", "provided", "available", "supported", "offered", "used"}
)
# Words that say in what form a table keeps what the word before them names.
FORMS = word_set("tier head header record entry list master log level plan option catalog register table file")
HEADS_OF_TEXTS = ("type", "kind", "method", "category", "level", "group")
HEADS_OF_NUMBERS = ("amount", "value", "level", "figure")
PAID = frozenset({"paid", "spent", "lent", "sold", "won", "lost", "due", "owed"})
MAX_VALUES = 400
HEADS = frozenset({"head", "header", "hdr", "master", "main", "record"})
