"""Countries and US states, with the codes and adjectives people use for them."""

from __future__ import annotations

# name | two letters | three letters | other names and adjectives
_COUNTRIES = """
United States|US|USA|america,american,united states of america,u.s.,u.s.a.,the states
United Kingdom|GB|GBR|uk,u.k.,britain,great britain,british,england
Germany|DE|DEU|german,deutschland
France|FR|FRA|french
Spain|ES|ESP|spanish
Italy|IT|ITA|italian
Portugal|PT|PRT|portuguese
Netherlands|NL|NLD|dutch,holland,the netherlands
Belgium|BE|BEL|belgian
Luxembourg|LU|LUX|
Switzerland|CH|CHE|swiss
Austria|AT|AUT|austrian
Poland|PL|POL|polish
Czech Republic|CZ|CZE|czechia,czech
Slovakia|SK|SVK|slovak
Hungary|HU|HUN|hungarian
Romania|RO|ROU|romanian
Bulgaria|BG|BGR|bulgarian
Greece|GR|GRC|greek
Turkey|TR|TUR|turkish,türkiye
Sweden|SE|SWE|swedish
Norway|NO|NOR|norwegian
Denmark|DK|DNK|danish
Finland|FI|FIN|finnish
Ireland|IE|IRL|irish
Iceland|IS|ISL|icelandic
Ukraine|UA|UKR|ukrainian
Russia|RU|RUS|russian
Estonia|EE|EST|estonian
Latvia|LV|LVA|latvian
Lithuania|LT|LTU|lithuanian
Croatia|HR|HRV|croatian
Slovenia|SI|SVN|slovenian
Serbia|RS|SRB|serbian
Canada|CA|CAN|canadian
Mexico|MX|MEX|mexican
Brazil|BR|BRA|brazilian
Argentina|AR|ARG|argentinian,argentine
Chile|CL|CHL|chilean
Colombia|CO|COL|colombian
Peru|PE|PER|peruvian
China|CN|CHN|chinese
Japan|JP|JPN|japanese
South Korea|KR|KOR|korea,korean
India|IN|IND|indian
Indonesia|ID|IDN|indonesian
Singapore|SG|SGP|singaporean
Malaysia|MY|MYS|malaysian
Thailand|TH|THA|thai
Vietnam|VN|VNM|vietnamese
Philippines|PH|PHL|filipino
Taiwan|TW|TWN|taiwanese
Hong Kong|HK|HKG|
Australia|AU|AUS|australian
New Zealand|NZ|NZL|
South Africa|ZA|ZAF|south african
Nigeria|NG|NGA|nigerian
Kenya|KE|KEN|kenyan
Egypt|EG|EGY|egyptian
Morocco|MA|MAR|moroccan
Israel|IL|ISR|israeli
Saudi Arabia|SA|SAU|saudi
United Arab Emirates|AE|ARE|uae,emirates
Pakistan|PK|PAK|pakistani
"""

_STATES = """
Alabama|AL Alaska|AK Arizona|AZ Arkansas|AR California|CA Colorado|CO Connecticut|CT Delaware|DE Florida|FL Georgia|GA
Hawaii|HI Idaho|ID Illinois|IL Indiana|IN Iowa|IA Kansas|KS Kentucky|KY Louisiana|LA Maine|ME Maryland|MD
Massachusetts|MA Michigan|MI Minnesota|MN Mississippi|MS Missouri|MO Montana|MT Nebraska|NE Nevada|NV
New_Hampshire|NH New_Jersey|NJ New_Mexico|NM New_York|NY North_Carolina|NC North_Dakota|ND Ohio|OH Oklahoma|OK
Oregon|OR Pennsylvania|PA Rhode_Island|RI South_Carolina|SC South_Dakota|SD Tennessee|TN Texas|TX Utah|UT Vermont|VT
Virginia|VA Washington|WA West_Virginia|WV Wisconsin|WI Wyoming|WY
"""


def countries() -> list[frozenset[str]]:
    """For each country all lower-case ways to write it."""
    found = []
    for line in _COUNTRIES.strip().splitlines():
        name, two, three, others = line.split("|")
        names = {name, two, three, *others.split(",")} - {""}
        found.append(frozenset(one.lower() for one in names))
    return found


def us_states() -> list[frozenset[str]]:
    """For each US state its lower-case name and code."""
    return [frozenset(pair.lower().replace("_", " ").split("|")) for pair in _STATES.split()]
