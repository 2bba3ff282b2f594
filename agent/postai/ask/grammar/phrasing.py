"""Says a question in plainer words: idioms of English that mean the same as words that the engine reads.

Tried only where a question could not be read as it stands. Every rule keeps the meaning whatever the schema is; quoted
texts are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

_HIGH = (
    r"(?:most expensive|dearest|priciest|costliest|highest|largest|biggest|greatest|best|longest|heaviest|tallest|"
    r"hardest|strongest|fastest)"
)
_LOW = r"(?:cheapest|least expensive|lowest|smallest|least|worst|shortest|lightest|easiest|weakest|slowest)"
_NEW = r"(?:newest|latest|most recent|youngest)"
_OLD = r"(?:oldest|earliest)"
_MOST = rf"(?:{_HIGH}|{_LOW}|most|fewest)"
_SHOW = r"(?:show|give|list|return|display|include|print|output|report|provide|add|state|name|mention)"
_UNIT = r"(?:days|weeks|months|years|hours|minutes|seconds|nights)"
_GROUPED = r"(?:by|per|for each|for every|across|between|among|over)"
_END = r"(?=\s*(?:[.?!;]|$))"


def _clock(found: re.Match[str]) -> str:
    """18:00 as people say it: "6 pm"."""
    hour = int(found["hour"])
    return f"{(hour + 11) % 12 + 1} {'am' if hour < 12 else 'pm'}" if hour <= 23 else found[0]


def _held(found: re.Match[str]) -> str:
    """ "rated above 4" as a condition on a rating."""
    how = {"at": "of"}.get(found["how"].lower(), found["how"].lower())
    noun = {"rated": "rating", "priced": "price", "valued": "value"}[found["verb"].lower()]
    return f"with a {noun} {how} "


def _takes(found: re.Match[str]) -> str:
    """How long something takes on average, with the unit at the end."""
    parts = found.groupdict()
    if "do" in parts and not (parts["lead"] or parts["avg"] or parts["behind"]):
        return found[0]
    unit = parts.get("unit") or parts.get("counted")
    return f"How long does it take on average to {parts['rest'].strip()}{f', in {unit}' if unit else ''}"


_ROWS = r"(?P<many>how many|number of|count of|count the) (?:rows|records|entries|tuples)"
_Instead = str | Callable[[re.Match[str]], str]
_RULES: tuple[tuple[str, _Instead], ...] = (
    # the rows of a table that is named
    (rf"\b{_ROWS} (?:do|does) (?:the )?(?:table )?(?P<table>\w+)(?: table)? (?:have|hold|contain)\b",
     r"\g<many> \g<table>"),
    (rf"\b{_ROWS} (?:are |exist )?(?:there )?(?:in|of) (?:the )?(?:table )?(?P<table>\w+)(?: table)?\b",
     r"\g<many> \g<table>"),
    # words that say nothing
    (r"\b(?:on file|on record|on our books|in our (?:records|books|system|files|data)|in the (?:records|"
     r"system|data|books)"
     r"|that we (?:have|know of|hold)(?= on file|\s*[.?!,]|$)|known to us|all told|all in all|if (?:there are )?any"
     r"|thus far|up to now|until now|up until now|till now|as of today)\b,?", ""),
    (r"^(?:i(?:'d| would)? (?:like|love|want|need) to (?:know|see|have|find out|learn)|i(?:'m| am) (?:curious|"
     r"interested|"
     r"looking|after|wondering)(?: to know| about| in| for)?|can you (?:please )?(?:tell me|show me|find|"
     r"list)|could you "
     r"(?:please )?(?:tell me|show me|find|list)|do (?:we|you) know|any idea|let's see|remind me|for (?:my|"
     r"the|our) report,"
     r"|quick question[:,]|out of curiosity,)\s*(?=\S)", ""),
    (r",? (?:too|as well|either)" + _END, ""),
    (r"\b(?:the )?(?:individual|respective) (?=[a-z])", ""),
    (r"\b(?:separately|individually|one by one)" + _END, ""),
    (r"\b(?P<verb>paid|handed|given|sent|shipped|rented|lent|loaned|carried|bought) (?:out|in|off|over|"
     r"up)(?= (?:to|by|in|for|on|"
     r"at|last|this|per|since|from|during)\b|\s*[.?!,]|$)", r"\g<verb>"),
    (r"\bsigned (?:up )?for\b", "registered for"),
    (r"\b(?P<be>been|was|were|is|are|being) carried out\b", r"\g<be> done"),
    (r"\b(?P<go>gone|went|go|goes|sent|given) out\b(?= (?:in|on|at|since|during|last|this|to|for|by)\b|\s*[.?!,]|$)",
     r"\g<go>"),
    (r"\bbrought back\b", "returned"),
    (r"\b(?:came|come|comes) out\b", "were released"),
    (r"\b(?P<all>every|each|all|any) (?:pieces?|items?|bits?) of (?=[a-z])", r"\g<all> "),
    (r"\b(?P<no>(?:not|never)(?: been)?) (?:a )?part of\b", r"\g<no> in"),
    (r"\b(?P<have>has|have|had) (?:never|not|yet to|not yet) (?:ever )?(?:made|make|placed|place|taken|take|had|given|"
     r"give|submitted|submit|filed|file) (?:an? |any )(?=[a-z])", r"\g<have> no "),
    (r"\b(?:its|their|his|her|the) being (?=[a-z]+ed\b)", "being "),
    (r"(?<!do )(?<!did )\b(?:that )?we (?:currently )?(?:stock|sell|offer|carry|keep|own|run|have|operate|manage|"
     r"employ|serve|treat|see|hold|work with|deal with)(?=\s*[?.!]|$)", ""),
    (r"\b(?:not|without) a single\b", "no"),
    (r"\b(?P<the>the|its|their|whose) single (?=(?:largest|biggest|highest|most|best|longest|smallest|lowest)\b)",
     r"\g<the> "),
    (r"\(?(?:both )?\b(?:inclusive|inclusively|both included)\b\)?", ""),
    (r"\b(?P<unit>day|week|month|quarter|year|hour) (?:by|after) (?P=unit)\b", r"per \g<unit>"),
    (r"\bin (?:whole|full|complete|completed) (?=(?:years|months|weeks|days|hours)\b)", "in "),
    (r"\b(?:ended|wound|turned|finished) up\b|\bturned out to be\b", "are"),
    (r"\b(?P<lead>most|more|less|least) costly\b", r"\g<lead> expensive"),
    (r"\b(?:the )?best (?=(?:rating|score|grade|mark|average|result|rate|value|quality)s?\b)", "the highest "),
    (r"\b(?:the )?worst (?=(?:rating|score|grade|mark|average|rate|value|quality)s?\b)", "the lowest "),
    (rf"\b(?P<how>{_HIGH}|{_LOW}|{_NEW}|{_OLD}) (?:group|one|number|count|figure|value|amount|total|sum)s? "
     r"first\b", r"\g<how> first"),
    (r"^how old (?P<be>is|are|was|were) ", r"What \g<be> the age of "),
    (r"^what (?:do|did) (?:we|they|people|customers|you) (?P<verb>charge|pay|spend|earn) on average (?:for|per) ",
     r"What is the average \g<verb> of "),
    (r"\bfull names?\b", "name"),
    (r"\b(?:longest[- ]serving|most senior)\b", "earliest hired"),
    (r"\bdo we (?:handle|process|manage|keep|run|operate|serve|get|receive|treat|carry|stock|have|own|employ)"
     r"(?= (?:per|by|in|for|from|at|with|on)\b)", "are there"),
    (r"\b(?:that (?:are|is) |which (?:are|is) )?(?P<verb>rated|priced|valued) (?P<how>above|over|below|under|at least|"
     r"at most|more than|less than|higher than|lower than|between|at) (?=[\d$])", _held),
    (r"\b(?P<how>total|average|combined) worth of\b", r"\g<how> value of"),
    # how long something takes
    (rf"^(?P<lead>on average,? )?how many (?P<unit>{_UNIT}) (?P<do>do|does|did) (?P<who>.+?) (?P<avg>on average )?take "
     rf"(?P<behind>on average )?to (?P<rest>[^.?]+)", _takes),
    (rf"^what (?:is|was) the average (?:time|number of (?P<counted>{_UNIT})|time in (?P<unit>{_UNIT})) (?:that )?"
     r"(?:(?:needed|required|taken|it takes|it took) )?to (?P<rest>[^.?]+)", _takes),
    # times of the day
    (r"\b(?P<hour>\d{1,2})(?::00)? ?(?P<half>am|pm|a\.m\.|p\.m\.)(?= |[,.?!]|$)",
     lambda found: f"{found['hour']} {found['half'].replace('.', '').lower()}"),
    (r"\b(?P<hour>\d{1,2}):00(?: h| hours| o'clock)?(?= |[,.?!]|$)(?! ?[ap]m)", _clock),
    (r"\bat (?P<time>\d{1,2} [ap]m) or (?:later|after)\b|\b(?:at or after|no earlier than|not before) "
     r"(?P<other>\d{1,2} [ap]m)\b", r"from \g<time>\g<other>"),
    (r"\bearlier than (?=\d{1,2} [ap]m\b)", "before "),
    (r"\blater than (?=\d{1,2} [ap]m\b)", "after "),
    # amounts
    (r"\bhow much money\b", "how much"),
    (r"\b(?:the )?(?:sum|amount|total) of money\b", "the total amount"),
    (r"\bhow (?:often|frequently)\b", "how many times"),
    (r"\b(?:what|which) (?:part|portion|slice) of\b", "what share of"),
    (r"\b(?:portion|part) of (?:all|the)\b(?= [a-z]+s\b)", "share of all"),
    (r"\b(?:bottles|copies|pieces|boxes|cases|cartons|cans|jars|packs|packets|bags|crates|items|articles) (?=(?:sold|"
     r"ordered(?! by)|bought|purchased|shipped)\b)", "units "),
    (r"\b(?:number|count|amount|quantity) of units (?:ordered|bought|purchased)\b", "number of units sold"),
    (r"\bunits (?:ordered|bought|purchased)\b", "units sold"),
    (r"\b(?:that|which) (?:cost|costs) (?:something|money)\b", "with a price above 0"),
    (r"\b(?:that|which) (?:cost|costs) nothing\b", "with a price of 0"),
    # who
    (r"\b(?:that )?(?:nobody|no one|no-one) (?:has |have |had )?(?:ever )?(?P<verb>[a-z]+(?:ed|ght|en|ld|wn|ne))\b"
     r"(?: yet| ever| so far)?", r"that were never \g<verb>"),
    (r"\bthat (?:somebody|someone|anybody|anyone) (?:has |have |had )?(?P<verb>[a-z]+(?:ed|ght|en|ld|wn|ne))\b",
     r"that were \g<verb>"),
    # having the most
    (rf"\b(?:enjoys?|boasts?|attracts?|attracted|draws?|drew|gets?|got|sees?|saw|received?|receives|records?|"
     rf"recorded|"
     rf"registers?|registered|achieves?|achieved|gathered|garnered|accumulated|amassed|reached|reaches|"
     rf"commands?|holds?|"
     rf"held|possess(?:es)?|owns?|shows?|posted|collected|logged|enjoyed|commanded|offers?|"
     rf"features?|employs?|employed|houses?|keeps?|runs?|handles?|handled|processed|hosts?|hosted) (?=(?:the |its )?"
     rf"{_MOST}\b(?! (?:recently|often|frequently|of)\b))", "has "),
    (r"\b(?:is|are|was|were) (?:responsible for|in charge of|involved in|tied to)\b", "has"),
    (r"\b(?P<no>never|not) (?:won|received|earned) (?:an? |any )(?P<what>award|prize|medal|trophy|title)\b",
     r"no \g<what>"),
    (r"\b(?:won|received|earned) (?=(?:an? |any |the most |at least )?(?:\w+ )?"
     r"(?:award|prize|medal|trophy|trophie)s?\b)",
     "have "),
    (r"\bhow many (?P<what>awards|prizes|medals|trophies) (?:has|have|did) (?P<who>[^?]+?) "
     r"(?:won|received|earned|win)\b",
     r"how many \g<what> does \g<who> have"),
    # orders
    (rf"\b(?P<lead>from )?(?:the )?{_HIGH} (?:\w+ )?(?:down )?to (?:the )?{_LOW}\b", "from highest to lowest"),
    (rf"\b(?P<lead>from )?(?:the )?{_LOW} (?:\w+ )?(?:up )?to (?:the )?{_HIGH}\b", "from lowest to highest"),
    (rf"\b(?:with )?(?:the )?{_HIGH}(?: ones?)? (?:on top|at the top|at the beginning|to begin with|to start with|"
     r"leading|ahead|up front)\b", "highest first"),
    (rf"\b(?:with )?(?:the )?{_LOW}(?: ones?)? (?:on top|at the top|at the beginning|to begin with|to start with|"
     r"leading|ahead|up front)\b", "lowest first"),
    (rf"\b(?:with )?(?:the )?{_NEW}(?: ones?)? (?:on top|at the top|to begin with|to start with)\b", "newest first"),
    (rf"\b(?:with )?(?:the )?{_OLD}(?: ones?)? (?:on top|at the top|to begin with|to start with)\b", "oldest first"),
    (rf"\b(?:with )?(?:the )?{_LOW} (?:ones? )?(?:last|at the bottom|at the end)\b", "highest first"),
    (rf"\b(?:with )?(?:the )?{_HIGH} (?:ones? )?(?:last|at the bottom|at the end)\b", "lowest first"),
    (r"\b(?:dearest|priciest|costliest) first\b", "most expensive first"),
    (r"\b(?:dearest)\b", "most expensive"),
    (r"^(?:sort|order|arrange|rank) (?P<what>(?:all |the |our )*[^,.;?]+?) (?P<by>by [^,.;?]+)",
     r"List \g<what> sorted \g<by>"),
    (rf"^(?P<show>list|show|give|return|display) (?P<what>(?:all |the |our )*[a-z]+(?: [a-z]+)?)"
     rf"(?<!sorted)(?<!ordered)(?<!ranked) by (?P<by>[^,.;?]+?)"
     rf"(?=,? (?:in (?:de|a)scending|from |starting with|beginning with|(?:with )?(?:the )?{_MOST}(?: ones?)? first))",
     r"\g<show> \g<what> sorted by \g<by>"),
    (r"^put (?P<what>(?:all |the |our )*[^,.;?]+?) in (?:the )?order of ", r"List \g<what> sorted by "),
    (rf"\b(?:from )?(?:the )?{_NEW} (?:\w+ )?to (?:the )?{_OLD}\b", "from newest to oldest"),
    (rf"\b(?:from )?(?:the )?{_OLD} (?:\w+ )?to (?:the )?{_NEW}\b", "from oldest to newest"),
    (rf"\bfrom (?:the )?{_HIGH} to (?:the )?{_LOW} (?P<what>[a-z]+(?: [a-z]+)?){_END}",
     r"sorted by \g<what> in descending order"),
    (rf"\bfrom (?:the )?{_LOW} to (?:the )?{_HIGH} (?P<what>[a-z]+(?: [a-z]+)?){_END}",
     r"sorted by \g<what> in ascending order"),
    (rf"^(?:in|on|for|at) (?P<which>which|what) (?P<what>[a-z]+(?: [a-z]+)?)(?P<when> (?:of|in) \d{{4}})? "
     rf"(?:was|were|is|are) "
     rf"(?:the )?(?P<of>[a-z]+(?: [a-z]+)?) (?:the )?(?P<how>{_HIGH}|{_LOW}){_END}",
     r"\g<which> \g<what>\g<when> had the \g<how> \g<of>"),
    # groups
    (rf"^(?P<what>[a-z]+s (?:by|per) [^,.:;?]+)[:,;] how many (?:of each|are there|in each|each|there are){_END}",
     r"Number of \g<what>"),
    (r"\b(?P<of>(?:count|number) of [a-z]+s) (?P<by>(?:by|per) [a-z]+) (?P<that>(?:that|which|who) (?:are|were|have|"
     rf"had) [^,.:;?]+){_END}", r"\g<of> \g<that> \g<by>"),
    (r"\b(?:break|split|divide) (?:down |up )?(?P<what>(?:the )?[^,.:;?]+?) (?:down |up )?by (?P<by>[^,.:;?]+): "
     r"(?P<how>[^.;?]+)", r"\g<how> \g<what> by \g<by>"),
    (r"\b(?:break|split|divide) (?:down |up )?(?P<what>(?:the )?[^,.:;?]+?) (?:down |up )?(?:by|"
     r"per) (?P<by>[^,.:;?]+)",
     r"\g<what> by \g<by>"),
    (r"\b(?:break ?down|split) of (?P<what>(?:the )?[^,.:;?]+?) (?:by|per|across|over) ", r"number of \g<what> by "),
    (r"\bdistribution of (?P<what>(?:the )?[^,.:;?]+?) (?:by|per|across|over|among) (?:the )?(?:different )?",
     r"number of \g<what> by "),
    (rf"^how (?:does|do|did) (?P<what>(?:the )?[^,.:;?]+?) (?:vary|differ|compare|break down|split|look|"
     rf"change|develop|"
     rf"evolve|vary) (?:{_GROUPED}) (?:the )?(?:different |various )?(?P<by>[^,.:;?]+)", r"What is \g<what> "
     r"by \g<by>"),
    (r"^(?:compare|chart|plot|graph|tally) (?P<what>(?:the )?[^,.:;?]+?) (?:by|per|across|between|over|for) (?:the )?"
     r"(?:different |various )?", r"What is \g<what> by "),
    (r"\badd up (?P<what>(?:the |all )*[^,.:;?]+?)(?= by| per| for|[.?]|$)", r"total of \g<what>"),
    # time
    (r"\b(?:over|in|during) the course of\b|\bthroughout\b|\ball through\b|\b(?:during|in) (?:the )?(?:whole|"
     r"all|entirety) of\b"
     r"|\bin (?:the )?(?:calendar )?year (?=\d{4}\b)", "in "),
    (rf"^on average,? how many (?P<unit>{_UNIT}) (?:pass|passed|elapse|elapsed|go by|went by|lie|are there|"
     rf"were there|is "
     r"there|are|come) (?P<span>between .+? and .+?)(?P<end>[.?])",
     r"What is the average number of \g<unit> \g<span>\g<end>"),
    (rf"^how many (?P<unit>{_UNIT}) (?:pass|passed|elapse|elapsed|go by|went by|lie|are there|were there|"
     rf"are) on average "
     r"(?P<span>between .+? and .+?)(?P<end>[.?])", r"What is the average number of \g<unit> \g<span>\g<end>"),
    (r"\bafter (?:noon|midday)\b|\bin the (?:afternoon or evening)\b", "from 12 pm"),
    (r"\bin the afternoon\b", "between 12 pm and 6 pm"),
    (r"\bbefore (?:noon|midday)\b|\bin the morning\b", "before 12 pm"),
    (r"\bin the evening, (?=(?:at|after|from) )", ""),
    # what to show
    (rf"[.?!;] (?!(?:what|which|how|who|where|when|why|order|sort|rank|a|an|is|are|if|then|and|or)\b)"
     rf"(?P<what>[a-z]+(?: [a-z]+)?(?:, [a-z]+(?: [a-z]+)?)*,? and [a-z]+(?: [a-z]+)?){_END}", r". Return \g<what>"),
    (rf",? (?:giving|showing|returning|listing|stating|naming|"
     rf"reporting) (?P<what>[^.;?]+?){_END}", r". Return \g<what>"),
    (rf"(?<=[.?!]) (?:just|only) (?:the |their )?(?P<what>[a-z][^.;?]*?){_END}", r" Return the \g<what>"),
    (rf"(?<=[.?!]) i (?:only |just )?(?:need|want|would like|'d like) (?:only |just )?(?:the |their )?"
     rf"(?P<what>[a-z][^.;?]*?){_END}", r" Return the \g<what>"),
    (rf"(?<=[.?!]) (?P<what>[a-z][a-z ,]*?) (?:only|please|will do|is enough|are enough|suffices?){_END}",
     r" Return the \g<what>"),
    (rf"\b(?P<show>{_SHOW}) (?:me )?(?:just|only) (?=the |their |its |a )", r"\g<show> "),
    (r"(?P<end>[.?]) (?:add|attach|append|mention|name) (?=the |their |its )", r"\g<end> Return "),
    (rf",? and what (?:is|was|are|were) (?:it|that|they){_END}", ""),
    (r"\b(?:positive|negative|neutral|good|bad|high|low|poor|great|big|small|large|long|short) "
     r"(?=[a-z]+s \([a-z_ ]+? ?[<>=!])",
     ""),
    (r"\b(?P<who>(?:gmail|yahoo|hotmail|outlook|icloud)(?: (?:or|and) (?:a )?[a-z]+)?) "
     r"(?:address(?:es)?|account|accounts)\b",
     r"\g<who> email address"),
    (rf",? and (?:also )?how (?:many|much)(?: (?:is|was|are|were) (?:it|that|they)| (?:did|do|does|has|"
     rf"have) (?:it|they|"
     rf"he|she) [a-z]+| of them)?{_END}", ""),
    (r",? (?:without|with no) (?:any )?repetitions?\b|,? without repeating (?:any|them|any of them)\b|"
     r",? (?:each|every) "
     r"(?:\w+ )?(?:only once|just once|once only)\b", " without duplicates"),
    (rf"\b(?P<show>{_SHOW}) (?:each|every) (?P<what>[^,.;?]+?) (?:only |just )?once(?: only)?{_END}",
     r"\g<show> the \g<what> without duplicates"),
    # conditions
    (r"\b(?P<than>than|over|under|above|below|least|most|exceeding) an? "
     r"(?P<unit>hour|minute|day|week|month|year)\b(?! ago)",
     r"\g<than> 1 \g<unit>"),
    (r",? (?:leaving out|leaving aside|not counting|not including|disregarding|ignoring|omitting|skipping|"
     r"discounting) "
     r"(?=[a-z])", " excluding "),
    (r",? (?:counting|considering|including|taking|looking at|regarding|"
     r"using) only (?P<what>[^,.;?]+)", r" for \g<what>"),
    (r",? (?:counting|considering|including|taking|looking at|regarding|using) (?P<what>[a-z]+ [a-z]+) only",
     r" for \g<what>"),
    (r",? (?:restricted|limited|confined) to (?P<what>[^,.;?]+)", r" for \g<what>"),
    (r"\b(?:through|via|by way of|by means of) (?=(?:the |each |every |which )?[a-z])", "by "),
    (r"\b(?:each|every) of (?:the|our) (?P<noun>[a-z]+)s\b", r"each \g<noun>"),
    (r"\bamount to\b|\badd up to\b|\bcome to\b", "total"),
)  # fmt: skip

# Only where a column is called an amount.
_MONEY: tuple[tuple[str, _Instead], ...] = (
    (r"\bmost (?P<noun>[a-z]+ )?money\b", r"highest total \g<noun>amount"),
    (r"\b(?!(?:much|how|of|any|more|less|the|some|no|little)\b)(?P<noun>[a-z]+) money\b", r"\g<noun> amount"),
    (r"\b(?:the )?money (?=[a-z]+(?:ed|ght|id|nt)\b)", "the amount "),
)
_AVERAGED = re.compile(
    r"\b(?P<how>average|mean|median) (?P<noun>[a-z]+)"
    r"(?=\s*(?:[.?!,]|$)| (?:by|per|for|in|of|from|to|last|this|on|made|across|and|during|since)\b)",
    re.IGNORECASE,
)
_EXTREME = re.compile(r"(?i)\b(?P<how>highest|lowest|largest|smallest|biggest) (?P<noun>[a-z]+)(?=\s*(?:[.?!,]|$))")
_LISTS = re.compile(
    r"(?i)^(?P<noun>[a-z]+s|[a-z]+ [a-z]+s)(?: [a-z]+(?:ed|ught|ld|nt|en))? (?=.*\b(?:by|per|for each)\b)"
)
_QUOTED = re.compile(r"""("[^"]*"|(?<!\w)'[^']*'(?!\w))""")


