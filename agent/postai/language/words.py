"""Singulars and stems of English words, small and predictable rather than complete."""

from __future__ import annotations

from functools import lru_cache

_IRREGULAR = {
    "people": "person", "ids": "id", "ssns": "ssn", "men": "man", "women": "woman", "children": "child",
    "feet": "foot", "mice": "mouse",
    "analyses": "analysis", "diagnoses": "diagnosis", "criteria": "criterion", "indices": "index", "data": "data",
    "series": "series", "species": "species", "news": "news", "staff": "staff", "status": "status",
    "statuses": "status", "address": "address", "addresses": "address", "bus": "bus", "buses": "bus",
    "movies": "movie", "cookies": "cookie", "ties": "tie", "lies": "lie", "pies": "pie", "zombies": "zombie",
    "shoes": "shoe", "wolves": "wolf", "shelves": "shelf", "lives": "life", "wives": "wife", "knives": "knife",
    "leaves": "leaf", "halves": "half", "loaves": "loaf", "lens": "lens", "gas": "gas", "yes": "yes", "this": "this",
    "is": "is", "was": "was", "has": "has", "does": "does", "its": "its", "as": "as", "us": "us", "plus": "plus",
    "minus": "minus", "bonus": "bonus", "bonuses": "bonus", "campus": "campus", "previous": "previous",
    "bases": "base", "databases": "database", "phases": "phase", "purchases": "purchase", "releases": "release",
    "cases": "case", "leases": "lease", "expenses": "expense", "licenses": "license", "licences": "licence",
    "courses": "course", "houses": "house", "warehouses": "warehouse", "nurses": "nurse", "causes": "cause",
    "responses": "response", "prices": "price", "invoices": "invoice", "services": "service", "devices": "device",
    "offices": "office", "places": "place", "sizes": "size", "prizes": "prize", "quizzes": "quiz", "quiz": "quiz",
    "heroes": "hero", "potatoes": "potato", "axes": "axis", "less": "less", "always": "always", "perhaps": "perhaps",
    "sales": "sale",
    "skus": "sku", "menus": "menu", "goods": "goods", "details": "detail", "always ": "always", "unless": "unless",
}  # fmt: skip

_STEM_ENDINGS = (
    ("ations", ""), ("ation", ""), ("itions", "it"), ("ition", "it"), ("ments", ""), ("ment", ""), ("ings", ""),
    ("ing", ""), ("ied", "y"), ("ies", "y"), ("eed", "eed"), ("ed", ""), ("eries", "er"), ("ery", "er"),
    ("ful", ""), ("als", ""), ("al", ""), ("ers", ""),
)  # fmt: skip

_STEM_IRREGULAR = {
    "bought": "buy", "sold": "sell", "sale": "sell", "sales": "sell", "paid": "pay", "spent": "spend",
    "made": "make", "sent": "send", "written": "write", "wrote": "write", "taken": "take", "took": "take",
    "given": "give", "gave": "give", "won": "win", "lost": "lose", "left": "leave", "taught": "teach",
    "built": "build", "held": "hold", "born": "birth", "began": "begin", "begun": "begin", "seen": "see",
    "subscription": "subscrib", "subscriptions": "subscrib", "subscribed": "subscrib", "subscribe": "subscrib",
    "prescription": "prescrib", "prescriptions": "prescrib", "prescribed": "prescrib", "prescribe": "prescrib",
    "delivery": "deliver", "deliveries": "deliver", "order": "order", "orders": "order", "ordered": "order",
    "category": "category", "categories": "category", "hospital": "hospital", "total": "total", "manager": "manager",
    "customer": "customer", "user": "user", "member": "member", "number": "number", "payment": "pay",
    "borrower": "borrower", "supplier": "supplier", "employer": "employer", "animal": "animal", "journal": "journal",
    "during": "during", "thing": "thing", "king": "king", "ring": "ring", "rating": "rating", "building": "building",
    "meeting": "meeting", "listing": "listing", "shed": "shed", "red": "red", "bed": "bed", "need": "need",
    "speed": "speed", "feed": "feed", "seed": "seed", "open": "open", "opened": "open", "opening": "open",
    "insurance": "insur", "insurances": "insur", "insured": "insur", "uninsured": "uninsur", "renewal": "renew",
    "complaint": "complain", "complaints": "complain",
    "purchase": "purchas", "graduation": "graduat", "graduate": "graduat", "graduates": "graduat",
    "admission": "admit", "admissions": "admit", "admitted": "admit", "withdrawal": "withdraw", "payer": "pay",
    "choice": "choose", "chosen": "choose", "chose": "choose", "growth": "grow", "weight": "weigh", "flight": "fly",
    "flew": "fly", "flown": "fly", "loss": "lose", "met": "meet", "ran": "run", "drove": "drive",
    "driven": "drive", "broke": "break", "broken": "break", "hit": "hit", "caught": "catch", "stolen": "steal",
    "stole": "steal", "rejection": "reject", "inspection": "inspect", "selection": "select", "infection": "infect",
    "injection": "inject", "detection": "detect", "election": "elect", "submission": "submit", "extension": "extend",
    "submissions": "submit", "inspections": "inspect", "rejections": "reject",
    "chief": "chief", "belief": "believ", "proof": "prov",
    "approval": "approv", "refusal": "refus", "arrival": "arriv",
}  # fmt: skip


def singular(word: str) -> str:
    """The singular of a lower-case noun; other words come back unchanged or slightly shortened, always the same way."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "xes", "sses", "zzes")):
        return word[:-2]
    return word[:-1]


def is_plural(word: str) -> bool:
    """Whether the lower-case word is written as a plural."""
    return singular(word) != word


@lru_cache(maxsize=1 << 14)  # the words of a catalog come again and again
def stem(word: str) -> str:
    """A crude stem: "cancelled", "cancellation" and "canceled" give the same; so do "shipment" and "shipped"."""
    if word in _STEM_IRREGULAR:
        return _STEM_IRREGULAR[word]
    base = singular(word)
    if base in _STEM_IRREGULAR:
        return _STEM_IRREGULAR[base]
    for ending, instead in _STEM_ENDINGS:
        if base.endswith(ending) and len(base) - len(ending) + len(instead) >= 3:
            base = base[: -len(ending)] + instead
            break
    if len(base) > 3 and base[-1] == base[-2] and base[-1] not in "aeiosz":
        base = base[:-1]
    if len(base) > 3 and base.endswith("e"):
        base = base[:-1]
    return base
