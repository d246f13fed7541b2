//! The words of the clinic: names, species, breeds, substances, and how people type them.
//!
//! SNOMED CT codes are members of the Global Patient Set, September 2020, SNOMED International, CC BY 4.0.

/// One species: text people read, SNOMED CT code where there is one, display, spellings.
#[derive(Debug)]
pub(crate) struct Species {
    pub(crate) text: &'static str,
    pub(crate) code: Option<(&'static str, &'static str)>,
    pub(crate) spellings: &'static [&'static str],
    pub(crate) breeds: &'static [Breed],
    /// Share among patients.
    pub(crate) weight: u32,
    /// Usual weight in tenths of a kilogram, from and to.
    pub(crate) tenths_kg: (u32, u32),
}

/// One breed: text people read, SNOMED CT code where there is one, spellings.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Breed {
    pub(crate) text: &'static str,
    pub(crate) code: Option<(&'static str, &'static str)>,
    pub(crate) spellings: &'static [&'static str],
}

const fn breed(
    text: &'static str,
    code: &'static str,
    display: &'static str,
    spellings: &'static [&'static str],
) -> Breed {
    Breed { text, code: Some((code, display)), spellings }
}

const DOGS: &[Breed] = &[
    breed("Labrador Retriever", "62137007", "Labrador retriever", &["Lab", "lab", "Labrador retriever"]),
    breed("Golden Retriever", "58108001", "Golden retriever", &["golden retriever", "GOLDEN RETRIEVER"]),
    breed(
        "German Shepherd",
        "42252000",
        "German shepherd dog",
        &["GSD", "german shepherd", "German shepherd dog"],
    ),
    breed("French Bulldog", "59643008", "French bulldog", &["french bulldog"]),
    breed("Bulldog", "38184008", "Bulldog", &["BULLDOG"]),
    breed("Beagle", "44696006", "Beagle", &["beagle"]),
    breed("Staffordshire Bull Terrier", "83216009", "Staffordshire bull terrier", &["Staffie", "staffie"]),
    breed("West Highland White Terrier", "40727008", "West Highland white terrier", &["Westie", "WESTIE"]),
    breed("Yorkshire Terrier", "13284009", "Yorkshire terrier", &["Yorkie", "yorkshire terrier"]),
    breed("Whippet", "76351004", "Whippet dog", &["whippet"]),
    breed("Mixed breed dog", "132619000", "Mixed breed dog", &["mixed breed dog", "MIXED BREED DOG"]),
    Breed { text: "Labradoodle", code: None, spellings: &["labradoodle", "LABRADOODLE"] },
    Breed { text: "Cockapoo", code: None, spellings: &["cockapoo"] },
];

const CATS: &[Breed] = &[
    breed(
        "Domestic Shorthair",
        "15020009",
        "Domestic shorthaired cat",
        &["DSH", "dsh", "domestic shorthair"],
    ),
    breed("Domestic Longhair", "8419007", "Domestic longhaired cat", &["DLH", "domestic longhair"]),
    breed("Domestic Mediumhair", "409914009", "Domestic medium-haired cat", &["DMH"]),
    breed("Siamese", "65694005", "Siamese cat", &["siamese"]),
    breed("Persian", "68086001", "Persian cat", &["PERSIAN"]),
    breed("Maine Coon", "81866001", "Maine coon cat", &["maine coon", "Maine  Coon"]),
    breed("Ragdoll", "132654007", "Ragdoll cat breed", &["ragdoll"]),
    breed("Mixed breed cat", "132653001", "Mixed breed cat", &["mixed breed cat"]),
];

/// The species, dogs and cats first.
pub(crate) const SPECIES: &[Species] = &[
    Species {
        text: "Dog",
        code: Some(("448771007", "Canis lupus subspecies familiaris")),
        spellings: &["dog", "DOG", "Canine", "canine", "K9"],
        breeds: DOGS,
        weight: 52,
        tenths_kg: (30, 450),
    },
    Species {
        text: "Cat",
        code: Some(("448169003", "Felis catus")),
        spellings: &["cat", "CAT", "Feline", "feline", "FEL"],
        breeds: CATS,
        weight: 36,
        tenths_kg: (22, 75),
    },
    Species {
        text: "Rabbit",
        code: Some(("36571002", "Oryctolagus cuniculus")),
        spellings: &["rabbit", "Bunny"],
        breeds: &[],
        weight: 4,
        tenths_kg: (11, 45),
    },
    Species {
        text: "Guinea pig",
        code: Some(("125076001", "Cavia porcellus")),
        spellings: &["guinea pig", "Guinea Pig", "cavy"],
        breeds: &[],
        weight: 2,
        tenths_kg: (7, 13),
    },
    Species {
        text: "Ferret",
        code: Some(("449310008", "Mustela putorius subspecies furo")),
        spellings: &["ferret"],
        breeds: &[],
        weight: 1,
        tenths_kg: (6, 20),
    },
    Species {
        text: "Horse",
        code: Some(("35354009", "Equus caballus")),
        spellings: &["horse", "Equine"],
        breeds: &[],
        weight: 2,
        tenths_kg: (3_800, 6_500),
    },
    Species {
        text: "Hamster",
        code: None,
        spellings: &["hamster", "HAMSTER"],
        breeds: &[],
        weight: 2,
        tenths_kg: (1, 2),
    },
    Species {
        text: "Parrot",
        code: None,
        spellings: &["parrot"],
        breeds: &[],
        weight: 1,
        tenths_kg: (3, 12),
    },
];