def rephrased(
    question: str,
    is_table: Callable[[str], bool],
    amounts: bool = False,
    amount_of: Callable[[str], str | None] | None = None,
) -> Iterator[str]:
    """Plainer wordings of a question, likeliest first; nothing when no rule changes it.

    Args:
        is_table: whether a plural noun names a table.
        amounts: whether there is a column that is called an amount.
        amount_of: what the one amount of money of the rows is called that a noun names.
    """
    plain = " ".join(_plain(part, amounts) if at % 2 == 0 else part for at, part in enumerate(_QUOTED.split(question)))
    plain = re.sub(r"\s+([.,;?!])", r"\1", " ".join(plain.split()))
    if amount_of is not None:
        plain = _AVERAGED.sub(lambda found: _of_money(found, amount_of), plain)
        plain = _EXTREME.sub(lambda found: _with_money(found, amount_of), plain)
    if question[:1].isupper():
        plain = plain[:1].upper() + plain[1:]
    if plain != question:
        yield plain
    listed = _LISTS.match(plain)
    if listed is not None and is_table(listed["noun"].lower()):
        yield f"Number of {plain[:1].lower()}{plain[1:]}"


def _of_money(found: re.Match[str], amount_of: Callable[[str], str | None]) -> str:
    """ "average gift" is the average amount of gifts."""
    amount = amount_of(found["noun"])
    return f"{found['how']} {found['noun']} {amount}" if amount is not None else found[0]


def _with_money(found: re.Match[str], amount_of: Callable[[str], str | None]) -> str:
    """ "the highest gifts" are the gifts with the highest amount."""
    amount = amount_of(found["noun"])
    return f"{found['noun']} with the {found['how']} {amount}" if amount is not None else found[0]


def _plain(text: str, amounts: bool) -> str:
    for pattern, instead in (*_RULES, *(_MONEY if amounts else ())):
        text = re.sub(pattern, instead, text, flags=re.IGNORECASE)
    return text
