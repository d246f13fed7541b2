//! Whether two records are the same animal (wire-facts 9.1): tiers, the litter trap, names without weight, and linking
//! whole sets.
#![allow(clippy::expect_used, clippy::panic, reason = "a test says so by failing")]

mod common;

use common::{catalogue, record};
use proptest::prelude::*;
use reconcile::identity::{
    self, BlockIndex, CertainBy, Evidence, FeatureFields, Features, KeyFact, Linking, Match, Matching,
    Resemblance, Tier, blocking_keys, key_facts,
};
use record::{Catalogue, Record};

fn usual() -> Matching {
    Matching::default()
}

fn same_animal(catalogue: &Catalogue, left: &Record, right: &Record) -> Match {
    identity::same_animal(catalogue, left, right, &usual())
}

fn contradict(catalogue: &Catalogue, left: &Record, right: &Record) -> bool {
    identity::contradict(catalogue, left, right, &usual())
}

fn evidence_of(left: &Features, right: &Features) -> Vec<Evidence> {
    identity::evidence_of(left, right, &usual())
}

fn link(servicenow: &[Features], ehr: &[Features]) -> Linking {
    identity::link(servicenow, ehr, &usual())
}

const CHIP: &str = "981020000123456";
const OTHER_CHIP: &str = "956000009876543";
const LEGACY: &str = "123456789";

/// Fields of one record, as `field=value` separated by `|`.
fn animal(key: &str, fields: &str) -> Record {
    let catalogue = catalogue();
    let fields: Vec<(&str, Option<&str>)> = fields
        .split('|')
        .map(str::trim)
        .filter(|field| !field.is_empty())
        .map(|field| {
            let (name, value) = field.split_once('=').expect("name=value");
            let id = match name {
                "name" => "patient_name",
                "born" => "date_of_birth",
                "chip" => "microchip_id",
                "sex" => "gender",
                "owner" => "owner_name",
                "phone" => "owner_phone",
                "email" => "owner_email",
                other => other,
            };
            (id, Some(value))
        })
        .collect();
    record(&catalogue, key, &fields)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    ByChip,
    Contradictory,
    Probable,
    Possible,
    No,
}
use Expect::{ByChip, Contradictory, No, Possible, Probable};

fn outcome(left: &str, right: &str) -> (Expect, Vec<Evidence>) {
    match same_animal(&catalogue(), &animal("s", left), &animal("e", right)) {
        Match::Certain { by: CertainBy::Microchip } => (ByChip, Vec::new()),
        Match::Certain { by } => panic!("{by:?} without a cross reference"),
        Match::Possible { tier, evidence } => (
            match tier {
                Tier::Contradictory => Contradictory,
                Tier::Probable => Probable,
                Tier::Possible => Possible,
            },
            evidence,
        ),
        Match::No => (No, Vec::new()),
    }
}

