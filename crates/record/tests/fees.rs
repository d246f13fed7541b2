//! What a treatment is billed by.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use record::catalogue::Catalogue;
use record::fees::{BillLine, EACH, Fee, FeeSchedule, NotPriced};
use record::value::{ItemList, Value};
use record::{FieldState, Record, RecordKind};

fn fee(code: &str, description: &str, price: &str, unit: &str) -> Fee {
    Fee {
        code: code.to_owned(),
        description: description.to_owned(),
        price: price.parse().unwrap(),
        currency: "USD".to_owned(),
        unit: unit.to_owned(),
    }
}

fn schedule() -> FeeSchedule {
    FeeSchedule::new(vec![
        fee("CYT", "Cytology", "45", EACH),
        fee("EAR", "Ear cleaning", "22.505", EACH),
        fee("EAR", "Ear flush", "22.505", EACH),
        fee("ANE", "Anaesthesia", "80.00", "hour"),
        fee("APO16", "Apoquel 16 mg", "3.15", "tablet"),
        fee("DROPS", "Surolan", "19.90", EACH),
    ])
    .unwrap()
}

fn lines(procedures: &str, medications: &str) -> Result<Vec<BillLine>, Vec<NotPriced>> {
    let catalogue = Catalogue::treatment_default();
    let fields = catalogue
        .iter()
        .map(|(_, spec)| {
            let text = match spec.id.as_str() {
                "procedures_performed" => procedures,
                "medications_prescribed" => medications,
                _ => "",
            };
            let items = ItemList::read(text, spec.id == "medications_prescribed");
            if text.is_empty() { FieldState::Blank } else { FieldState::Value(Value::Items(items)) }
        })
        .collect();
    let record = Record {
        kind: RecordKind::Treatment,
        key: "t1".to_owned(),
        other_key: None,
        active: true,
        deceased: false,
        fields,
    };
    schedule().lines(&catalogue, &record)
}

/// Key, quantity and amount of each.
fn billed(procedures: &str, medications: &str) -> Vec<(String, String, String)> {
    let lines = lines(procedures, medications).unwrap();
    lines.iter().map(|line| (line.key("t1"), line.quantity.to_string(), line.amount.to_string())).collect()
}

fn owned(expected: &[(&str, &str, &str)]) -> Vec<(String, String, String)> {
    let owned = |(key, quantity, amount): &(&str, &str, &str)| {
        ((*key).to_owned(), (*quantity).to_owned(), (*amount).to_owned())
    };
    expected.iter().map(owned).collect()
}

#[test]
fn a_treatment_is_billed_by_what_was_done_and_prescribed() {
    assert_eq!(billed("", ""), []);
    // By description or code, without regard to case; a price has the decimals it was given, and two at least.
    assert_eq!(
        billed("1. ear  CLEANING\n2. cyt", "Surolan: 5 drops BID"),
        owned(&[("t1-EAR-1", "1", "22.505"), ("t1-CYT-1", "1", "45.00"), ("t1-DROPS-1", "1", "19.90")])
    );
    // The same twice is two lines, whatever name it has; a number behind it is a quantity.
    assert_eq!(
        billed("Ear cleaning\nEar flush\nCytology x 3\nAnaesthesia \u{d7}1.5", ""),
        owned(&[
            ("t1-EAR-1", "1", "22.505"),
            ("t1-EAR-2", "1", "22.505"),
            ("t1-CYT-1", "3", "135.00"),
            ("t1-ANE-1", "1.5", "120.00"),
        ])
    );
    for said in ["dispense 14", "(disp: 14)", "#14", "Qty 14.0", "disp #14"] {
        let line = format!("Apoquel 16 mg: 1 tablet by mouth SID x 14 days, {said}");
        assert_eq!(billed("", &line), owned(&[("t1-APO16-1", "14", "44.10")]), "{said}");
    }
}

#[test]
fn what_has_no_price_or_no_quantity_is_asked_about_and_nothing_else_is_billed() {
    let problems = |procedures: &str, medications: &str| -> Vec<String> {
        let found = lines(procedures, medications).unwrap_err();
        assert!(found.iter().all(|one| !one.way_out.is_empty()), "{found:?}");
        found.into_iter().map(|one| format!("{}: {}", one.field, one.problem)).collect()
    };
    let [missing] = &problems("Cytology\nEar candling", "")[..] else { panic!("one") };
    assert!(missing.contains("2 of 2") && missing.contains("Ear candling") && missing.contains("no price"));
    assert!(missing.starts_with("procedures_performed"), "{missing}");
    // Fourteen days are no fourteen tablets: nobody multiplies here. Two numbers say nothing either.
    for directions in
        ["1 tablet by mouth SID for 14 days", "#14 #28", "dispense 0", "dispense -3", "dispense 1e3"]
    {
        let [vague] = &problems("", &format!("Apoquel 16 mg: {directions}"))[..] else {
            panic!("{directions}")
        };
        assert!(vague.contains("how many were dispensed"), "{vague}");
    }
    let [hours] = &problems("Anaesthesia", "")[..] else { panic!("one") };
    assert!(hours.contains("by the hour"), "{hours}");
    assert_eq!(problems("Cytology\nBox x2", "Unknown 5 mg SID").len(), 2, "all of them at once");
}

#[test]
fn a_fee_schedule_that_contradicts_itself_is_refused() {
    let refused = |fees: &[Fee]| {
        let problem = FeeSchedule::new(fees.to_vec()).unwrap_err();
        assert!(!problem.way_out.is_empty());
        (problem.row, problem.column)
    };
    let cytology = fee("CYT", "Cytology", "45", EACH);
    assert_eq!(refused(&[fee("C T", "Cytology", "45", EACH)]), (0, "code"));
    assert_eq!(refused(&[fee("", "Cytology", "45", EACH)]), (0, "code"));
    assert_eq!(refused(&[cytology.clone(), fee("CYT", "Smear", "46", EACH)]), (1, "code"));
    assert_eq!(refused(&[cytology.clone(), fee("cyt", "Smear", "45", EACH)]), (1, "code"));
    assert_eq!(refused(&[cytology.clone(), fee("CYT2", " cytology", "45", EACH)]), (1, "description"));
    assert_eq!(refused(&[fee("CYT", "  ", "45", EACH)]), (0, "description"));
}