pub(crate) const PETS: &[&str] = &[
    "Bella",
    "Max",
    "Luna",
    "Charlie",
    "Lucy",
    "Cooper",
    "Daisy",
    "Milo",
    "Sadie",
    "Rocky",
    "Molly",
    "Buddy",
    "Ruby",
    "Oscar",
    "Willow",
    "Simba",
    "Cleo",
    "Shadow",
    "Ginger",
    "Pepper",
    "Zoë",
    "Felix",
    "Mr Whiskers",
    "Princess Leia",
    "Socks",
    "Tigger",
    "Nala",
    "Duke",
    "Hazel",
    "Bruno",
    "Gizmo",
    "Maple",
    "Oreo",
    "Pumpkin",
    "Quincy",
    "Rosie",
    "Scout",
    "Teddy",
    "Ursa",
    "Violet",
    "Winston",
    "Ziggy",
    "Biscuit",
    "Clover",
    "Domino",
    "Ember",
    "Fudge",
    "Gus",
];

/// Names that say nothing: animals of shelters and litters.
pub(crate) const PLACEHOLDERS: &[&str] = &["Kitten", "Puppy", "Stray", "Baby"];

pub(crate) const GIVEN: &[&str] = &[
    "Peter", "Maria", "James", "Aisha", "Wei", "Elena", "Carlos", "Priya", "John", "Fatima", "Olga", "David",
    "Grace", "Hiro", "Ingrid", "Kofi", "Laura", "Mohammed", "Nora", "Oliver", "Paula", "Quentin", "Rosa",
    "Samuel", "Tara", "Umar", "Vera", "William", "Ximena", "Yusuf", "Zofia", "Anders", "Beatriz", "Chen",
    "Dolores", "Emil",
];

pub(crate) const FAMILY_FRONT: &[&str] = &[
    "Chal", "Harring", "Ander", "Whit", "Black", "Thorn", "Ash", "Carl", "Mont", "Sander", "Brook", "Wind",
    "Hol", "Gar", "Kest", "Lang", "Marl", "Nor", "Oak", "Pem", "Rad", "Stan", "Tren", "Val", "West", "York",
    "Es", "Fair", "Green", "Hart",
];

pub(crate) const FAMILY_BACK: &[&str] = &[
    "mers", "ton", "son", "more", "field", "worth", "ley", "gomery", "berg", "wood", "ham", "by", "rel",
    "ford", "den", "croft", "well", "shaw", "brough", "stone", "wick", "ridge", "dale", "man",
];

/// Substances with the FHIR category of each.
pub(crate) const SUBSTANCES: &[(&str, &str)] = &[
    ("Penicillin", "medication"),
    ("Amoxicillin", "medication"),
    ("Cephalexin", "medication"),
    ("Carprofen", "medication"),
    ("Chicken", "food"),
    ("Beef", "food"),
    ("Wheat", "food"),
    ("Flea saliva", "environment"),
    ("House dust mite", "environment"),
    ("Grass pollen", "environment"),
    ("Latex", "environment"),
];

/// How "no known allergies" is typed.
pub(crate) const NONE_KNOWN: &[&str] =
    &["NKA", "NKDA", "No known allergies", "no known allergies", "None known"];

pub(crate) const NOTES: &[&str] = &[
    "Nervous at the clinic; muzzle for nail trims.",
    "Prefers to be weighed on the floor.",
    "Hides medication in cheese only.",
    "Heart murmur grade 2, recheck yearly.",
    "Owner asks for a call before any procedure.",
    "Indoor only.",
    "Left hind leg stiff after exercise.",
    "Vaccination reaction in 2021: facial swelling, resolved.",
    "Feeds twice a day, sensitive stomach.",
    "Do not put next to cats in the waiting room.",
];

pub(crate) const AREA_CODES: &[&str] =
    &["415", "212", "312", "206", "617", "503", "512", "303", "646", "718"];

pub(crate) const ISO_PREFIXES: &[&str] = &["981", "956", "977", "982", "985", "840"];

pub(crate) const COATS: &[&str] = &["black", "tabby", "golden", "white", "brindle", "tricolour"];

/// Dates nobody can read as dates.
pub(crate) const UNREADABLE_DATES: &[&str] = &["about 3 yrs old", "spring 2O19", "31/02/2020", "unknown?"];