/// What it is about, two records, and what they come to.
#[rustfmt::skip]
const ROWS: &[(&str, &str, &str, Expect)] = &[
    // Certain, and what keeps a chip from being certain.
    ("same chip", "chip=981020000123456|species=Dog|name=Bella", "chip=981 020 000 123 456|species=Canine|name=Bella", ByChip),
    ("same chip, nothing else known", "chip=981020000123456", "chip=981020000123456", ByChip),
    ("same chip, rehomed and renamed alike", "chip=981020000123456|name=Bella|owner=Amy Chalmers", "chip=981020000123456|name=Belle|owner=Tom Okafor", ByChip),
    ("same chip, another name, same owner", "chip=981020000123456|name=Bella|owner=Amy Chalmers", "chip=981020000123456|name=Stormy|owner=Amy Chalmers", ByChip),
    ("same chip, no name that weighs", "chip=981020000123456|name=Unknown|owner=Amy Chalmers", "chip=981020000123456|name=Stormy|owner=Tom Okafor", ByChip),
    ("same chip, a name that says there is none", "chip=981020000123456|name=No Name|owner=Amy Chalmers", "chip=981020000123456|name=Stormy|owner=Tom Okafor", ByChip),
    ("same chip, a name that does not apply", "chip=981020000123456|name=N/A|owner=Amy Chalmers", "chip=981020000123456|name=Stormy|owner=Tom Okafor", ByChip),
    ("same chip, a name of words that only describe", "chip=981020000123456|name=Black Boy|owner=Amy Chalmers", "chip=981020000123456|name=Fifi|owner=Tom Okafor", Contradictory),
    ("same chip, another species", "chip=981020000123456|species=Dog|name=Bella", "chip=981020000123456|species=Cat|name=Bella", Contradictory),
    ("same chip, another name and owner", "chip=981020000123456|name=Bella|owner=Amy Chalmers", "chip=981020000123456|name=Stormy|owner=Tom Okafor", Contradictory),
    ("same chip, another name and owner name, same phone", "chip=981020000123456|name=Bella|owner=Amy Chalmers|phone=415-555-2671", "chip=981020000123456|name=Stormy|owner=Tom Okafor|phone=4155552671", ByChip),
    // Legacy numbers are strong, never certain.
    ("same legacy chip", "chip=123456789|species=Dog", "chip=123*456*789|species=Dog", Possible),
    ("same legacy chip, name and owner", "chip=123456789|species=Dog|name=Bella|owner=Amy Chalmers", "chip=123456789|species=Dog|name=Bella|owner=Amy Chalmers", Probable),
    ("same legacy chip, another species", "chip=123456789|species=Dog", "chip=123456789|species=Cat", Contradictory),
    // Probable.
    ("name, species, phone", "name=Bella|species=Dog|phone=415-555-2671", "name=bella|species=Canine|phone=+14155552671", Probable),
    ("name, species, e-mail", "name=Bella|species=Dog|email=amy@example.org", "name=Bella|species=Dog|email=AMY@example.org", Probable),
    ("name with the owner's surname", "name=Bella Chalmers|species=Dog|owner=Amy Chalmers|phone=415-555-2671", "name=Bella|species=Dog|owner=Chalmers, Amy|phone=415-555-2671", Probable),
    ("an apostrophe within the name", "name=J'B|species=Dog|phone=415-555-2671", "name=JB|species=Dog|phone=415-555-2671", Probable),
    ("diacritics and quotes", "name=Zoë \"Zoomie\"|species=Cat|phone=415-555-2671", "name=Zoe Zoomie|species=Cat|phone=415-555-2671", Probable),
    // Held back to possible, or out.
    ("the sexes differ", "name=Bella|species=Dog|sex=MN|phone=415-555-2671", "name=Bella|species=Dog|sex=FS|phone=415-555-2671", Possible),
    ("born years apart", "name=Bella|species=Dog|born=2009-05-04|phone=415-555-2671", "name=Bella|species=Dog|born=2019-05-04|phone=415-555-2671", Possible),
    ("two valid chips", "name=Bella|species=Dog|phone=415-555-2671|chip=981020000123456", "name=Bella|species=Dog|phone=415-555-2671|chip=956000009876543", Possible),
    ("an old and a new chip", "name=Bella|species=Dog|phone=415-555-2671|chip=123456789", "name=Bella|species=Dog|phone=415-555-2671|chip=956000009876543", Probable),
    ("species not said on one side", "name=Bella|species=Dog|phone=415-555-2671", "name=Bella|phone=415-555-2671", Possible),
    ("name less alike", "name=Bella|species=Dog|phone=415-555-2671", "name=Bela Lou|species=Dog|phone=415-555-2671", Possible),
    ("a letter left out of a short name", "name=Max|species=Dog|phone=415-555-2671", "name=Mx|species=Dog|phone=415-555-2671", Possible),
    ("two letters of a short name exchanged", "name=Max|species=Dog|phone=415-555-2671", "name=Mxa|species=Dog|phone=415-555-2671", Possible),
    ("another letter makes another short name", "name=Leo|species=Dog|phone=415-555-2671", "name=Lia|species=Dog|phone=415-555-2671", No),
    ("a slip in the second letter, met by the owner alone", "name=Bella|species=Dog|owner=Amy Chalmers", "name=Blela|species=Dog|owner=A. Chalmers", Possible),
    ("owner's name instead of phone", "name=Bella|species=Dog|owner=Amy Chalmers", "name=Bella|species=Dog|owner=Amy Chalmers", Possible),
    ("owner with an initial", "name=Bella|species=Dog|owner=A. Chalmers", "name=Bella|species=Dog|owner=Amy Chalmers", Possible),
    ("a short name that begins a longer one is no initial", "name=Bella|species=Dog|owner=Maximiliana Ng", "name=Bella|species=Dog|owner=Ma Ng", No),
    ("nor the other way round", "name=Bella|species=Dog|owner=Ma Ng", "name=Bella|species=Dog|owner=Maximiliana Ng", No),
    ("a first name alone is nobody's", "name=Bella|species=Dog|owner=Amy", "name=Bella|species=Dog|owner=Amy Chalmers", No),
    ("two initials are nobody's", "name=Bella|species=Dog|owner=A. C.", "name=Bella|species=Dog|owner=Amy Chalmers", No),
    ("one name of two, and no initial", "name=Bella|species=Dog|owner=Amy Okafor", "name=Bella|species=Dog|owner=Theodora Okafor", No),
    ("owners of one household", "name=Bella|species=Dog|owner=Amy and Tom Chalmers", "name=Bella|species=Dog|owner=Mrs. Amy Chalmers", Possible),
    ("owner's name, born at another time", "name=Bella|species=Dog|owner=Amy Chalmers|born=2009-05-04", "name=Bella|species=Dog|owner=Amy Chalmers|born=2019-05-04", No),
    ("owner's name, birth estimated", "name=Bella|species=Dog|owner=Amy Chalmers|born=2019", "name=Bella|species=Dog|owner=Amy Chalmers|born=2018-11-04", Possible),
    ("day and month swapped", "name=Bella|species=Dog|owner=Amy Chalmers|born=2019-03-11", "name=Bella|species=Dog|owner=Amy Chalmers|born=2019-11-03", Possible),
    ("owner's name, born 45 days apart", "name=Bella|species=Dog|owner=Amy Chalmers|born=2019-05-04", "name=Bella|species=Dog|owner=Amy Chalmers|born=2019-06-18", Possible),
    ("owner's name, born 46 days apart", "name=Bella|species=Dog|owner=Amy Chalmers|born=2019-05-04", "name=Bella|species=Dog|owner=Amy Chalmers|born=2019-06-19", No),
    ("owner's name, born on the same day of another month", "name=Bella|species=Dog|owner=Amy Chalmers|born=2019-05-04", "name=Bella|species=Dog|owner=Amy Chalmers|born=2019-09-04", No),
    ("owner's name, born on both sides of a new year", "name=Bella|species=Dog|owner=Amy Chalmers|born=2018-12-20", "name=Bella|species=Dog|owner=Amy Chalmers|born=2019-01-10", Possible),
    ("owner's name, day and month swapped, another year", "name=Bella|species=Dog|owner=Amy Chalmers|born=2018-03-11", "name=Bella|species=Dog|owner=Amy Chalmers|born=2019-11-03", No),
    ("owner's name, months that follow each other", "name=Bella|species=Dog|owner=Amy Chalmers|born=2018-12", "name=Bella|species=Dog|owner=Amy Chalmers|born=2019-01-10", Possible),
    ("owner's name, two months apart", "name=Bella|species=Dog|owner=Amy Chalmers|born=2019-05", "name=Bella|species=Dog|owner=Amy Chalmers|born=2019-07-01", No),
    ("owner's name, the same month of the next year", "name=Bella|species=Dog|owner=Amy Chalmers|born=2018-05", "name=Bella|species=Dog|owner=Amy Chalmers|born=2019-05-10", No),
    ("owner's name, years that do not follow each other", "name=Bella|species=Dog|owner=Amy Chalmers|born=2019", "name=Bella|species=Dog|owner=Amy Chalmers|born=2017-12-31", No),
    ("owner unknown, same day of birth", "name=Bella|species=Dog|born=2019-05-04", "name=Bella|species=Dog|born=2019-05-04|owner=Amy Chalmers", Possible),
    ("owner unknown, same year of birth", "name=Bella|species=Dog|born=2019", "name=Bella|species=Dog|born=2019|owner=Amy Chalmers", No),
    ("a common name", "name=Bella|species=Dog|owner=Amy Chalmers", "name=Bella|species=Dog|owner=Tom Okafor", No),
    ("another species", "name=Bella|species=Dog|phone=415-555-2671", "name=Bella|species=Cat|phone=415-555-2671", No),
    // The litter trap: siblings share everything but name, sex and chip.
    ("siblings", "name=Bella|species=Dog|breed=Beagle|born=2019-05-04|owner=Amy Chalmers|phone=415-555-2671", "name=Luna|species=Dog|breed=Beagle|born=2019-05-04|owner=Amy Chalmers|phone=415-555-2671", No),
    ("siblings without names", "species=Dog|born=2019-05-04|owner=Amy Chalmers|phone=415-555-2671", "species=Dog|born=2019-05-04|owner=Amy Chalmers|phone=415-555-2671", No),
    ("siblings by number", "name=Duke 1|species=Dog|born=2019-05-04|phone=415-555-2671", "name=Duke 2|species=Dog|born=2019-05-04|phone=415-555-2671", No),
    ("the same number at the end of names spelt alike", "name=Duke 2|species=Dog|phone=415-555-2671", "name=Dukke 2|species=Dog|phone=415-555-2671", Probable),
    ("a number on one side alone", "name=Duke|species=Dog|phone=415-555-2671", "name=Duke 2|species=Dog|phone=415-555-2671", Probable),
    ("siblings by letter", "name=Daisy A|species=Dog|phone=415-555-2671", "name=Daisy B|species=Dog|phone=415-555-2671", No),
    // Names without weight.
    ("unknown", "name=Unknown|species=Cat|phone=415-555-2671", "name=Unknown|species=Cat|phone=415-555-2671", No),
    ("baby", "name=Baby|species=Cat|phone=415-555-2671", "name=baby|species=Cat|phone=415-555-2671", No),
    ("stray", "name=Stray|species=Cat|phone=415-555-2671", "name=STRAY|species=Cat|phone=415-555-2671", No),
    ("kitten 3", "name=Kitten 3|species=Cat|phone=415-555-2671", "name=Kitten 3|species=Cat|phone=415-555-2671", No),
    ("baby with the owner's surname", "name=Baby Chalmers|species=Cat|owner=Amy Chalmers|phone=415-555-2671", "name=Baby|species=Cat|owner=Amy Chalmers|phone=415-555-2671", No),
    ("a name that begins like one without weight", "name=Babycakes|species=Cat|phone=415-555-2671", "name=Babycakes|species=Cat|phone=415-555-2671", Probable),
    ("as unlike as a name may be, another owner, one chip", "chip=981020000123456|name=Abcd|owner=Amy Chalmers", "chip=981020000123456|name=Eafg|owner=Tom Okafor", ByChip),
    ("more unlike", "chip=981020000123456|name=Abcde|owner=Amy Chalmers", "chip=981020000123456|name=Fahij|owner=Tom Okafor", Contradictory),
    ("owner's name, born at another time, same phone", "name=Bella|species=Dog|owner=Amy Chalmers|phone=415-555-2671|born=2009-05-04", "name=Bella|species=Dog|owner=Amy Chalmers|phone=415-555-2671|born=2019-05-04", Possible),
    ("owner unknown, same day of birth, species not said", "name=Bella|born=2019-05-04", "name=Bella|species=Dog|born=2019-05-04", No),
    ("owner unknown, same day of birth, name less alike", "name=Bella|species=Dog|born=2019-05-04", "name=Bela Lou|species=Dog|born=2019-05-04", No),
    ("owner unknown, another day of birth", "name=Bella|species=Dog|born=2019-05-04", "name=Bella|species=Dog|born=2019-05-05", No),
    ("two chips, and nothing else alike", "name=Bella|species=Dog|chip=981020000123456", "name=Luna|species=Dog|chip=956000009876543", No),
    ("species that nobody knows, alike", "name=Bella|species=Wombat|phone=415-555-2671", "name=Bella|species=wombat|phone=415-555-2671", Probable),
    ("species that nobody knows, different", "name=Bella|species=Wombat|phone=415-555-2671", "name=Bella|species=Quokka|phone=415-555-2671", No),
    ("a species that says nothing", "name=Bella|species=Animal|phone=415-555-2671", "name=Bella|species=Dog|phone=415-555-2671", Possible),
    ("a surname of two words", "name=Bella van Dyk|species=Dog|owner=van Dyk, Amy|phone=415-555-2671", "name=Bella|species=Dog|owner=Amy van Dyk|phone=415-555-2671", Probable),
    ("a name that is the owner's surname", "name=Chalmers|species=Dog|owner=Amy Chalmers|phone=415-555-2671", "name=Chalmers|species=Dog|owner=Amy Chalmers|phone=415-555-2671", Probable),
    // An unreadable chip and an invalid phone are no keys.
    ("invalid phone", "name=Bella|species=Dog|phone=555-0100", "name=Bella|species=Dog|phone=555-0100", No),
    ("unreadable chip", "chip=98102", "chip=98102", No),
    ("nothing known", "", "", No),
];

