"""Operator words as data: which phrases count, add up, compare, group, rank, negate."""

from __future__ import annotations

_PHRASES: dict[str, str] = {
    "count": (
        "count|how many|number of|no of|no. of|numbers of|count of|count the|total number of|"
        "total count of|count number of|quantity of rows"
    ),
    "how much": "how much",
    "sum": "total|sum|sum of|combined|total sum of|total of",
    "avg": "average|mean|avg|average of|mean of|on average",
    "median": "median",
    "running": (
        "running total of|running total|running sum of|running sum|running count of|cumulative|"
        "cumulative sum of|"
        "cumulative total of|accumulated|rolling total of|rolling sum of|running totals of"
    ),
    "moving": "moving average of|moving average|rolling average of|rolling average|moving averages of",
    "stddev": "standard deviation|standard deviation of|stddev|std dev",
    "variance": "variance|variance of|variance in",
    "min": "minimum|min",
    "max": "maximum|max",
    "harmless": (
        "would like|i would like|i'd like|we would like|we'd like|"
        "right now|at the moment|as of now|so far|by any chance|these days|in the database|in our database|for me|"
        "counting only|considering only|only counting|including only|"
        "across all|across all the|across all of the|just now|in euros|in dollars|in eur|in usd|to date|"
        "very|in detail|as a date|"
        "one or another"
    ),
    "each": (
        "every|for each|of every|in each|of each|each|per|for every|by each|from each|at each|within each|"
        "on each|to each|with each|each of the|vary across|vary across different|varies across|"
        "vary across the different|"
        "vary by|varies by|vary among|differ across|differ by|across different|across the different|for different|"
        "for the different|differ between different|vary between different"
    ),
    "by": ("by|grouped by|group by|broken down by|split by|according to|group the results by|grouped per|per each"),
    "top": "top|bottom",
    "in terms of": "in terms of|based on|ranked by|measured by|when ranked by|judged by|as measured by",
    "order by": (
        "ordered by|sorted by|sort by|order by|order the results by|sort the results by|"
        "order results by|sort results by|order them by|sort them by|in order of|arranged by|"
        "list them by|order the result by|sort the result by|ordering by"
    ),
    "descending": (
        "descending|desc|in descending order|from highest to lowest|highest to lowest|from high to low|"
        "highest first|largest first|biggest first|from most to least|newest first|latest first|"
        "most recent first|from best to worst|in decreasing order|from largest to smallest|"
        "most expensive first|in descending order of|in reverse alphabetical order|"
        "reverse alphabetical order|"
        "reverse alphabetically|in reverse order|from z to a|from most expensive to cheapest|"
        "from the most expensive to the cheapest|from newest to oldest|from latest to earliest|"
        "from hardest to easiest|hardest to easiest|from strongest to weakest|from fastest to slowest|"
        "from longest to shortest|from heaviest to lightest|from tallest to shortest|from best to worst|"
        "from most recent to oldest|from the highest to the lowest|youngest first|"
        "from youngest to oldest|from the largest to the smallest|descending order|from newest to oldest|"
        "starting from the best|starting with the highest"
    ),
    "ascending": (
        "ascending|asc|in ascending order|from lowest to highest|lowest to highest|from low to high|"
        "lowest first|smallest first|oldest first|earliest first|cheapest first|from least to most|"
        "in increasing order|alphabetically|in alphabetical order|from smallest to largest|"
        "from oldest to newest|from oldest to youngest|from a to z|from cheapest to most expensive|"
        "from the lowest to the highest|"
        "from the cheapest to the most expensive|from earliest to latest|from oldest to most recent|"
        "in chronological order|chronologically|in calendar order|calendar order|"
        "in ascending order of|"
        "ascending order|alphabetical order"
    ),
    "not": (
        "not|no|never|without|non|isn't|aren't|wasn't|weren't|don't|doesn't|didn't|haven't|hasn't|"
        "hadn't|do not|does not|did not|have not|has not|have never|has never|were never|was never|"
        "are not|is not|were not|was not|have no|has no|with no|had no|haven't been|hasn't been|"
        "have not been|has not been|lacking|lack|lacks|do not have|does not have|did not have|"
        "don't have|doesn't have|didn't have|zero|have never been|has never been|never been|not yet|"
        "have yet to|has yet to|had not|neither|is neither|are neither|have neither|nor|with zero|have zero|has zero|"
        "do not have any|does not have any|"
        "have not made any|without any|cannot|have no known|has no known|with no known|without a known|had no known"
    ),
    "except": (
        "except|excluding|other than|except for|apart from|but not|outside|outside of|aside from|besides|rather than"
    ),
    "or": "or|either",
    "and": "and|but|although|though|even though|as well as|along with|plus|together with|and also|both",
    "percent": (
        "percentage of|percent of|what percentage of|what percent of|share of|proportion of|fraction of|"
        "% of|percentage|percent|percentage share of|percentages of|relative share of"
    ),
    "percent of": (
        "as a percentage of|as a percent of|as a share of|as a fraction of|as a proportion of|as percentage of"
    ),
    "ratio": "ratio of|ratio between|ratio",
    "out of": "out of",
    "distinct": "distinct|different|unique",
    "starts": "starting with|start with|starts with|begin with|begins with|beginning with|started with",
    "ends": "ending with|end with|ends with|ending in|ends in|end in",
    "contains": (
        "containing|contain|contains|that include the word|including the word|that mention|mentioning|"
        "like|with the word|includes the word|include the word|includes the text|include the text|"
        "has the word|have the word|includes the letter|include the letter|has the letter|have the letter|"
        "with the letter|mentions|includes the string|matching|matches"
    ),
    "named": "named|called|titled|with the name|with name|whose name is|by the name of|with the title",
    "null": (
        "missing|is null|are null|null|empty|blank|unspecified|not set|not specified|is unknown|unknown|not known|"
        "is not known|are not known|are unknown|isn't known|not recorded|is not recorded|not given"
    ),
    "over": (
        "more than|over|above|greater than|higher than|larger than|exceeding|exceeds|exceed|bigger than|"
        "longer than|>|strictly more than|heavier than|taller than|more expensive than|costlier than|"
        "in excess of|exceeded|upwards of"
    ),
    "at least": (
        "at least|>=|no less than|not less than|no fewer than|minimum of|a minimum of|at minimum|"
        "greater than or equal to"
    ),
    "under": (
        "less than|under|below|fewer than|lower than|smaller than|<|shorter than|cheaper than|"
        "lighter than|less expensive than"
    ),
    "at most": "at most|<=|no more than|not more than|maximum of|a maximum of|up to|less than or equal to",
    "exactly": "exactly|equal to|equals|equal|=|==|precisely",
    "unequal": "!=|<>|not equal to",
    "range": "between",
    "most common": (
        "most common|most frequent|most used|most frequently used|most commonly used|commonest|"
        "most popular|most frequently"
    ),
    "least common": "least common|least frequent|least used|least popular|rarest",
    "more suffix": "or more|or higher|or above|or greater|and above|and over|or over|or better|and up",
    "less suffix": "or less|or fewer|or lower|or below|and below|and under|or under",
    "most": (
        "most|most often|greatest number of|highest number of|largest number of|biggest number of|"
        "maximum number of|most number of|highest count of"
    ),
    "least": ("fewest|least|lowest number of|smallest number of|minimum number of|least number of|lowest count of"),
    "highest": "highest|greatest|largest|biggest",
    "lowest": "lowest|smallest",
    "in total": "in total|altogether|at all",
}

