//! Generated values and records for property tests, in this crate and in those that build on it (feature `testing`).

use crate::catalogue::{Catalogue, ValueType};
use crate::record::{FieldState, Record};
use crate::value::{Conventions, PartialDate, Value, parse};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

/// Text as it is typed for a field of that type: mostly readable, in many spellings, sometimes not readable at all.
pub fn raw_text(value_type: &ValueType) -> BoxedStrategy<String> {
    match value_type {
        ValueType::Name => prop_oneof![
            select(vec!["Bella", "BELLA", " Max ", "O'Brien", "O\u{2019}Brien", "Zo\u{eb}", "J. R. Smith", "Stray", "Kitten 3"])
                .prop_map(str::to_owned),
            "[A-Z][a-z]{1,8}( [A-Z][a-z'-]{1,8})?",
            "\\PC{1,12}",
        ]
        .boxed(),
        ValueType::Text => "[ -~]{1,30}".boxed(),
        ValueType::LongText => vec("[ -~]{0,30}", 0..6)
            .prop_flat_map(|lines| {
                select(vec!["\n", "\r\n"]).prop_map(move |end| lines.join(end))
            })
            .boxed(),
        ValueType::Species => select(vec![
            "Dog", "dog", "canine", "K-9", "Cat", "FELINE", "Horse", "rabbit", "Guinea Pig", "bovine", "parrot", "Axolotl",
            "448771007", "snake",
        ])
        .prop_map(str::to_owned)
        .boxed(),
        ValueType::Breed => select(vec![
            "Labrador Retriever", "lab", "GSD", "DSH", "domestic short hair", "Westie", "Yorkie", "Lab X", "labrador cross",
            "Mixed breed", "x", "Labradoodle", "Cockapoo", "Maine Coon", "Thoroughbred", "Persian (longhair)",
        ])
        .prop_map(str::to_owned)
        .boxed(),
        ValueType::Coded => "[A-Za-z][A-Za-z0-9 ]{0,15}".boxed(),
        ValueType::Date => prop_oneof![
            6 => partial_date().prop_map(|date| date.to_string()),
            1 => select(vec!["01/02/2019", "2019-02-30", "2019-06-01 00:00:00", "spring"]).prop_map(str::to_owned),
        ]
        .boxed(),
        ValueType::Sex => select(vec![
            "M", "F", "MN", "FS", "MI", "fe", "male", "Female", "female_spayed", "male_neutered", "neutered male",
            "Female Intact", "gelding", "mare", "U", "unknown", "H", "not neutered male", "?",
        ])
        .prop_map(str::to_owned)
        .boxed(),
        ValueType::Microchip => prop_oneof![
            4 => (901_u64..999, 0_u64..274_877_906_943).prop_map(|(prefix, id)| format!("{prefix}{id:012}")),
            1 => (901_u64..999, 0_u64..274_877_906_943).prop_map(|(prefix, id)| {
                let id = format!("{id:012}");
                format!("{prefix} {} {} {}", &id[..4], &id[4..8], &id[8..])
            }),
            1 => "[1-9][0-9]{2}\\*[0-9]{3}\\*[0-9]{3}",
            1 => "[1-9a-f][0-9a-f]{8}[0-9]",
            1 => "[0-9]{14}",
        ]
        .boxed(),
        ValueType::Phone => prop_oneof![
            3 => ("[2-9][0-9]{2}", "[2-9][0-9]{2}", "[0-9]{4}").prop_flat_map(|(area, exchange, line)| select(vec![
                format!("({area}) {exchange}-{line}"),
                format!("{area}-{exchange}-{line}"),
                format!("+1{area}{exchange}{line}"),
                format!("1.{area}.{exchange}.{line}"),
                format!("{area} {exchange} {line} x12"),
            ])),
            1 => Just("+44 20 7946 0958".to_owned()),
            1 => "[0-9]{3,7}",
            1 => Just("ask at the desk".to_owned()),
        ]
        .boxed(),
        ValueType::Email => prop_oneof![
            4 => "[a-zA-Z]{1,8}(\\.[a-z]{1,5})?@[a-z]{2,8}\\.(test|example)",
            1 => "[a-z]{1,8}",
        ]
        .boxed(),
        ValueType::Substances => prop_oneof![
            1 => select(vec!["NKDA", "No known allergies", "nka"]).prop_map(str::to_owned),
            4 => vec(select(vec!["Penicillin", "penicillin", "chicken", "Beef (raw, minced)", "NSAIDs", "bee stings", "Wheat"]), 1..5)
                .prop_flat_map(|items| select(vec![", ", "; ", "\n"]).prop_map(move |separator| items.join(separator))),
            1 => "[A-Za-z ,;\"()\\[\\]\n*.-]{1,25}",
        ]
        .boxed(),
        ValueType::Quantity { default_unit } => {
            let default_unit = default_unit.clone();
            (0_u32..200, option::of(0_u32..100), any::<bool>())
                .prop_map(move |(whole, decimals, with_unit)| {
                    let decimals = decimals.map(|decimals| format!(".{decimals:02}")).unwrap_or_default();
                    let unit = if with_unit { format!(" {default_unit}") } else { String::new() };
                    format!("{whole}{decimals}{unit}")
                })
                .boxed()
        }
        ValueType::Instant
        | ValueType::Minutes
        | ValueType::Person
        | ValueType::PatientLink
        | ValueType::AppointmentType
        | ValueType::AppointmentStatus
        | ValueType::Items
        | ValueType::Medications => visit_text(value_type),
    }
}