#[test]
fn tiers() {
    for (what, left, right, expected) in ROWS {
        assert_eq!(outcome(left, right).0, *expected, "{what}");
        assert_eq!(outcome(right, left).0, *expected, "{what}, the other way round");
    }
}

/// Records that resemble each other at all share a blocking key; otherwise they would never meet.
#[test]
fn what_resembles_meets() {
    let catalogue = catalogue();
    for (what, left, right, expected) in ROWS {
        let left = blocking_keys(&catalogue, &animal("s", left));
        let right = blocking_keys(&catalogue, &animal("e", right));
        let meet = left.iter().any(|key| right.contains(key));
        assert!(*expected == No || meet, "{what}: {left:?} {right:?}");
    }
}

/// Letters that people without them on their keyboard type otherwise.
#[test]
fn letters_that_are_typed_otherwise_meet() {
    let pairs = [
        ("Iß", "Iss"),
        ("Æsop", "Aesop"),
        ("Œdipe", "Oedipe"),
        ("Øyvind", "Oyvind"),
        ("Łuna", "Luna"),
        ("Đuro", "Duro"),
        ("Þor", "Thor"),
        ("ıris", "Iris"),
        ("Élan", "Elan"),
    ];
    for (typed, plain) in pairs {
        let keys = |name: &str| {
            blocking_keys(&catalogue(), &animal("s", &format!("name={name}|owner=Amy Chalmers")))
        };
        assert!(!keys(typed).is_empty(), "{typed}");
        assert_eq!(keys(typed), keys(plain), "{typed}");
    }
}

