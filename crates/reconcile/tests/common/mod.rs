//! Records written as people write them.
#![allow(dead_code, reason = "each test file uses its own part")]

use reconcile::compare::{Base, BaseField, PairState};
use record::catalogue::{BothSidesRule, FhirPlace, OneSideRule, ValueType};
use record::value::parse;
use record::{Catalogue, Conventions, FieldIx, FieldSpec, FieldState, Record, RecordKind, Remote};

/// The default fields of a patient and custom ones for the rules that no default field has.
pub fn catalogue() -> Catalogue {
    let mut catalogue = Catalogue::patient_default();
    let custom = |id: &str,
                  value_type: ValueType,
                  one_side: OneSideRule,
                  both_sides: BothSidesRule,
                  identity: bool| {
        let mut spec: FieldSpec = catalogue.fields[0].clone();
        id.clone_into(&mut spec.id);
        id.clone_into(&mut spec.column);
        spec.value_type = value_type;
        spec.place = FhirPlace::PatientExtension { url: format!("https://example.org/{id}") };
        spec.one_side = one_side;
        spec.both_sides = both_sides;
        spec.identity = identity;
        spec
    };
    let kilograms = ValueType::Quantity { default_unit: "kg".to_owned() };
    let more = [
        custom("weight", kilograms, OneSideRule::Take, BothSidesRule::Ask, false),
        custom("insurer", ValueType::Text, OneSideRule::Ask, BothSidesRule::Ask, false),
        custom("tattoo", ValueType::Text, OneSideRule::Take, BothSidesRule::Ask, true),
    ];
    catalogue.fields.extend(more);
    catalogue
}

pub fn field(catalogue: &Catalogue, id: &str) -> FieldIx {
    catalogue.index_of(id).unwrap_or_else(|| panic!("no field {id}"))
}

/// `None` is hidden, the empty text blank, text that is no value of the type unreadable.
pub fn state(catalogue: &Catalogue, id: &str, text: Option<&str>) -> FieldState {
    let Some(text) = text else { return FieldState::Unknown };
    let spec = catalogue.spec(field(catalogue, id)).expect("in the catalogue");
    match parse(&spec.value_type, text, &Conventions::default()) {
        Ok(Some(value)) => FieldState::Value(value),
        Ok(None) => FieldState::Blank,
        Err(problem) => FieldState::Invalid { raw: text.to_owned(), problem },
    }
}

/// A record with these fields, everything else blank.
pub fn record(catalogue: &Catalogue, key: &str, fields: &[(&str, Option<&str>)]) -> Record {
    let mut record = Record {
        kind: RecordKind::Patient,
        key: key.to_owned(),
        other_key: None,
        active: true,
        deceased: false,
        fields: vec![FieldState::Blank; catalogue.fields.len()],
    };
    for (id, text) in fields {
        record.fields[usize::from(field(catalogue, id).0)] = state(catalogue, id, *text);
    }
    record
}

/// A base with these fields, everything else agreed blank.
pub fn base(catalogue: &Catalogue, fields: &[(&str, Option<&str>)]) -> Base {
    let record = record(catalogue, "base", fields);
    base_of(record.fields)
}

pub fn base_of(states: Vec<FieldState>) -> Base {
    let fields = states
        .into_iter()
        .map(|state| BaseField { state, agreed_at_ms: 1, agreed_by: "first comparison".to_owned() })
        .collect();
    Base { fields }
}

pub fn pair<'a>(
    catalogue: &'a Catalogue,
    base: Option<&'a Base>,
    servicenow: &'a Record,
    ehr: &'a Record,
) -> PairState<'a> {
    PairState { catalogue, base, servicenow: Some(servicenow), ehr: Some(ehr) }
}

/// The records after the writes of a plan.
pub fn apply(plan: &reconcile::PairPlan, servicenow: &Record, ehr: &Record) -> (Record, Record) {
    let mut after = (servicenow.clone(), ehr.clone());
    for remote in Remote::BOTH {
        let record = match remote {
            Remote::ServiceNow => &mut after.0,
            Remote::Ehr => &mut after.1,
        };
        for write in plan.writes(remote) {
            assert_eq!(
                record.fields[usize::from(write.field.0)],
                write.from,
                "a write starts from what is there"
            );
            record.fields[usize::from(write.field.0)] = write.to.clone();
        }
    }
    after
}
