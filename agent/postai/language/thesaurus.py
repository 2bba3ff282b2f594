"""Nouns that mean nearly the same: a broad list of English, one group a line, for words that name nothing themselves.

Weaker than the business synonyms of vocabulary.py. A word of a group is read as another word of it only where exactly
one table or column of a catalog is called so. No schema is known here. Left out are words that mean another thing as
often as not: units (of what is sold), states (of a country), price and cost (of the same thing), amounts and numbers.
"""

from __future__ import annotations

_GROUPS = """
    customer client buyer shopper purchaser consumer patron clientele
    guest visitor lodger
    employee staff worker personnel colleague staffer
    doctor physician medic practitioner
    vet veterinarian veterinary
    lawyer attorney solicitor advocate counsel
    teacher instructor professor lecturer tutor educator trainer
    coach trainer
    student pupil learner trainee
    author writer
    author researcher scientist scholar
    driver chauffeur courier
    player athlete sportsman footballer
    member subscriber
    tenant renter lessee
    landlord lessor
    policyholder insured
    donor giver contributor benefactor
    applicant candidate
    agent broker realtor
    manager boss supervisor superior
    seller vendor merchant trader
    supplier vendor provider
    artist musician performer singer
    child kid
    attendee participant delegate
    resident inhabitant
    passenger traveller traveler
    judge referee umpire
    technician mechanic repairman
    chef cook
    reviewer critic
    sponsor backer
    farmer grower
    car vehicle automobile auto motorcar
    truck lorry van
    bike bicycle cycle
    ship vessel boat
    plane aircraft airplane aeroplane jet airliner
    house home property dwelling
    flat apartment condo
    room chamber
    store shop outlet branch
    warehouse depot storehouse
    restaurant diner eatery
    dish meal
    school college
    lesson lecture class
    exam test examination
    grade mark score
    book title
    movie film
    song track tune
    game match fixture
    team club side squad
    tournament competition contest
    stadium venue arena ground
    country nation land
    city town municipality
    region zone district territory
    street road
    animal pet creature
    medicine drug medication
    disease illness diagnosis sickness ailment
    treatment therapy
    operation surgery procedure
    hospital clinic
    appointment visit consultation
    bill invoice
    payment payout remittance disbursement
    fee charge
    fine penalty
    salary pay wage compensation remuneration
    discount rebate reduction markdown
    cost expense expenditure outlay
    tax vat duty
    income earning
    order purchase
    shipment consignment delivery
    parcel package packet
    item product article good merchandise ware
    stock inventory
    genre style
    brand make
    maker manufacturer producer
    colour color hue
    weight mass
    width breadth
    capacity seat
    speed velocity
    distance mileage
    duration length runtime
    birthday birthdate dob
    gender sex
    nationality citizenship country
    language tongue
    religion faith
    email mail
    phone telephone mobile
    website homepage url
    zip postcode
    priority urgency
    score rating mark
    rating star
    comment remark note
    description summary
    title heading headline name
    subject topic theme
    reason cause motive
    result outcome
    event occasion happening
    job task assignment
    job occupation profession
    project undertaking
    department division
    company firm organisation organization business enterprise corporation employer
    contract agreement
    lease tenancy
    insurance policy
    trip journey ride
    station stop
    booking reservation
    inspection check examination
    repair fix
    incident accident mishap
    crime offence offense felony
    alarm alert warning
    device gadget appliance apparatus
    sensor probe
    reading measurement observation
    document paper
    photo picture image photograph
    video clip
    article story
    vote ballot
    survey questionnaire poll
    answer reply response
    channel medium
    premium contribution
    start beginning
    end finish
    nickname alias
    surname lastname
    forename firstname
    chapter section
    dataset collection
    gift donation contribution
    operator worker
    owner client proprietor holder
    pet patient animal
    goal target
    reward prize award
    backer supporter funder
    subscriber customer
    stoppage downtime
    fault defect
    grant subsidy
    workshop seminar
    talk presentation lecture speech
    paper submission manuscript
    affiliation institution
    grape variety
    winery vineyard producer
    payout payment
    broker agent
    tariff plan
    allowance quota
    dealer reseller
    teacher coach
    plate registration
    mileage odometer
    fuel petrol gas
    engine motor
    tournament event
    membership subscription
    rent rental
    tip gratuity
    tonnage ton
    wine bottle
    allergy allergen
    shelf rack
    barcode ean
    coupon voucher
    refund reimbursement
    listener user
    follower fan
    hashtag tag
    semester term
    faculty school
    scholarship bursary stipend
    dormitory dorm hostel
    exhibit exhibition
    painting artwork
    goal objective
    dose dosage
    breed race
    crop harvest
    field plot
    machine equipment
    tool instrument
    defect fault
    branch office
    """

GROUPS: tuple[frozenset[str], ...] = tuple(frozenset(line.split()) for line in _GROUPS.strip().splitlines())