#[test]
fn evidence_says_what_speaks_for_and_against() {
    let (tier, evidence) = outcome(
        "name=Bella|species=Dog|phone=415-555-2671|chip=981020000123456|born=2019-05-04|sex=MN|owner=Amy Chalmers",
        "name=Bella|species=Dog|phone=415-555-2671|chip=956000009876543|born=2019|sex=FS|owner=Tom Okafor",
    );
    assert_eq!(tier, Possible);
    assert_eq!(
        evidence,
        [
            Evidence::DifferentChips,
            Evidence::NameAlike,
            Evidence::SameSpecies,
            Evidence::SamePhone,
            Evidence::OwnerDifferent,
            Evidence::BirthDateAlike,
            Evidence::SexDifferent,
        ]
    );
    let (_, evidence) =
        outcome("chip=123456789|name=Stray", "chip=123456789|name=Bella|email=amy@example.org");
    assert_eq!(evidence, [Evidence::SameChip, Evidence::NameCarriesNoWeight]);
    // A name that nobody gave carries no weight either, and nothing is to be said of it.
    assert_eq!(outcome("chip=123456789", "chip=123456789|name=Bella").1, [Evidence::SameChip]);
    // That the sex is the same, or a telephone another, says nothing.
    let both = features(&[
        animal("s", "name=Bella|phone=415-555-2671|email=amy@example.org|sex=MN|born=2009"),
        animal("e", "name=Stormy|phone=415-555-2672|email=tom@example.org|sex=MN|born=2019"),
    ]);
    assert_eq!(evidence_of(&both[0], &both[1]), [Evidence::NameDifferent, Evidence::BirthDateDifferent]);
}

/// A person may ask about two records that no rule would bring together.
#[test]
fn evidence_is_told_of_records_that_do_not_match_too() {
    let (left, right) = ("name=Bella|species=Dog|sex=MN", "name=Bella|species=Dog|sex=FS|born=2019");
    assert_eq!(outcome(left, right).0, No);
    let both = features(&[animal("s", left), animal("e", right)]);
    assert_eq!(
        evidence_of(&both[0], &both[1]),
        [Evidence::NameAlike, Evidence::SameSpecies, Evidence::SexDifferent]
    );
}

#[test]
fn cross_references_link_unless_they_are_contradicted() {
    let catalogue = catalogue();
    let matched = |left: &Record, right: &Record| same_animal(&catalogue, left, right);
    let by_reference = Match::Certain { by: CertainBy::CrossReference };
    let contradictory = |found: Match| matches!(found, Match::Possible { tier: Tier::Contradictory, .. });
    let pointing = |mut record: Record, to: &str| {
        record.other_key = Some(to.to_owned());
        record
    };
    let (left, right) = (animal("s1", "name=Bella|species=Dog"), animal("e1", "name=Luna|species=Dog"));
    // Either side's reference is enough; what differs is the comparison's matter.
    assert_eq!(matched(&pointing(left.clone(), "e1"), &right), by_reference);
    assert_eq!(matched(&left, &pointing(right.clone(), "s1")), by_reference);
    assert_eq!(matched(&pointing(left.clone(), "e1"), &pointing(right.clone(), "s1")), by_reference);
    // One points here, the other elsewhere.
    assert!(contradictory(matched(&pointing(left.clone(), "e1"), &pointing(right.clone(), "s9"))));
    // Both point elsewhere: nothing is said about these two.
    assert_eq!(matched(&pointing(left.clone(), "e9"), &pointing(right, "s9")), Match::No);
    // Plainly another animal.
    let stormy = animal("e1", "name=Stormy|species=Cat");
    assert!(contradictory(matched(&pointing(left.clone(), "e1"), &stormy)));
    // A dog's id on a cat's record, of the same name.
    let cat = animal("e1", "name=Bella|species=Cat");
    assert!(contradictory(matched(&pointing(left, "e1"), &cat)));
}

