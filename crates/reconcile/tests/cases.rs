//! The policy, case by case (design: "Grades", "Field catalogue"; wire-facts 11 on minor differences).
//!
//! Each row: what it is about, the field, then what was last agreed, what ServiceNow has and what the EHR has as
//! people write it, and what is to happen. `None` is "never agreed" for the base and "hidden" for a remote; `""` is
//! blank.
#![allow(clippy::expect_used, clippy::panic, reason = "a test says so by failing")]

mod common;

use common::{base, catalogue, field, pair, record, state};
use reconcile::compare::{Rule, Why};
use reconcile::{Settlement, compare};
use record::{FieldState, Remote};

/// What a row expects.
#[derive(Debug, Clone, Copy)]
enum Expect {
    /// Nothing, grade 0.
    Same,
    /// Settled: grade, value, rule, and who changed it.
    Settle(u8, &'static str, Rule, Option<Remote>),
    /// Asked: grade, why, suggestion.
    Ask(u8, Why, Option<&'static str>),
}
use Expect::{Ask, Same, Settle};

type Row =
    (&'static str, &'static str, Option<&'static str>, Option<&'static str>, Option<&'static str>, Expect);

const SN: Option<Remote> = Some(Remote::ServiceNow);
const EHR: Option<Remote> = Some(Remote::Ehr);

/// Two valid chips.
const CHIP: &str = "981020000123456";
const OTHER_CHIP: &str = "956000009876543";

/// Grade 0: equal after normalising; never written, whatever the base.
#[rustfmt::skip]
const EQUAL: &[Row] = &[
    ("to the letter", "patient_name", Some("Bella"), Some("Bella"), Some("Bella"), Same),
    ("to the letter, never agreed", "patient_name", None, Some("Bella"), Some("Bella"), Same),
    ("case and blanks", "patient_name", Some("Bella"), Some("BELLA "), Some("Bella"), Same),
    ("case and blanks, never agreed", "patient_name", None, Some("bella"), Some("Bella"), Same),
    ("phone format", "owner_phone", Some("(415) 555-2671"), Some("415.555.2671"), Some("+14155552671"), Same),
    ("e-mail case", "owner_email", Some("amy@example.org"), Some("Amy@Example.org"), Some("amy@example.org"), Same),
    ("breed synonym", "breed", Some("Labrador Retriever"), Some("Lab"), Some("Labrador Retriever"), Same),
    ("species synonym", "species", None, Some("Canine"), Some("Dog"), Same),
    ("chip written with blanks", "microchip_id", Some(CHIP), Some("981 020 000 123 456"), Some(CHIP), Same),
    ("allergies in another order", "allergies", None, Some("penicillin, chicken"), Some("Chicken; Penicillin"), Same),
    ("sex in other words", "gender", Some("MN"), Some("MN"), Some("male neutered"), Same),
    ("line ends", "medical_notes", Some("a\nb"), Some("a\r\nb"), Some("a\nb"), Same),
    ("same weight in another unit", "weight", None, Some("10 kg"), Some("22.046 lb"), Same),
    ("both blank", "breed", Some(""), Some(""), Some(""), Same),
    ("both blank, never agreed", "breed", None, Some(""), Some(""), Same),
    ("sex unknown says no more than blank", "gender", Some(""), Some("U"), Some(""), Same),
    ("sex unknown against blank, never agreed", "gender", None, Some(""), Some("unknown"), Same),
    // ServiceNow's date column cannot hold a bare year: the base remembers the precision.
    ("year filled up by the date column", "date_of_birth", Some("2019"), Some("2019-01-01"), Some("2019"), Same),
    ("month filled up by the date column", "date_of_birth", Some("2019-06"), Some("2019-06-01"), Some("2019-06"), Same),
    // Nor does anybody know, whatever was agreed, that it is not such a fill: the EHR gets no day that was made up.
    ("year filled up, never agreed", "date_of_birth", None, Some("2019-01-01"), Some("2019"), Same),
    ("month filled up, never agreed", "date_of_birth", None, Some("2019-06-01"), Some("2019-06"), Same),
    ("year filled up, agreed blank before", "date_of_birth", Some(""), Some("2019-01-01"), Some("2019"), Same),
    ("year filled up, another year agreed before", "date_of_birth", Some("2018"), Some("2019-01-01"), Some("2019"), Same),
    ("January became known in the EHR, the column cannot say it", "date_of_birth", Some("2019"), Some("2019-01-01"), Some("2019-01"), Same),
    ("the EHR made it a year again", "date_of_birth", Some("2019-01-01"), Some("2019-01-01"), Some("2019"), Same),
];

/// One side hides the field: neither compared nor touched, whatever the other says.
#[rustfmt::skip]
const HIDDEN: &[Row] = &[
    ("hidden in ServiceNow", "patient_name", Some("Bella"), None, Some("Luna"), Same),
    ("hidden in the EHR", "microchip_id", Some(CHIP), Some(OTHER_CHIP), None, Same),
    ("hidden on both", "allergies", Some("penicillin"), None, None, Same),
    ("hidden, never agreed", "allergies", None, None, Some("penicillin"), Same),
    ("hidden beside a blank", "species", Some("Dog"), None, Some(""), Same),
];

/// Text that is no value of its type: left to a person, never spread.
#[rustfmt::skip]
const UNREADABLE: &[Row] = &[
    ("one side", "microchip_id", Some(CHIP), Some("98102"), Some(CHIP), Ask(4, Why::ValueUnreadable, Some(CHIP))),
    ("never agreed", "date_of_birth", None, Some("2019-05-04"), Some("spring"), Ask(3, Why::ValueUnreadable, Some("2019-05-04"))),
    ("date beside a blank", "date_of_birth", Some(""), Some(""), Some("spring"), Ask(3, Why::ValueUnreadable, None)),
    // Identity: what cannot be read may be the right chip with a slip of the finger.
    ("chip beside a blank", "microchip_id", Some(""), Some(""), Some("98102"), Ask(4, Why::ValueUnreadable, None)),
    ("both chips, differently", "microchip_id", None, Some("98102"), Some("98103"), Ask(4, Why::ValueUnreadable, None)),
    ("both alike", "microchip_id", None, Some("98102"), Some("98102"), Same),
    ("both alike, base readable", "microchip_id", Some(CHIP), Some("98102"), Some("98102"), Same),
    ("hidden on the other side", "microchip_id", Some(CHIP), Some("98102"), None, Same),
    // An unreadable base is no base.
    ("base unreadable", "patient_name", None, Some("Bella"), Some("Luna"), Ask(3, Why::NeverAgreed, None)),
    ("base unreadable, chips differ", "microchip_id", Some("98102"), Some(CHIP), Some(OTHER_CHIP), Ask(4, Why::NeverAgreed, None)),
];

/// Never agreed: blanks are filled, everything else that differs is asked, unless nothing is lost.
#[rustfmt::skip]
const FIRST_CONTACT: &[Row] = &[
    ("only ServiceNow has it", "breed", None, Some("Beagle"), Some(""), Settle(1, "Beagle", Rule::BlankFilled, SN)),
    ("only the EHR has it", "owner_phone", None, Some(""), Some("415-555-2671"), Settle(1, "415-555-2671", Rule::BlankFilled, EHR)),
    ("identity: only one has it", "microchip_id", None, Some(CHIP), Some(""), Settle(1, CHIP, Rule::BlankFilled, SN)),
    ("species: only one has it", "species", None, Some(""), Some("Cat"), Settle(1, "Cat", Rule::BlankFilled, EHR)),
    ("sex against unknown", "gender", None, Some("U"), Some("FS"), Settle(1, "FS", Rule::BlankFilled, EHR)),
    ("field that is always asked", "insurer", None, Some("Trupanion"), Some(""), Ask(3, Why::AlwaysAsked, Some("Trupanion"))),
    ("names differ", "patient_name", None, Some("Bella"), Some("Luna"), Ask(3, Why::NeverAgreed, None)),
    ("phones differ", "owner_phone", None, Some("415-555-2671"), Some("415-555-2672"), Ask(3, Why::NeverAgreed, None)),
    ("species differ", "species", None, Some("Dog"), Some("Cat"), Ask(4, Why::NeverAgreed, None)),
    ("chips differ", "microchip_id", None, Some(CHIP), Some(OTHER_CHIP), Ask(4, Why::NeverAgreed, None)),
    ("custom identity differs", "tattoo", None, Some("AX1"), Some("AX2"), Ask(4, Why::NeverAgreed, None)),
    ("weights differ", "weight", None, Some("10 kg"), Some("10 lb"), Ask(3, Why::NeverAgreed, None)),
    // "Partial-date-compatible" is minor.
    ("finer date in ServiceNow, the first of another month", "date_of_birth", None, Some("2019-05-01"), Some("2019"), Settle(2, "2019-05-01", Rule::FinerDate, None)),
    ("the first of January in the EHR is a date like any other", "date_of_birth", None, Some("2019"), Some("2019-01-01"), Settle(2, "2019-01-01", Rule::FinerDate, None)),
    ("finer date in ServiceNow", "date_of_birth", None, Some("2019-05-04"), Some("2019"), Settle(2, "2019-05-04", Rule::FinerDate, None)),
    ("finer date in the EHR", "date_of_birth", None, Some("2019"), Some("2019-05"), Settle(2, "2019-05", Rule::FinerDate, None)),
    ("dates contradict", "date_of_birth", None, Some("2019-05-04"), Some("2018"), Ask(3, Why::NeverAgreed, None)),
    // "Male" alone does not say whether it is neutered.
    ("neutering known on one side", "gender", None, Some("M"), Some("MN"), Settle(2, "MN", Rule::NeuteringRecorded, None)),
    ("intact known on one side", "gender", None, Some("FI"), Some("F"), Settle(2, "FI", Rule::BlankFilled, None)),
    ("neutered against intact", "gender", None, Some("MN"), Some("MI"), Ask(3, Why::NeverAgreed, None)),
    ("sexes differ", "gender", None, Some("MN"), Some("FS"), Ask(3, Why::NeverAgreed, None)),
    // Allergies spread: the safe direction.
    ("allergy on one side", "allergies", None, Some("penicillin"), Some(""), Settle(1, "penicillin", Rule::AllergyAdded, SN)),
    ("one more in the EHR", "allergies", None, Some("penicillin"), Some("penicillin, chicken"), Settle(1, "penicillin, chicken", Rule::AllergyAdded, EHR)),
    ("one more in ServiceNow", "allergies", None, Some("penicillin, chicken"), Some("chicken"), Settle(1, "penicillin, chicken", Rule::AllergyAdded, SN)),
    // Neither contains the other: one may be a rewording of the other, and nothing says which.
    ("each has its own", "allergies", None, Some("penicillin"), Some("chicken"), Ask(3, Why::NeverAgreed, Some("penicillin, chicken"))),
    ("none known against blank", "allergies", None, Some(""), Some("no known allergies"), Settle(1, "no known allergies", Rule::BlankFilled, EHR)),
    ("none known against an allergy", "allergies", None, Some("no known allergies"), Some("penicillin"), Ask(3, Why::NeverAgreed, Some("penicillin"))),
    ("contradicts itself, other blank", "allergies", None, Some("no known allergies; penicillin"), Some(""), Ask(3, Why::NeverAgreed, Some("penicillin"))),
    ("contradicts itself, other agrees in part", "allergies", None, Some("no known allergies; penicillin"), Some("penicillin"), Ask(3, Why::NeverAgreed, Some("penicillin"))),
    // Notes flow from ServiceNow.
    ("notes only in ServiceNow", "medical_notes", None, Some("limps"), Some(""), Settle(1, "limps", Rule::BlankFilled, SN)),
    ("notes only in the EHR", "medical_notes", None, Some(""), Some("limps"), Ask(3, Why::EhrEditedOneWayField, Some("limps"))),
    ("notes differ: no ancestor to merge on", "medical_notes", None, Some("limps\nfed"), Some("limps\nweighed"), Ask(3, Why::NeverAgreed, Some("limps\nfed\nweighed"))),
];

/// One side changed since the base.
#[rustfmt::skip]
const ONE_CHANGED: &[Row] = &[
    ("name, ServiceNow", "patient_name", Some("Bela"), Some("Bella"), Some("Bela"), Settle(1, "Bella", Rule::OneSideChanged, SN)),
    ("name, EHR", "patient_name", Some("Bela"), Some("Bela"), Some("Bella"), Settle(1, "Bella", Rule::OneSideChanged, EHR)),
    ("the other side only rewrote its spelling", "patient_name", Some("Bela"), Some("Bella"), Some("BELA"), Settle(1, "Bella", Rule::OneSideChanged, SN)),
    ("breed", "breed", Some("Beagle"), Some("Beagle"), Some("Poodle"), Settle(1, "Poodle", Rule::OneSideChanged, EHR)),
    ("agreed blank, now filled", "breed", Some(""), Some("Beagle"), Some(""), Settle(1, "Beagle", Rule::BlankFilled, SN)),
    ("blanked in ServiceNow", "breed", Some("Beagle"), Some(""), Some("Beagle"), Ask(4, Why::Blanked, Some("Beagle"))),
    ("blanked in the EHR", "owner_phone", Some("415-555-2671"), Some("415-555-2671"), Some(""), Ask(4, Why::Blanked, Some("415-555-2671"))),
    ("date corrected", "date_of_birth", Some("2019-05-04"), Some("2018-05-04"), Some("2019-05-04"), Settle(1, "2018-05-04", Rule::OneSideChanged, SN)),
    ("date refined", "date_of_birth", Some("2019"), Some("2019"), Some("2019-05"), Settle(1, "2019-05", Rule::OneSideChanged, EHR)),
    ("date lost its day", "date_of_birth", Some("2019-05-04"), Some("2019-05-04"), Some("2019"), Ask(3, Why::Blanked, Some("2019-05-04"))),
    // In the EHR the first of January is a date like any other.
    ("year made a day in the EHR", "date_of_birth", Some("2019"), Some("2019"), Some("2019-01-01"), Settle(1, "2019-01-01", Rule::OneSideChanged, EHR)),
    ("weight", "weight", Some("10 kg"), Some("10 kg"), Some("12 kg"), Settle(1, "12 kg", Rule::OneSideChanged, EHR)),
    ("field that is always asked", "insurer", Some("Trupanion"), Some("Healthy Paws"), Some("Trupanion"), Ask(3, Why::AlwaysAsked, Some("Healthy Paws"))),
    // Identity.
    ("chip filled", "microchip_id", Some(""), Some(""), Some(CHIP), Settle(1, CHIP, Rule::BlankFilled, EHR)),
    ("chip changed", "microchip_id", Some(CHIP), Some(OTHER_CHIP), Some(CHIP), Ask(4, Why::IdentityChanged, None)),
    ("chip blanked", "microchip_id", Some(CHIP), Some(CHIP), Some(""), Ask(4, Why::Blanked, Some(CHIP))),
    ("species filled", "species", Some(""), Some("Cat"), Some(""), Settle(1, "Cat", Rule::BlankFilled, SN)),
    ("species changed", "species", Some("Cat"), Some("Cat"), Some("Dog"), Ask(4, Why::IdentityChanged, None)),
    ("custom identity filled", "tattoo", Some(""), Some("AX1"), Some(""), Settle(1, "AX1", Rule::BlankFilled, SN)),
    ("custom identity changed, though its rule says take", "tattoo", Some("AX1"), Some("AX2"), Some("AX1"), Ask(4, Why::IdentityChanged, None)),
    // Sex and neuter status.
    ("neutered", "gender", Some("MI"), Some("MN"), Some("MI"), Settle(1, "MN", Rule::NeuteringRecorded, SN)),
    ("neutered, status was open", "gender", Some("F"), Some("F"), Some("FS"), Settle(1, "FS", Rule::NeuteringRecorded, EHR)),
    ("sex and status became known", "gender", Some("U"), Some("MN"), Some("U"), Settle(1, "MN", Rule::BlankFilled, SN)),
    ("intact became known", "gender", Some("M"), Some("MI"), Some("M"), Settle(1, "MI", Rule::OneSideChanged, SN)),
    ("neutering taken back", "gender", Some("MN"), Some("MI"), Some("MN"), Ask(3, Why::NeuteringReversed, Some("MN"))),
    ("neuter status lost", "gender", Some("FS"), Some("FS"), Some("F"), Ask(3, Why::Blanked, Some("FS"))),
    ("sex changed", "gender", Some("MN"), Some("FS"), Some("MN"), Ask(3, Why::SexChanged, None)),
    ("sex changed and neutered at once", "gender", Some("MI"), Some("MI"), Some("FS"), Ask(3, Why::SexChanged, None)),
    ("sex blanked", "gender", Some("MN"), Some(""), Some("MN"), Ask(4, Why::Blanked, Some("MN"))),
    ("sex made unknown", "gender", Some("MN"), Some("U"), Some("MN"), Ask(4, Why::Blanked, Some("MN"))),
    // Allergies.
    ("allergy added", "allergies", Some("penicillin"), Some("penicillin"), Some("penicillin, chicken"), Settle(1, "penicillin, chicken", Rule::AllergyAdded, EHR)),
    ("first allergy", "allergies", Some(""), Some("penicillin"), Some(""), Settle(1, "penicillin", Rule::AllergyAdded, SN)),
    ("first allergy takes the place of none known", "allergies", Some("no known allergies"), Some("no known allergies"), Some("penicillin"), Settle(1, "penicillin", Rule::AllergyAdded, EHR)),
    ("none known recorded", "allergies", Some(""), Some("no known allergies"), Some(""), Settle(1, "no known allergies", Rule::BlankFilled, SN)),
    ("allergy removed", "allergies", Some("penicillin, chicken"), Some("penicillin"), Some("penicillin, chicken"), Ask(4, Why::AllergyRemovedOrReworded, Some("penicillin, chicken"))),
    ("allergy reworded", "allergies", Some("penicilin"), Some("penicillin"), Some("penicilin"), Ask(4, Why::AllergyRemovedOrReworded, Some("penicilin, penicillin"))),
    ("one removed, one added", "allergies", Some("penicillin"), Some("penicillin"), Some("chicken"), Ask(4, Why::AllergyRemovedOrReworded, Some("penicillin, chicken"))),
    ("all removed", "allergies", Some("penicillin"), Some(""), Some("penicillin"), Ask(4, Why::AllergyRemovedOrReworded, Some("penicillin"))),
    ("replaced by none known", "allergies", Some("penicillin"), Some("penicillin"), Some("no known allergies"), Ask(4, Why::AllergyRemovedOrReworded, Some("penicillin"))),
    ("none known written beside an allergy", "allergies", Some("penicillin"), Some("penicillin; no known allergies"), Some("penicillin"), Ask(4, Why::AllergyRemovedOrReworded, Some("penicillin"))),
    ("an allergy written beside none known", "allergies", Some("no known allergies"), Some("no known allergies; penicillin"), Some("no known allergies"), Ask(3, Why::AllergyRemovedOrReworded, Some("penicillin"))),
    ("none known taken away", "allergies", Some("no known allergies"), Some(""), Some("no known allergies"), Ask(4, Why::Blanked, Some("no known allergies"))),
    // Notes: ServiceNow is the source.
    ("notes, ServiceNow", "medical_notes", Some("limps"), Some("limps\nbetter"), Some("limps"), Settle(1, "limps\nbetter", Rule::OneSideChanged, SN)),
    ("notes, EHR", "medical_notes", Some("limps"), Some("limps"), Some("limps\nbetter"), Ask(3, Why::EhrEditedOneWayField, Some("limps"))),
    ("notes, EHR wrote first", "medical_notes", Some(""), Some(""), Some("limps"), Ask(3, Why::EhrEditedOneWayField, Some("limps"))),
    ("notes blanked in ServiceNow", "medical_notes", Some("limps"), Some(""), Some("limps"), Ask(4, Why::Blanked, Some("limps"))),
    ("notes blanked in the EHR", "medical_notes", Some("limps"), Some("limps"), Some(""), Ask(4, Why::Blanked, Some("limps"))),
];

/// Both sides changed since the base.
#[rustfmt::skip]
const BOTH_CHANGED: &[Row] = &[
    ("alike", "patient_name", Some("Bela"), Some("Bella"), Some("BELLA"), Settle(2, "Bella", Rule::BothChangedAlike, None)),
    ("both blanked", "breed", Some("Beagle"), Some(""), Some(""), Settle(2, "", Rule::BothChangedAlike, None)),
    ("chip changed alike", "microchip_id", Some(CHIP), Some(OTHER_CHIP), Some(OTHER_CHIP), Settle(2, OTHER_CHIP, Rule::BothChangedAlike, None)),
    ("both removed the same allergy", "allergies", Some("penicillin, chicken"), Some("chicken"), Some("chicken"), Settle(2, "chicken", Rule::BothChangedAlike, None)),
    ("name", "patient_name", Some("Bela"), Some("Bella"), Some("Belle"), Ask(3, Why::BothChanged, None)),
    ("name, agreed blank before", "patient_name", Some(""), Some("Bella"), Some("Belle"), Ask(3, Why::BothChanged, None)),
    ("breed", "breed", Some("Beagle"), Some("Poodle"), Some("Siamese"), Ask(3, Why::BothChanged, None)),
    ("one blanked, one changed", "breed", Some("Beagle"), Some(""), Some("Poodle"), Ask(4, Why::Blanked, Some("Poodle"))),
    ("one changed, one blanked", "owner_email", Some("a@example.org"), Some("b@example.org"), Some(""), Ask(4, Why::Blanked, Some("b@example.org"))),
    ("one refines the other", "date_of_birth", Some("2018"), Some("2019"), Some("2019-05"), Settle(2, "2019-05", Rule::FinerDate, None)),
    ("one refines the other, ServiceNow finer", "date_of_birth", Some(""), Some("2019-05-04"), Some("2019-05"), Settle(2, "2019-05-04", Rule::FinerDate, None)),
    ("dates contradict", "date_of_birth", Some("2019-05-04"), Some("2019-05-05"), Some("2019-05-06"), Ask(3, Why::BothChanged, None)),
    ("sex", "gender", Some("U"), Some("MN"), Some("FS"), Ask(3, Why::BothChanged, None)),
    ("chip", "microchip_id", Some("985000000000001"), Some(CHIP), Some(OTHER_CHIP), Ask(4, Why::IdentityChanged, None)),
    ("chip, agreed blank before", "microchip_id", Some(""), Some(CHIP), Some(OTHER_CHIP), Ask(4, Why::IdentityChanged, None)),
    ("species", "species", Some("Dog"), Some("Cat"), Some("Rabbit"), Ask(4, Why::IdentityChanged, None)),
    ("custom identity", "tattoo", Some("AX1"), Some("AX2"), Some("AX3"), Ask(4, Why::IdentityChanged, None)),
    ("both added an allergy", "allergies", Some("penicillin"), Some("penicillin, chicken"), Some("penicillin, beef"), Ask(3, Why::BothChanged, Some("penicillin, chicken, beef"))),
    ("both added a first allergy", "allergies", Some(""), Some("chicken"), Some("beef"), Ask(3, Why::BothChanged, Some("chicken, beef"))),
    ("one added, one removed", "allergies", Some("penicillin"), Some("penicillin, chicken"), Some(""), Ask(4, Why::AllergyRemovedOrReworded, Some("penicillin, chicken"))),
    ("both removed the same, each added another", "allergies", Some("penicillin, chicken"), Some("chicken, beef"), Some("chicken, latex"), Ask(4, Why::AllergyRemovedOrReworded, Some("chicken, beef, latex, penicillin"))),
    ("both removed, differently", "allergies", Some("penicillin, chicken"), Some("penicillin"), Some("chicken"), Ask(4, Why::AllergyRemovedOrReworded, Some("penicillin, chicken"))),
    ("one reworded, one added", "allergies", Some("penicilin"), Some("penicillin"), Some("penicilin, beef"), Ask(4, Why::AllergyRemovedOrReworded, Some("penicillin, penicilin, beef"))),
    ("none known against an allergy, agreed blank before", "allergies", Some(""), Some("no known allergies"), Some("beef"), Ask(3, Why::BothChanged, Some("beef"))),
    ("notes merge", "medical_notes", Some("a\nb\nc\nd"), Some("A\nb\nc\nd"), Some("a\nb\nc\nD"), Settle(2, "A\nb\nc\nD", Rule::LinesMerged, None)),
    ("notes merge, one appended and one prepended", "medical_notes", Some("a\nb"), Some("new\na\nb"), Some("a\nb\nlast"), Settle(2, "new\na\nb\nlast", Rule::LinesMerged, None)),
    ("notes clash", "medical_notes", Some("a\nb"), Some("a\nB"), Some("a\nbb"), Ask(3, Why::MergeConflict, Some("a\nB\nbb"))),
    ("notes, agreed blank before", "medical_notes", Some(""), Some("fed"), Some("weighed"), Ask(3, Why::MergeConflict, Some("fed\nweighed"))),
    ("notes: one blanked", "medical_notes", Some("a"), Some(""), Some("a\nb"), Ask(4, Why::Blanked, Some("a\nb"))),
];

fn check(rows: &[Row]) {
    let catalogue = catalogue();
    for (what, id, agreed, servicenow, ehr, expected) in rows {
        let base = base(&catalogue, &[(id, *agreed)]);
        let servicenow = record(&catalogue, "s", &[(id, *servicenow)]);
        let ehr = record(&catalogue, "e", &[(id, *ehr)]);
        let comparison = compare(&pair(&catalogue, Some(&base), &servicenow, &ehr));
        let compared = &comparison.fields[usize::from(field(&catalogue, id).0)];
        let found = format!("{id}, {what}: {compared:#?}");
        let grade = match expected {
            Same => {
                assert_eq!(compared.settlement, Settlement::Nothing, "{found}");
                0
            }
            Settle(grade, value, rule, by) => {
                let Settlement::Settle { value: settled, rule: by_rule } = &compared.settlement else {
                    panic!("not settled: {found}")
                };
                assert_eq!(settled, &state(&catalogue, id, Some(value)), "{found}");
                assert_eq!((by_rule, compared.changed_by), (rule, *by), "{found}");
                *grade
            }
            Ask(grade, why, suggestion) => {
                let Settlement::Ask { why: asked, suggestion: suggested } = &compared.settlement else {
                    panic!("not asked: {found}")
                };
                assert_eq!(asked, why, "{found}");
                match (suggested, suggestion) {
                    (None, None) => {}
                    (Some(suggested), Some(text)) => {
                        let expected = state(&catalogue, id, Some(text));
                        assert!(reconcile::sides::same(suggested, &expected), "{found}");
                    }
                    _ => panic!("suggestion: {found}"),
                }
                *grade
            }
        };
        assert_eq!(compared.grade.number(), grade, "{found}");
        assert_eq!(comparison.grade.number(), grade, "the pair's grade is its highest: {found}");
        let others = comparison.fields.iter().filter(|other| other.field != compared.field);
        assert!(others.into_iter().all(|other| other.settlement == Settlement::Nothing), "{found}");
    }
}

#[test]
fn equal_values_need_nothing() {
    check(EQUAL);
}

#[test]
fn hidden_fields_are_left_alone() {
    check(HIDDEN);
}

#[test]
fn unreadable_values_are_asked() {
    check(UNREADABLE);
}

#[test]
fn first_contact_fills_blanks_and_asks_about_the_rest() {
    check(FIRST_CONTACT);
}

#[test]
fn a_change_on_one_side_is_taken_unless_it_takes_something_away() {
    check(ONE_CHANGED);
}

#[test]
fn changes_on_both_sides_are_merged_only_where_nothing_is_lost() {
    check(BOTH_CHANGED);
}

/// Without any base at all, first contact reads the same as with an empty one.
#[test]
fn no_base_is_the_same_as_a_base_that_knows_nothing() {
    let catalogue = catalogue();
    let empty = common::base_of(vec![FieldState::Unknown; catalogue.fields.len()]);
    for (_, id, agreed, servicenow, ehr, _) in FIRST_CONTACT {
        assert_eq!(*agreed, None);
        let servicenow = record(&catalogue, "s", &[(id, *servicenow)]);
        let ehr = record(&catalogue, "e", &[(id, *ehr)]);
        let without = compare(&pair(&catalogue, None, &servicenow, &ehr));
        assert_eq!(without, compare(&pair(&catalogue, Some(&empty), &servicenow, &ehr)));
    }
}

/// Why two differently written values are the same is said.
#[test]
fn equal_values_say_why() {
    use record::SameBecause::{
        BothBlank, CaseOrBlanks, PhoneFormat, SameAmount, SameConcept, SameMeaningOfSex, SameSet,
    };
    let catalogue = catalogue();
    for (id, servicenow, ehr, because) in [
        ("patient_name", "Bella", "Bella", None),
        ("patient_name", "BELLA", "Bella", Some(CaseOrBlanks)),
        ("owner_phone", "415 555 2671", "+14155552671", Some(PhoneFormat)),
        ("breed", "Lab", "Labrador Retriever", Some(SameConcept)),
        ("weight", "10 kg", "22.046 lb", Some(SameAmount)),
        ("allergies", "beef; chicken", "chicken; beef", Some(SameSet)),
        ("gender", "MN", "male neutered", Some(SameMeaningOfSex)),
        ("gender", "U", "", Some(SameMeaningOfSex)),
        ("breed", "", "", Some(BothBlank)),
    ] {
        let servicenow = record(&catalogue, "s", &[(id, Some(servicenow))]);
        let ehr = record(&catalogue, "e", &[(id, Some(ehr))]);
        let comparison = compare(&pair(&catalogue, None, &servicenow, &ehr));
        let compared = &comparison.fields[usize::from(field(&catalogue, id).0)];
        assert_eq!(compared.same_because, because, "{id}");
    }
}

/// Each side deleted what the other kept: a merge without a clash that would leave nothing is not carried out.
#[test]
fn a_merge_that_leaves_nothing_is_asked() {
    let catalogue = catalogue();
    let notes = usize::from(field(&catalogue, "medical_notes").0);
    let with = |text: &str| {
        let mut record = record(&catalogue, "x", &[]);
        record.fields[notes] = FieldState::Value(record::Value::LongText(text.to_owned()));
        record
    };
    let base = common::base_of(with("a\n\n\nb").fields);
    let comparison = compare(&pair(&catalogue, Some(&base), &with("a\n\n"), &with("\n\nb")));
    assert_eq!(
        comparison.fields[notes].settlement,
        Settlement::Ask { why: Why::MergeConflict, suggestion: None }
    );
}

/// A list of allergies that cannot be read may name one: only two persons may replace it, whatever the other side says.
#[test]
fn unreadable_allergies_take_two_persons() {
    let catalogue = catalogue();
    let allergies = field(&catalogue, "allergies");
    let unreadable = FieldState::Invalid {
        raw: String::new(),
        problem: record::value::ValueProblem {
            problem: "an allergy names no substance".to_owned(),
            way_out: "complete it".to_owned(),
        },
    };
    for (agreed, other, suggestion) in [
        (None, Some("penicillin"), Some("penicillin")),
        (Some("penicillin"), Some("penicillin"), Some("penicillin")),
        (Some("penicillin"), Some(""), None),
        (None, Some(""), None),
    ] {
        let base = base(&catalogue, &[("allergies", agreed)]);
        let readable = record(&catalogue, "s", &[("allergies", other)]);
        let mut broken = record(&catalogue, "e", &[]);
        broken.fields[usize::from(allergies.0)] = unreadable.clone();
        for (servicenow, ehr) in [(&readable, &broken), (&broken, &readable)] {
            let comparison = compare(&pair(&catalogue, Some(&base), servicenow, ehr));
            let compared = &comparison.fields[usize::from(allergies.0)];
            assert_eq!(compared.grade.number(), 4, "{agreed:?} {other:?}");
            let suggestion = suggestion.map(|text| state(&catalogue, "allergies", Some(text)));
            let asked = Settlement::Ask { why: Why::ValueUnreadable, suggestion };
            assert_eq!(compared.settlement, asked, "{agreed:?} {other:?}");
        }
    }
}
