"""What names of tables and columns are made of: words, short forms of words, and acronyms. No schema is known here."""

from __future__ import annotations

from postai.language.word_set import word_set

_SHORT_FORMS = """
    acct account; addl additional; addr address; adm admission; amt amount; appr approval; appt appointment;
    attr attribute; avg average; bal balance; bd board; bkg booking; bldg building; cat category; ccy currency;
    cd code; cert certification; chan channel; chkin checkin; ci checkin; cnt count; comm commission; ctry
    country; cust customer; del delivery; dept department; desc description; descr description; diag diagnosis;
    disc discount; dist district; dob date of birth; doc doctor; dos dosage; dt date; dur duration; emp
    employee; enr enrollment; est estimated; evt event; exp expiry; flt flight; fname first name; freq
    frequency; gpa gpa; grp group; hr hour; hrs hours; img image; info info; ins insurance; instr instructor;
    inv invoice; lang language; lat latitude; lname last name; lng longitude; loc location; lon longitude; max
    maximum; med medication; mfr manufacturer; mgr manager; min minimum; mo month; msg message; mth month; nbr
    number; nm name; no number; notif notification; num number; ord order; org organization; orig origin; pax
    passenger; payt payment; pct percent; perc percent; pkg package; pmt payment; pos position; prc price; prev
    previous; prio priority; prod product; proj project; pt patient; qtr quarter; qty quantity; quant quantity;
    rcv received; rec record; ref reference; reg registration; req requirement; res reservation; rt rate; sal
    salary; sched scheduled; sec second; seq sequence; sess session; stat status; std standard; stmt statement;
    sts status; sub subscription; subj subject; supp supplier; svc service; tel telephone; temp temperature; tkt
    ticket; tot total; trans transaction; ts timestamp; tx transaction; txn transaction; typ type; upd updated;
    usr user; val value; vol volume; wh warehouse; whse warehouse; wk week; wt weight; yr year; zip zip;
    flg flag; rdg reading; beg begin; arr arrival; dep departure; len length; lvl level
    """

ABBREVIATIONS: dict[str, tuple[str, ...]] = {
    short: tuple(words) for short, *words in (entry.split() for entry in _SHORT_FORMS.split(";"))
}

# Short forms that people say as they are written; they stand for no other word.
ACRONYMS = word_set("""
    act api app bic bmi cm cpu css dna eta eur faq gb gbp gdp gpa gps gpu hdl hiv hq iata iban icao id imei ip
    isbn iso issn kg km kpi ldl led mac mb mba mg ml mm mpg mri nps oem os pdf pin pos ram roi rpm sat sku sla
    sms sql ssd ssn tax tv ui upc url usb usd uuid vat vin vip www xml zip
    """)

# Words a folded identifier ("unitprice") may be made of; the words of the catalog itself are added to them.
IDENTIFIER_WORDS = word_set("""
    account action active activity actual address admin age agent aggregate album alert allow amount annual
    answer appointment approval area article artist asset assigned attendance attribute audit author available
    average award back balance bank base batch begin bill billing birth block board book booking born branch
    brand budget build building built business buyer calendar call campaign cancel capacity card care carrier cart
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