/// What it is about, two records that a stored id links, and whether a person must look.
#[rustfmt::skip]
const LINKED: &[(&str, &str, &str, bool)] = &[
    // Species.
    ("two species", "species=Dog|name=Bella", "species=Cat|name=Bella", true),
    ("two species, nothing else known", "species=Dog", "species=Cat", true),
    ("the same species in other words", "species=Dog|name=Bella", "species=Canine|name=Bella", false),
    ("one species not said", "species=Dog|name=Bella", "name=Bella", false),
    ("one species not recognised", "species=Dog|name=Bella", "species=Snarkhound|name=Bella", false),
    ("neither recognised, in different words", "species=Snarkhound|name=Bella", "species=Boojum|name=Bella", false),
    ("neither recognised, clearly another name", "species=Snarkhound|name=Bella", "species=Boojum|name=Stormy", true),
    // Name and owner.
    ("another name, another owner", "name=Bella|owner=Amy Chalmers", "name=Stormy|owner=Tom Okafor", true),
    ("another name, same owner", "name=Bella|owner=Amy Chalmers", "name=Stormy|owner=Amy Chalmers", false),
    ("another name, another owner of the same phone", "name=Bella|owner=Amy Chalmers|phone=415-555-2671", "name=Stormy|owner=Tom Okafor|phone=4155552671", false),
    ("another name, owner not said", "name=Bella|owner=Amy Chalmers", "name=Stormy", false),
    ("another owner, same name: rehomed", "name=Bella|owner=Amy Chalmers", "name=Bella|owner=Tom Okafor", false),
    ("another owner, name corrected", "name=Bela|owner=Amy Chalmers", "name=Bella|owner=Tom Okafor", false),
    ("another owner, one name without weight", "name=Stray|owner=Amy Chalmers", "name=Stormy|owner=Tom Okafor", false),
    // Chips.
    ("two chips, names not alike", "chip=981020000123456|name=Bella", "chip=956000009876543|name=Luna", true),
    ("two chips, siblings by number", "chip=981020000123456|name=Duke 1", "chip=956000009876543|name=Duke 2", true),
    ("two chips, same name: re-chipped", "chip=981020000123456|name=Bella", "chip=956000009876543|name=BELLA", false),
    ("two chips, name corrected", "chip=981020000123456|name=Bela", "chip=956000009876543|name=Bella", false),
    ("two chips, a name not said", "chip=981020000123456|name=Bella", "chip=956000009876543", false),
    ("an old chip and a new one", "chip=123456789|name=Bella", "chip=956000009876543|name=Luna", false),
    ("two old chips, clearly another name", "chip=123456789|name=Bella", "chip=987654321|name=Stormy", true),
    ("an unreadable chip", "chip=98102|name=Bella", "chip=956000009876543|name=Luna", false),
    ("the same chip, another name", "chip=981020000123456|name=Bella", "chip=981020000123456|name=Luna", false),
    // The rest is the comparison's matter.
    ("sex and birth date differ", "name=Bella|sex=MN|born=2009-05-04", "name=Bella|sex=FS|born=2019-05-04", false),
    ("nothing known", "", "", false),
];

#[test]
fn linked_records_contradict_each_other_or_merely_differ() {
    let catalogue = catalogue();
    for (what, left, right, expected) in LINKED {
        let (left, right) = (animal("s", left), animal("e", right));
        assert_eq!(contradict(&catalogue, &left, &right), *expected, "{what}");
        assert_eq!(contradict(&catalogue, &right, &left), *expected, "{what}, the other way round");
    }
}

fn features(records: &[Record]) -> Vec<Features> {
    let fields = FeatureFields::of(&catalogue());
    records.iter().map(|record| Features::of(&fields, record)).collect()
}

fn certain(linking: &Linking) -> Vec<(usize, usize, CertainBy)> {
    linking.certain.iter().map(|link| (link.servicenow, link.ehr, link.by)).collect()
}

fn possible(linking: &Linking) -> Vec<(usize, usize)> {
    linking.possible.iter().map(|link| (link.servicenow, link.ehr)).collect()
}

#[test]
fn a_clinic_is_linked() {
    let mut referenced = animal("s0", "name=Max|species=Dog");
    referenced.other_key = Some("e3".to_owned());
    let servicenow = features(&[
        referenced,
        animal("s1", "name=Bella|species=Dog|chip=981020000123456"),
        animal("s2", "name=Luna|species=Cat|owner=Amy Chalmers|phone=415-555-2671"),
        animal("s3", "name=Rex|species=Dog|owner=Tom Okafor"),
    ]);
    let ehr = features(&[
        animal("e0", "name=Bella|species=Dog|chip=981020000123456"),
        animal("e1", "name=Luna|species=Cat|owner=Amy Chalmers|phone=415-555-2671"),
        animal("e2", "name=Hopper|species=Rabbit|owner=Ines Duarte"),
        animal("e3", "name=Maxl|species=Dog"),
    ]);
    let linking = link(&servicenow, &ehr);
    assert_eq!(certain(&linking), [(0, 3, CertainBy::CrossReference), (1, 0, CertainBy::Microchip)]);
    assert_eq!(possible(&linking), [(2, 1)]);
    assert_eq!((linking.only_servicenow, linking.only_ehr), (vec![3], vec![2]));
}

#[test]
fn a_chip_that_is_not_unique_links_nobody() {
    let chip = format!("species=Dog|chip={CHIP}");
    let servicenow = features(&[animal("s0", &chip), animal("s1", &chip)]);
    let ehr = features(&[animal("e0", &chip)]);
    let linking = link(&servicenow, &ehr);
    assert_eq!(certain(&linking), []);
    assert_eq!(possible(&linking), [(0, 0), (1, 0)]);
    assert!(linking.possible.iter().all(|link| !matches!(link.matched, Match::Certain { .. })));
    assert!(linking.only_servicenow.is_empty() && linking.only_ehr.is_empty());
}

/// The loser of a merge keeps its chip; the record in use gets the link, and the loser is a duplicate of it.
#[test]
fn among_holders_of_a_chip_the_one_in_use_counts() {
    let chip = format!("species=Dog|chip={CHIP}");
    let mut loser = animal("s0", &chip);
    loser.active = false;
    let linking = link(&features(&[loser, animal("s1", &chip)]), &features(&[animal("e0", &chip)]));
    assert_eq!(certain(&linking), [(1, 0, CertainBy::Microchip)]);
    assert_eq!(possible(&linking), [(0, 0)]);
}

#[test]
fn a_reference_claimed_twice_links_nobody() {
    let claim = |key: &str| {
        let mut record = animal(key, "name=Bella|species=Dog");
        record.other_key = Some("e0".to_owned());
        record
    };
    let linking =
        link(&features(&[claim("s0"), claim("s1")]), &features(&[animal("e0", "name=Bella|species=Dog")]));
    assert_eq!(certain(&linking), []);
    assert_eq!(possible(&linking), [(0, 0), (1, 0)]);
}

