"""Where well-known regions of clouds lie, to about a tenth of a degree: the town that the provider names.

Facts: the providers' public lists of regions. A region that is called otherwise has no place here; its people still
find it in the tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """A town: degrees north and east."""

    town: str
    latitude: float
    longitude: float


_TOWNS: Mapping[str, tuple[float, float]] = {
    "Amsterdam": (52.4, 4.9), "Ashburn": (39.0, -77.5), "Atlanta": (33.7, -84.4), "Auckland": (-36.8, 174.8),
    "Bahrain": (26.1, 50.6), "Bangalore": (13.0, 77.6), "Bangkok": (13.8, 100.5), "Belgium": (50.5, 3.8),
    "Berlin": (52.5, 13.4), "Bogota": (4.7, -74.1), "Boston": (42.4, -71.1), "Bucharest": (44.4, 26.1),
    "Calgary": (51.0, -114.1), "Cape Town": (-33.9, 18.4), "Chennai": (13.1, 80.3), "Chicago": (41.9, -87.6),
    "Columbus": (40.0, -83.0), "Dallas": (32.8, -96.8), "Dammam": (26.4, 50.1), "Delhi": (28.6, 77.2),
    "Denver": (39.7, -105.0), "Des Moines": (41.6, -93.6), "Doha": (25.3, 51.5), "Dubai": (25.2, 55.3),
    "Dublin": (53.3, -6.3), "Falkenstein": (50.5, 12.4), "Frankfurt": (50.1, 8.7), "Gävle": (60.7, 17.1),
    "Hamina": (60.6, 27.2), "Helsinki": (60.2, 24.9), "Hillsboro": (45.5, -122.9), "Hong Kong": (22.3, 114.2),
    "Hyderabad": (17.4, 78.5), "Jakarta": (-6.2, 106.8), "Johannesburg": (-26.2, 28.0), "Kuala Lumpur": (3.1, 101.7),
    "Las Vegas": (36.2, -115.1), "London": (51.5, -0.1), "Los Angeles": (34.1, -118.2), "Madrid": (40.4, -3.7),
    "Malaysia": (3.1, 101.7), "Manila": (14.6, 121.0), "Marseille": (43.3, 5.4), "Melbourne": (-37.8, 145.0),
    "Mexico": (20.6, -100.4), "Miami": (25.8, -80.2), "Milan": (45.5, 9.2), "Moncks Corner": (33.2, -80.0),
    "Montreal": (45.5, -73.6), "Mumbai": (19.1, 72.9), "New York": (40.7, -74.0), "Nuremberg": (49.5, 11.1),
    "Osaka": (34.7, 135.5), "Oslo": (59.9, 10.8), "Paris": (48.9, 2.4), "Perth": (-31.9, 115.9),
    "Phoenix": (33.4, -112.1), "Pune": (18.5, 73.9), "Quebec": (46.8, -71.2), "Quincy": (47.2, -119.9),
    "Salt Lake City": (40.8, -111.9), "San Antonio": (29.4, -98.5), "San Francisco": (37.8, -122.4),
    "San Jose": (37.3, -121.9), "Santiago": (-33.4, -70.7), "Sao Paulo": (-23.5, -46.6), "Seattle": (47.6, -122.3),
    "Seoul": (37.6, 127.0), "Singapore": (1.3, 103.8), "Stavanger": (59.0, 5.7), "Stockholm": (59.3, 18.1),
    "Sydney": (-33.9, 151.2), "Taiwan": (24.1, 120.5), "Tel Aviv": (32.1, 34.8), "The Dalles": (45.6, -121.2),
    "Tokyo": (35.7, 139.7), "Toronto": (43.7, -79.4), "Turin": (45.1, 7.7), "Warsaw": (52.2, 21.0),
    "Boydton": (36.7, -78.4), "Cheyenne": (41.1, -104.8), "Cardiff": (51.5, -3.2), "Canberra": (-35.3, 149.1),
    "Zaragoza": (41.6, -0.9), "Zurich": (47.4, 8.5), "Geneva": (46.2, 6.1),
}  # fmt: skip

_REGIONS: Mapping[str, str] = {
    # Amazon
    "us-east-1": "Ashburn", "us-east-2": "Columbus", "us-west-1": "San Francisco", "us-west-2": "Hillsboro",
    "af-south-1": "Cape Town", "ap-east-1": "Hong Kong", "ap-east-2": "Taiwan", "ap-south-1": "Mumbai",
    "ap-south-2": "Hyderabad", "ap-southeast-1": "Singapore", "ap-southeast-2": "Sydney", "ap-southeast-3": "Jakarta",
    "ap-southeast-4": "Melbourne", "ap-southeast-5": "Malaysia", "ap-southeast-6": "Auckland",
    "ap-southeast-7": "Bangkok", "ap-northeast-1": "Tokyo", "ap-northeast-2": "Seoul", "ap-northeast-3": "Osaka",
    "ca-central-1": "Montreal", "ca-west-1": "Calgary", "eu-central-1": "Frankfurt", "eu-central-2": "Zurich",
    "eu-west-1": "Dublin", "eu-west-2": "London", "eu-west-3": "Paris", "eu-south-1": "Milan",
    "eu-south-2": "Zaragoza", "eu-north-1": "Stockholm", "il-central-1": "Tel Aviv", "me-south-1": "Bahrain",
    "me-central-1": "Dubai", "mx-central-1": "Mexico", "sa-east-1": "Sao Paulo",
    # Google
    "us-central1": "Des Moines", "us-east1": "Moncks Corner", "us-east4": "Ashburn", "us-east5": "Columbus",
    "us-south1": "Dallas", "us-west1": "The Dalles", "us-west2": "Los Angeles", "us-west3": "Salt Lake City",
    "us-west4": "Las Vegas", "northamerica-northeast1": "Montreal", "northamerica-northeast2": "Toronto",
    "northamerica-south1": "Mexico", "southamerica-east1": "Sao Paulo", "southamerica-west1": "Santiago",
    "europe-central2": "Warsaw", "europe-north1": "Hamina", "europe-north2": "Stockholm",
    "europe-southwest1": "Madrid", "europe-west1": "Belgium", "europe-west2": "London", "europe-west3": "Frankfurt",
    "europe-west4": "Amsterdam", "europe-west6": "Zurich", "europe-west8": "Milan", "europe-west9": "Paris",
    "europe-west10": "Berlin", "europe-west12": "Turin", "asia-east1": "Taiwan", "asia-east2": "Hong Kong",
    "asia-northeast1": "Tokyo", "asia-northeast2": "Osaka", "asia-northeast3": "Seoul", "asia-south1": "Mumbai",
    "asia-south2": "Delhi", "asia-southeast1": "Singapore", "asia-southeast2": "Jakarta",
    "australia-southeast1": "Sydney", "australia-southeast2": "Melbourne", "me-central1": "Doha",
    "me-central2": "Dammam", "me-west1": "Tel Aviv", "africa-south1": "Johannesburg",
    # Azure
    "eastus": "Boydton", "eastus2": "Boydton", "centralus": "Des Moines", "northcentralus": "Chicago",
    "southcentralus": "San Antonio", "westcentralus": "Cheyenne", "westus": "San Francisco", "westus2": "Quincy",
    "westus3": "Phoenix", "canadacentral": "Toronto", "canadaeast": "Quebec", "brazilsouth": "Sao Paulo",
    "chilecentral": "Santiago", "mexicocentral": "Mexico", "northeurope": "Dublin", "westeurope": "Amsterdam",
    "uksouth": "London", "ukwest": "Cardiff", "francecentral": "Paris", "francesouth": "Marseille",
    "germanywestcentral": "Frankfurt", "germanynorth": "Berlin", "switzerlandnorth": "Zurich",
    "switzerlandwest": "Geneva", "norwayeast": "Oslo", "norwaywest": "Stavanger", "swedencentral": "Gävle",
    "polandcentral": "Warsaw", "italynorth": "Milan", "spaincentral": "Madrid", "israelcentral": "Tel Aviv",
    "qatarcentral": "Doha", "uaenorth": "Dubai", "southafricanorth": "Johannesburg", "southafricawest": "Cape Town",
    "centralindia": "Pune", "southindia": "Chennai", "westindia": "Mumbai", "eastasia": "Hong Kong",
    "southeastasia": "Singapore", "indonesiacentral": "Jakarta", "malaysiawest": "Kuala Lumpur",
    "japaneast": "Tokyo", "japanwest": "Osaka", "koreacentral": "Seoul", "australiaeast": "Sydney",
    "australiasoutheast": "Melbourne", "australiacentral": "Canberra", "newzealandnorth": "Auckland",
    # DigitalOcean, Hetzner
    "nyc1": "New York", "nyc2": "New York", "nyc3": "New York", "sfo2": "San Francisco", "sfo3": "San Francisco",
    "ams2": "Amsterdam", "ams3": "Amsterdam", "sgp1": "Singapore", "lon1": "London", "fra1": "Frankfurt",
    "tor1": "Toronto", "blr1": "Bangalore", "syd1": "Sydney", "atl1": "Atlanta", "nbg1": "Nuremberg",
    "fsn1": "Falkenstein", "hel1": "Helsinki", "ash": "Ashburn", "hil": "Hillsboro", "sin": "Singapore",
    # Airports, as Fly and others name their regions
    "ams": "Amsterdam", "arn": "Stockholm", "atl": "Atlanta", "bog": "Bogota", "bom": "Mumbai", "bos": "Boston",
    "cdg": "Paris", "den": "Denver", "dfw": "Dallas", "ewr": "New York", "fra": "Frankfurt", "gru": "Sao Paulo",
    "hkg": "Hong Kong", "iad": "Ashburn", "jnb": "Johannesburg", "lax": "Los Angeles", "lhr": "London",
    "mad": "Madrid", "mia": "Miami", "nrt": "Tokyo", "ord": "Chicago", "otp": "Bucharest", "phx": "Phoenix",
    "qro": "Mexico", "scl": "Santiago", "sea": "Seattle", "sjc": "San Jose", "syd": "Sydney", "waw": "Warsaw",
    "yul": "Montreal", "yyz": "Toronto",
}  # fmt: skip


def place_of(region: str | None) -> Place | None:
    """Where a region, or a zone of it (`eu-central-1a`, `us-east1-b`), lies; None where its name is not known."""
    if not region:
        return None
    name = region.strip().lower()
    for one in (name, name.rstrip("abcdef"), name[:-2] if name[-2:-1] == "-" else name):
        town = _REGIONS.get(one)
        if town is not None:
            return Place(town, *_TOWNS[town])
    return next((Place(town, *where) for town, where in _TOWNS.items() if town.lower() == name), None)