_ORDERED = ("", "ordered ", "sorted ", "ranked ", "listed ")

CUES: dict[str, str] = {
    lead + phrase: cue
    for cue, phrases in _PHRASES.items()
    for phrase in phrases.split("|")
    for lead in (_ORDERED if cue in ("descending", "ascending") else ("",))
}

LONGEST_CUE = max(len(phrase.split()) for phrase in CUES)

# Adjectives that rank by a property: direction and the words of columns that hold it, best first.
PROPERTY_SUPERLATIVES: dict[str, tuple[str, str]] = {
    "hardest": ("desc", "difficulty"),
    "easiest": ("asc", "difficulty"),
    "most difficult": ("desc", "difficulty"),
    "most expensive": ("desc", "price cost rate fee amount"),
    "priciest": ("desc", "price cost rate fee amount"),
    "costliest": ("desc", "cost price amount"),
    "highest priced": ("desc", "price"),
    "lowest priced": ("asc", "price"),
    "least expensive": ("asc", "price cost rate fee amount"),
    "cheapest": ("asc", "price cost rate fee amount"),
    "latest": ("desc", "@event"),
    "newest": ("desc", "@event"),
    "most recent": ("desc", "@event"),
    "most recently": ("desc", "@event"),
    "earliest": ("asc", "@event"),
    "last": ("desc", "@event"),
    "first": ("asc", "@event"),
    "oldest": ("asc", "@age"),
    "youngest": ("desc", "@age"),
    "longest": ("desc", "duration length runtime minute page distance hour"),
    "shortest": ("asc", "duration length runtime minute page distance hour"),
    "fastest": ("desc", "speed velocity"),
    "slowest": ("asc", "speed velocity"),
    "deepest": ("desc", "depth"),
    "shallowest": ("asc", "depth"),
    "widest": ("desc", "width"),
    "narrowest": ("asc", "width"),
    "hottest": ("desc", "temperature"),
    "warmest": ("desc", "temperature"),
    "coldest": ("asc", "temperature"),
    "farthest": ("desc", "distance"),
    "furthest": ("desc", "distance"),
    "nearest": ("asc", "distance"),
    "closest": ("asc", "distance"),
    "most valuable": ("desc", "value worth price"),
    "least valuable": ("asc", "value worth price"),
    "most experienced": ("desc", "experience"),
    "least experienced": ("asc", "experience"),
    "most delayed": ("desc", "delay"),
    "least delayed": ("asc", "delay"),
    "strongest": ("desc", "strength power force"),
    "weakest": ("asc", "strength power force"),
    "loudest": ("desc", "loudness noise volume decibel"),
    "quietest": ("asc", "loudness noise volume decibel"),
    "wettest": ("desc", "rain rainfall precipitation"),
    "rainiest": ("desc", "rain rainfall precipitation"),
    "windiest": ("desc", "wind"),
    "sunniest": ("desc", "sun sunshine"),
    "steepest": ("desc", "slope gradient"),
    "most powerful": ("desc", "power"),
    "most populous": ("desc", "population"),
    "least populous": ("asc", "population"),
    "most spacious": ("desc", "area size"),
    "most profitable": ("desc", "profit margin"),
    "dearest": ("desc", "price cost rate fee amount"),
    "most costly": ("desc", "price cost rate fee amount"),
    "least costly": ("asc", "price cost rate fee amount"),
    "earliest hired": ("asc", "@event"),
    "roomiest": ("desc", "capacity seat area size"),
    "thickest": ("desc", "thickness"),
    "thinnest": ("asc", "thickness"),
    "heaviest": ("desc", "weight"),
    "lightest": ("asc", "weight"),
    "tallest": ("desc", "height"),
    "largest": ("desc", "@size"),
    "biggest": ("desc", "@size"),
    "smallest": ("asc", "@size"),
    "highest rated": ("desc", "@rating"),
    "best rated": ("desc", "@rating"),
    "top rated": ("desc", "@rating"),
    "lowest rated": ("asc", "@rating"),
    "worst rated": ("asc", "@rating"),
    "highest paid": ("desc", "salary wage pay"),
    "best paid": ("desc", "salary wage pay"),
    "lowest paid": ("asc", "salary wage pay"),
}