/// A second row of a patient that is linked already is a duplicate, not a new patient.
#[test]
fn a_row_that_resembles_a_linked_patient_is_not_created() {
    let bella = "name=Bella|species=Dog|owner=Amy Chalmers|phone=415-555-2671";
    let with_chip = format!("{bella}|chip={CHIP}");
    let linking = link(
        &features(&[animal("s0", &with_chip), animal("s1", bella)]),
        &features(&[animal("e0", &with_chip)]),
    );
    assert_eq!(certain(&linking), [(0, 0, CertainBy::Microchip)]);
    assert_eq!(possible(&linking), [(1, 0)]);
    assert_eq!(linking.only_servicenow, Vec::<usize>::new());
}

/// A litter on both sides: the named ones that match are asked about, nothing is linked across siblings.
#[test]
fn a_litter_is_not_mixed_up() {
    let pup = |key: &str, name: &str, chip: &str| {
        animal(
            key,
            &format!("name={name}|species=Dog|born=2024-05-04|owner=Amy Chalmers|phone=415-555-2671|{chip}"),
        )
    };
    let servicenow = features(&[
        pup("s0", "Bella", ""),
        pup("s1", "Puppy 2", ""),
        pup("s2", "Stormy", &format!("chip={OTHER_CHIP}")),
    ]);
    let ehr = features(&[
        pup("e0", "Puppy 2", ""),
        pup("e1", "Bella", ""),
        pup("e2", "Stormy", &format!("chip={OTHER_CHIP}")),
    ]);
    let linking = link(&servicenow, &ehr);
    assert_eq!(certain(&linking), [(2, 2, CertainBy::Microchip)]);
    assert_eq!(possible(&linking), [(0, 1)]);
    assert_eq!((linking.only_servicenow, linking.only_ehr), (vec![1], vec![0]));
}

#[test]
fn what_resembles_a_new_patient_is_found_likeliest_first() {
    let records = features(&[
        animal("e0", "name=Bela Lou|species=Dog|owner=Amy Chalmers|phone=415-555-2671"),
        animal("e1", "name=Luna|species=Dog|owner=Amy Chalmers|phone=415-555-2671"),
        animal("e2", "name=Bella|species=Dog|owner=Amy Chalmers|phone=415-555-2671"),
    ]);
    let index = BlockIndex::new(&records);
    let new = features(&[animal("s", "name=Bella|species=Dog|owner=Amy Chalmers|phone=415-555-2671")]);
    let found: Vec<usize> =
        index.resembling(&new[0], &records, &usual()).iter().map(|found| found.at).collect();
    assert_eq!(found, [2, 0]);
    let other = features(&[animal("s", "name=Rex|species=Dog|owner=Tom Okafor|phone=415-555-2672")]);
    assert_eq!(index.resembling(&other[0], &records, &usual()), []);
}

/// Of too many that resemble a record, the likeliest are asked about.
#[test]
fn the_likeliest_of_too_many_are_kept() {
    let named = |key: &str, name: &str| {
        animal(key, &format!("name={name}|species=Dog|owner=Amy Chalmers|phone=415-555-2671"))
    };
    let name = |number: usize| if number == 24 { "Bella" } else { "Bela Lou" };
    let ehr: Vec<Record> = (0..25).map(|number| named(&format!("e{number}"), name(number))).collect();
    // All of them are linked, so that none asks for itself; the last row is not.
    let mut servicenow: Vec<Record> = (0..25)
        .map(|number| Record {
            other_key: Some(format!("e{number}")),
            ..named(&format!("s{number}"), name(number))
        })
        .collect();
    servicenow.push(named("s25", "Bella"));
    let found = possible(&link(&features(&servicenow), &features(&ehr)));
    assert_eq!((found.len(), found.contains(&(25, 24))), (20, true), "{found:?}");
}

/// A shelter's phone number must not make every two of its animals meet.
#[test]
fn a_large_block_is_narrowed_by_the_names_first_letter() {
    let shelter: Vec<Record> = (0..400_u32)
        .map(|number| {
            let name = char::from(b'A' + u8::try_from(number % 26).expect("small"));
            animal(&format!("e{number}"), &format!("name={name}olly|species=Dog|phone=415-555-2671"))
        })
        .collect();
    let records = features(&shelter);
    let index = BlockIndex::new(&records);
    let new = features(&[animal("s", "name=Molly|species=Dog|phone=415-555-2671")]);
    let candidates = index.candidates(&new[0], &records);
    assert!(candidates.len() < 20, "{}", candidates.len());
    assert!(candidates.iter().all(|at| at % 26 == 12));
    assert_eq!(index.resembling(&new[0], &records, &usual()).len(), candidates.len());
}

/// A block is narrowed where it holds more than 64, and one of chips never is.
#[test]
fn a_block_of_sixty_four_is_not_narrowed() {
    let meets = |count: u32, same: &str| {
        let animals: Vec<Record> = (0..count)
            .map(|number| {
                let name = char::from(b'A' + u8::try_from(number % 26).expect("small"));
                animal(&format!("e{number}"), &format!("name={name}olly|species=Dog|{same}"))
            })
            .collect();
        let records = features(&animals);
        let new = features(&[animal("s", &format!("name=Molly|species=Dog|{same}"))]);
        BlockIndex::new(&records).candidates(&new[0], &records).len()
    };
    assert_eq!(meets(64, "phone=415-555-2671"), 64);
    assert_eq!(meets(65, "phone=415-555-2671"), 3);
    assert_eq!(meets(65, &format!("chip={CHIP}")), 65);
}

/// A legacy number is compared without its stars.
#[test]
fn chips_meet_in_their_normal_form() {
    let catalogue = catalogue();
    let plain = blocking_keys(&catalogue, &animal("s", &format!("chip={LEGACY}")));
    assert_eq!(plain, blocking_keys(&catalogue, &animal("e", "chip=123*456*789")));
    assert_eq!(plain.len(), 1);
}