/// [`raw_text`] for the types of appointments and treatments.
fn visit_text(value_type: &ValueType) -> BoxedStrategy<String> {
    match value_type {
        ValueType::Instant => prop_oneof![
            6 => (1_700_000_000_i64..1_700_000_300, any::<u8>()).prop_map(|(seconds, form)| {
                let utc = crate::time::utc_text(seconds).unwrap_or_default();
                let later = crate::time::utc_text(seconds + 5_400).unwrap_or_default();
                match form % 4 {
                    0 => utc,
                    1 => format!("{}Z", utc.replace(' ', "T")),
                    2 => format!("{}+01:30", later.replace(' ', "T")),
                    _ => format!("{}.250Z", utc.replace(' ', "T")),
                }
            }),
            1 => select(vec!["2025-03-10", "2025-03-10T14:30:00", "2025-02-30 10:00:00", "tomorrow"]).prop_map(str::to_owned),
        ]
        .boxed(),
        ValueType::Minutes => (0_u32..200, any::<u8>())
            .prop_map(|(minutes, form)| match form % 5 {
                0 => minutes.to_string(),
                1 => format!("1970-01-01 {:02}:{:02}:00", minutes / 60, minutes % 60),
                2 => format!("{} h {} min", minutes / 60, minutes % 60),
                3 => format!("{}:{:02}", minutes / 60, minutes % 60),
                _ => format!("{minutes} minutes"),
            })
            .boxed(),
        ValueType::Person => select(vec![
            "46d44a5dc0a8010e0000b4bb8f62b0fd", "Practitioner/dr-lee", "https://ehr.example/fhir/Practitioner/dr-lee",
            "Dr Lee", "DR. LEE", "dr lee", "Dr O'Brien", "PractitionerRole/7",
        ])
        .prop_map(str::to_owned)
        .boxed(),
        ValueType::PatientLink => prop_oneof![
            "[0-9a-f]{32}",
            "Patient/[A-Za-z0-9.-]{1,8}",
            Just("https://ehr.example/fhir/Patient/p-1001".to_owned()),
            Just("Patient/p-1001".to_owned()),
        ]
        .boxed(),
        ValueType::AppointmentType => select(vec![
            "Vaccination", "vaccination", "Booster", "recheck", "Follow-up", "Emergency", "walk_in", "Hydrotherapy", "2",
        ])
        .prop_map(str::to_owned)
        .boxed(),
        ValueType::AppointmentStatus => select(vec![
            "requested", "tentative", "pending", "scheduled", "Confirmed", "booked", "arrived", "checked_in", "In Progress",
            "completed", "fulfilled", "no-show", "noshow", "cancelled", "canceled", "entered-in-error", "7",
        ])
        .prop_map(str::to_owned)
        .boxed(),
        _ => prop_oneof![
            4 => vec(select(vec![
                "Ear flush under sedation", "nail trim", "Nail trim", "Prednisolone 5 mg tablet: 1 tablet by mouth SID",
                "Amoxicillin 50 mg, 1 tablet BID x 7 d", "Radiographs (thorax; 2 views)",
            ]), 1..4)
                .prop_flat_map(|items| select(vec!["\n", "; ", "\n- "]).prop_map(move |separator| items.join(separator))),
            1 => "[A-Za-z ,;()0-9.\n-]{1,30}",
        ]
        .boxed(),
    }
}

/// A date between 1990 and 2030, of any precision.
pub fn partial_date() -> impl Strategy<Value = PartialDate> {
    (1990_u16..2030, option::of((1_u8..=12, option::of(1_u8..=31)))).prop_map(|(year, rest)| {
        let month = rest.map(|(month, _)| month);
        let day = rest.and_then(|(_, day)| day);
        PartialDate::new(year, month, day).unwrap_or(PartialDate { year, month, day: None })
    })
}

/// Readable values of a type.
pub fn value(value_type: &ValueType) -> BoxedStrategy<Value> {
    let value_type_read = value_type.clone();
    raw_text(value_type)
        .prop_filter_map("not readable", move |raw| {
            parse(&value_type_read, &raw, &Conventions::default()).ok().flatten()
        })
        .boxed()
}

/// Everything a remote can say about a field.
pub fn field_state(value_type: &ValueType) -> BoxedStrategy<FieldState> {
    let value_type_read = value_type.clone();
    prop_oneof![
        6 => raw_text(value_type).prop_map(move |raw| FieldState::read(&value_type_read, &raw, &Conventions::default())),
        1 => Just(FieldState::Blank),
        1 => Just(FieldState::Unknown),
    ]
    .boxed()
}

/// Records of a catalogue, the other remote's key included or not.
pub fn record(catalogue: &Catalogue) -> BoxedStrategy<Record> {
    let kind = catalogue.kind;
    let fields: Vec<_> = catalogue.fields.iter().map(|spec| field_state(&spec.value_type)).collect();
    ("[0-9a-f]{32}", option::of("[A-Za-z0-9.-]{1,20}"), any::<bool>(), any::<bool>(), fields)
        .prop_map(move |(key, other_key, active, deceased, fields)| Record {
            kind,
            key,
            other_key,
            active,
            deceased,
            fields,
        })
        .boxed()
}