# Words for money that came in: nothing in a schema is called so, usually.
MONEY_CONCEPTS = {
    "revenue": "revenue", "turnover": "revenue", "sale": "revenue", "earnings": "revenue", "spend": "revenue",
    "spent": "revenue", "spending": "revenue", "sale revenue": "revenue", "sale amount": "revenue",
    "total sale": "revenue",
    "order value": "order value", "basket size": "order value", "order total": "order value",
    "purchase value": "order value",
    "order amount": "order value", "value of order": "order value", "basket value": "order value",
    "sale value": "revenue", "income": "revenue", "proceed": "revenue",
}  # fmt: skip

UNIT_CONCEPTS = {
    "unit sold": "units",
    "unit": "units",
    "quantity sold": "units",
    "item sold": "units",
    "copy sold": "units",
    "piece sold": "units",
}

BUCKETS = {
    "day": "day", "daily": "day", "date": "day", "week": "week", "weekly": "week", "month": "month", "monthly": "month",
    "quarter": "quarter", "quarterly": "quarter", "year": "year", "yearly": "year", "annual": "year",
    "annually": "year",
    "hour": "hour", "hourly": "hour", "calendar month": "month", "calendar week": "week", "calendar year": "year",
    "day of the week": "weekday", "day of week": "weekday", "weekday": "weekday",
    "hour of the day": "hour of day", "hour of day": "hour of day",
}  # fmt: skip

ADJECTIVE_BUCKETS = frozenset({"daily", "weekly", "monthly", "quarterly", "yearly", "annual", "annually", "hourly"})

COMPARISONS = {"over": ">", "at least": ">=", "under": "<", "at most": "<=", "exactly": "=", "unequal": "<>"}