/// What two records of one system come to: the tier and the evidence.
fn within(left: Record, right: Record) -> Option<(Tier, Vec<Evidence>)> {
    let both = features(&[left, right]);
    match identity::within(&both, &usual()).pop() {
        Some((0, Resemblance { at: 1, matched: Match::Possible { tier, evidence } })) => {
            Some((tier, evidence))
        }
        Some(other) => panic!("{other:?}"),
        None => None,
    }
}

/// Two rows of one system that are one animal are found by the same signs, and never certain.
#[test]
fn an_animal_entered_twice_in_one_system_is_found() {
    let bella = "name=Bella|species=Dog|owner=Amy Chalmers|phone=415-555-2671";
    let with_chip =
        |name: &str, species: &str| animal(name, &format!("name={name}|species={species}|chip={CHIP}"));
    #[rustfmt::skip]
    let rows = [
        ("alike in everything", animal("s0", bella), animal("s1", bella), Some(Probable)),
        ("the same chip", with_chip("Bella", "Dog"), with_chip("Bella", "Dog"), Some(Probable)),
        ("the same chip, another species", with_chip("Bella", "Dog"), with_chip("Bella", "Cat"), Some(Contradictory)),
        ("owner's name only", animal("s0", "name=Bella|species=Dog|owner=Amy Chalmers"), animal("s1", "name=Bella|species=Dog|owner=A. Chalmers"), Some(Possible)),
        ("siblings", animal("s0", bella), animal("s1", &bella.replace("Bella", "Luna")), None),
        ("siblings without names", animal("s0", "name=Kitten 1|species=Cat|phone=415-555-2671"), animal("s1", "name=Kitten 2|species=Cat|phone=415-555-2671"), None),
    ];
    for (what, left, right, expected) in rows {
        let tier = within(left, right).map(|(tier, _)| match tier {
            Tier::Contradictory => Contradictory,
            Tier::Probable => Probable,
            Tier::Possible => Possible,
        });
        assert_eq!(tier, expected, "{what}");
    }
}

/// Whoever merged one of the two has answered the question.
#[test]
fn the_loser_of_a_merge_is_no_duplicate_any_more() {
    let bella = "name=Bella|species=Dog|owner=Amy Chalmers|phone=415-555-2671";
    let mut loser = animal("s0", bella);
    loser.active = false;
    assert_eq!(within(loser, animal("s1", bella)), None);
}

/// Two rows that carry the number of the same patient of the other system.
#[test]
fn two_records_that_name_the_same_partner_are_found_whatever_they_say() {
    let naming = |key: &str, fields: &str| Record { other_key: Some("e0".to_owned()), ..animal(key, fields) };
    let (tier, evidence) =
        within(naming("s0", "name=Bella|species=Dog"), naming("s1", "name=Stormy|species=Dog"))
            .expect("a pair");
    assert_eq!((tier, evidence[0]), (Tier::Probable, Evidence::SameReference));
    let (tier, _) = within(naming("s0", "name=Bella|species=Dog"), naming("s1", "name=Bella|species=Cat"))
        .expect("a pair");
    assert_eq!(tier, Tier::Contradictory);
}

/// The same name and phone, yet everything else against it: the next dog of a family that calls all of them Bella.
#[test]
fn enough_against_it_outweighs_a_name_and_a_phone_number() {
    let first = "name=Bella|species=Dog|phone=415-555-2671|born=2009-05-04|sex=FS|chip=981020000123456";
    let next = "name=Bella|species=Dog|phone=415-555-2671|born=2019-05-04|sex=MN|chip=956000009876543";
    assert_eq!(outcome(first, next).0, No);
    assert_eq!(outcome(first, &next.replace("sex=MN", "sex=FS")).0, Possible, "two chips alone are none");
}

/// The terms are the hospital's.
#[test]
fn thresholds_and_weights_are_settings() {
    let (left, right) =
        ("name=Bella|species=Dog|phone=415-555-2671", "name=Bela|species=Dog|phone=415-555-2671");
    let tier = |matching: &Matching, left: &str, right: &str| {
        identity::same_animal(&catalogue(), &animal("s", left), &animal("e", right), matching)
    };
    let is = |found: &Match, wanted: Tier| matches!(found, Match::Possible { tier, .. } if *tier == wanted);
    assert!(is(&tier(&usual(), left, right), Tier::Probable));
    let stricter = Matching { name_probable_percent: 97, ..usual() };
    assert!(is(&tier(&stricter, left, right), Tier::Possible));
    let more_points = Matching { probable_points: 56, ..usual() };
    assert!(is(&tier(&more_points, left, right), Tier::Possible));
    assert_eq!(
        tier(&Matching { possible_points: 56, probable_points: 90, ..usual() }, left, right),
        Match::No
    );
    let mut heavier = Matching { probable_points: 56, ..usual() };
    heavier.weights.same_phone = 26;
    assert!(is(&tier(&heavier, left, right), Tier::Probable));
    let owners = ("name=Bella|species=Dog|owner=Amy Chalmers", "name=Bella|species=Dog|owner=Amy Chambers");
    assert_eq!(tier(&Matching { owner_alike_percent: 100, ..usual() }, owners.0, owners.1), Match::No);
    assert!(is(&tier(&usual(), owners.0, owners.1), Tier::Possible));
    // Names that are hardly alike still meet where that is asked for.
    let lax = Matching { name_possible_percent: 60, possible_points: 1, ..usual() };
    let unlike = ("name=Bella|species=Dog|phone=415-555-2671", "name=Bruno|species=Dog|phone=415-555-2671");
    assert!(strsim::jaro_winkler("bella", "bruno") < 0.85);
    assert_ne!(tier(&Matching { name_possible_percent: 46, ..lax }, unlike.0, unlike.1), Match::No);
    let by_hand = Matching { link_by_microchip: false, ..usual() };
    let chip = format!("chip={CHIP}");
    assert!(is(&tier(&by_hand, &chip, &chip), Tier::Probable));
}

