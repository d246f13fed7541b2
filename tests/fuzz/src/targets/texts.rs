//! JSON, and the texts of single values.

use super::text;
use record::catalogue::ValueType;
use record::{Conventions, Json, Value};

/// Our reader of JSON against another one, and back to text.
pub fn json(input: &[u8]) {
    let Some(text) = text(input) else { return };
    let ours = Json::parse(text);
    let theirs = serde_json::from_str::<serde_json::Value>(text);
    match (&ours, &theirs) {
        (Ok(ours), _) => {
            let again = Json::parse(&ours.to_string());
            assert_eq!(again.as_ref(), Ok(ours), "what was written reads back");
            if let Err(error) = theirs {
                assert!(
                    error.to_string().contains("number out of range"),
                    "another reader refuses it: {error}"
                );
            }
        }
        (Err(error), Ok(_)) => {
            assert!(error.problem.contains("nested deeper"), "another reader takes it: {error}");
        }
        (Err(_), Err(_)) => {}
    }
}

/// A text as each type of value: what is read is shown, and what is shown reads as the same.
pub fn values(input: &[u8]) {
    let Some(text) = text(input) else { return };
    let conventions = Conventions::default();
    let types = [
        ValueType::Name,
        ValueType::Text,
        ValueType::LongText,
        ValueType::Species,
        ValueType::Breed,
        ValueType::Coded,
        ValueType::Date,
        ValueType::Sex,
        ValueType::Microchip,
        ValueType::Phone,
        ValueType::Email,
        ValueType::Substances,
        ValueType::Quantity { default_unit: "kg".to_owned() },
        ValueType::Instant,
        ValueType::Minutes,
        ValueType::Person,
        ValueType::PatientLink,
        ValueType::AppointmentType,
        ValueType::AppointmentStatus,
        ValueType::Items,
        ValueType::Medications,
    ];
    for value_type in types {
        match record::value::parse(&value_type, text, &conventions) {
            Ok(Some(value)) => {
                let shown = value.display();
                // A score has no unit that is shown: it reads back where scores are meant.
                let value_type = match &value {
                    Value::Quantity(quantity) => ValueType::Quantity { default_unit: quantity.unit.clone() },
                    _ => value_type,
                };
                let again = record::value::parse(&value_type, &shown, &conventions);
                let Ok(Some(again)) = again else {
                    panic!("{value_type:?}: {value:?} is shown as {shown:?}, which reads as {again:?}")
                };
                let same = record::sameness::sameness(&value, &again);
                assert!(
                    matches!(
                        same,
                        record::sameness::Sameness::Identical | record::sameness::Sameness::Same(_)
                    ),
                    "{value_type:?}: {value:?} is shown as {shown:?}, which reads as {again:?}"
                );
            }
            Ok(None) => {}
            Err(problem) => assert!(
                !problem.problem.is_empty() && !problem.way_out.is_empty(),
                "{value_type:?}: a problem has words and a way out"
            ),
        }
    }
}