#[test]
fn points_are_the_sum_of_what_is_shown() {
    let usual = usual();
    assert_eq!(
        usual.points(&[Evidence::NameAlike, Evidence::SamePhone, Evidence::SexDifferent]),
        25 + 25 - 10
    );
    assert_eq!(usual.points(&[]), 0);
}

/// Another spelling is no change of a key fact; another name or number is.
#[test]
fn key_facts_change_with_the_meaning() {
    let facts = |fields: &str| key_facts(&features(&[animal("s", fields)])[0]);
    let before = facts(
        "name=Bella|species=Dog|born=2019-05-04|sex=FS|chip=981020000123456|owner=Amy Chalmers|phone=415-555-2671|email=amy@example.org",
    );
    let respelled = facts(
        "name=BELLA|species=Canine|born=2019-05-04|sex=FS|chip=981 020 000 123 456|owner=Chalmers, Amy|phone=+1 (415) 555-2671|email=AMY@example.org",
    );
    assert_eq!(before.len(), 8);
    assert_eq!(before, respelled);
    let changed: Vec<KeyFact> = facts(
        "name=Bela|species=Dog|born=2019|sex=FS|owner=Amy Chalmers|phone=415-555-2672|email=amy@example.org",
    )
    .into_iter()
    .filter(|fact| !before.contains(fact))
    .map(|(fact, _)| fact)
    .collect();
    assert_eq!(changed, [KeyFact::Name, KeyFact::BirthDate, KeyFact::Phone]);
}

fn any_animal() -> impl Strategy<Value = String> {
    let part = |name: &'static str, values: &'static [&'static str]| {
        prop::option::of(prop::sample::select(values))
            .prop_map(move |value| value.map(|value| format!("{name}={value}")).unwrap_or_default())
    };
    (
        part(
            "name",
            &["Bella", "Bella Chalmers", "Belle", "Luna", "Unknown", "Kitten 3", "Duke 1", "Duke 2"],
        ),
        part("species", &["Dog", "Canine", "Cat"]),
        part("chip", &[CHIP, OTHER_CHIP, LEGACY]),
        part("owner", &["Amy Chalmers", "Chalmers, Amy", "Tom Okafor"]),
        part("phone", &["415-555-2671", "415-555-2672", "555-0100"]),
        part("born", &["2019", "2019-05-04", "2009-05-04"]),
        part("sex", &["MN", "FS", "U"]),
    )
        .prop_map(|(name, species, chip, owner, phone, born, sex)| {
            [name, species, chip, owner, phone, born, sex].join("|")
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn matching_knows_no_left_and_right(left in any_animal(), right in any_animal()) {
        let catalogue = catalogue();
        let (left, right) = (animal("s", &left), animal("e", &right));
        prop_assert_eq!(same_animal(&catalogue, &left, &right), same_animal(&catalogue, &right, &left));
    }

    /// What is sorted out by its letters in advance is nothing that the names' likeness would let through.
    #[test]
    fn alike_names_of_one_owner_always_resemble(name in "[a-cа-в]{2,8}", at in 0_usize..8, edit in 0_usize..3) {
        let mut letters: Vec<char> = name.chars().collect();
        let at = at % letters.len();
        match edit {
            0 => letters.insert(at, letters[at]),
            1 => letters.push(letters[at]),
            _ => drop(letters.remove(at)),
        }
        let other: String = letters.into_iter().collect();
        if !other.is_empty() && strsim::jaro_winkler(&name, &other) >= 0.85 {
            let of_one_owner = |name: &str| format!("name={name}|species=Dog|phone=415-555-2671");
            prop_assert_ne!(outcome(&of_one_owner(&name), &of_one_owner(&other)).0, No);
        }
    }

    /// Only the chip makes two records without a cross reference one, and whatever resembles is found by its blocks.
    #[test]
    fn blocks_lose_nothing_and_only_chips_are_certain(left in any_animal(), right in any_animal()) {
        let catalogue = catalogue();
        let (left, right) = (animal("s", &left), animal("e", &right));
        let matched = same_animal(&catalogue, &left, &right);
        let both = features(&[left, right]);
        if let Match::Certain { by } = &matched {
            prop_assert_eq!(*by, CertainBy::Microchip);
            prop_assert_eq!(&both[0].chip, &both[1].chip);
        }
        let found = BlockIndex::new(&both[1..]).resembling(&both[0], &both[1..], &usual());
        let expected: Vec<Match> = if matched == Match::No { Vec::new() } else { vec![matched] };
        prop_assert_eq!(found.into_iter().map(|found| found.matched).collect::<Vec<_>>(), expected);
    }

    /// Every record ends in exactly one place: linked, resembling, or alone.
    #[test]
    fn linking_leaves_nobody_out(left in proptest::collection::vec(any_animal(), 0..8), right in proptest::collection::vec(any_animal(), 0..8)) {
        let records = |side: &str, animals: &[String]| {
            let records: Vec<Record> =
                animals.iter().enumerate().map(|(at, fields)| animal(&format!("{side}{at}"), fields)).collect();
            features(&records)
        };
        let (left, right) = (records("s", &left), records("e", &right));
        let linking = link(&left, &right);
        for at in 0..left.len() {
            let linked = linking.certain.iter().filter(|link| link.servicenow == at).count();
            let resembles = linking.possible.iter().any(|link| link.servicenow == at);
            prop_assert!(linked <= 1);
            prop_assert_eq!(linking.only_servicenow.contains(&at), linked == 0 && !resembles);
        }
        for at in 0..right.len() {
            let linked = linking.certain.iter().filter(|link| link.ehr == at).count();
            let resembles = linking.possible.iter().any(|link| link.ehr == at);
            prop_assert!(linked <= 1);
            prop_assert_eq!(linking.only_ehr.contains(&at), linked == 0 && !resembles);
        }
    }
}
