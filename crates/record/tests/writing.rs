//! How values are written back into a column that already holds something.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

use record::catalogue::ValueType;
use record::value::{Neuter, Quantity, Sex, SexStatus, Substance, SubstanceSet, parse};
use record::{Conventions, Value};

#[test]
fn terms_keep_the_style_of_their_column() {
    use Neuter::{Intact, Neutered};
    use Sex::{Female, Male};
    let plain = Conventions::default();
    let mut own = Conventions::default();
    own.sex_terms.insert("m".to_owned(), (Male, Intact));
    own.sex_terms.insert("mx".to_owned(), (Male, Neutered));
    let mut two = own.clone();
    two.sex_terms.insert("male_desexed".to_owned(), (Male, Neutered));
    // (new pair, the column's old term, conventions, written)
    let cases = [
        // What still means the same is not touched.
        (Male, Neutered, Some("gelding"), &plain, "gelding"),
        (Female, Neutered, Some("F/S"), &plain, "F/S"),
        // An EHR that only says "neutered now" changes the term in its own style.
        (Male, Neutered, Some("MI"), &plain, "MN"),
        (Male, Neutered, Some("M"), &plain, "MN"),
        (Male, Neutered, Some("male_intact"), &plain, "male_neutered"),
        (Male, Neutered, Some("male"), &plain, "male_neutered"),
        (Female, Neutered, Some("Female intact"), &plain, "Female spayed"),
        (Female, Neutered, Some("FEMALE INTACT"), &plain, "FEMALE SPAYED"),
        (Female, Intact, Some("female spayed"), &plain, "female intact"),
        // An empty column gets what a choice list stores.
        (Female, Neutered, None, &plain, "female_spayed"),
        (Sex::Unknown, Neuter::Unknown, None, &plain, "unknown"),
        (Sex::Unknown, Neutered, Some("MI"), &plain, "neutered"),
        // The hospital's own terms come first, and none is written that would mean something else here.
        (Male, Neutered, Some("M"), &own, "mx"),
        // Of two of its terms, the one that looks like what the column holds.
        (Male, Neutered, Some("M"), &two, "mx"),
        (Male, Neutered, Some("male_intact"), &two, "male_desexed"),
        (Male, Neuter::Unknown, Some("F"), &own, "male"),
    ];
    for (sex, neuter, old, conventions, written) in cases {
        assert_eq!(
            SexStatus::new(sex, neuter).to_term(old, conventions),
            written,
            "{sex:?} {neuter:?} {old:?}"
        );
    }
    // The term a person chose is written as it is where the column was empty.
    let chosen = SexStatus { sex: Male, neuter: Neutered, term: Some("Gelding".to_owned()) };
    assert_eq!(chosen.to_term(None, &plain), "Gelding");
    // People read words, whether a term was chosen or not.
    assert_eq!(Value::Sex(chosen).display(), "Gelding");
    assert_eq!(Value::Sex(SexStatus::new(Female, Neutered)).display(), "Female spayed");
}

#[test]
fn sets_keep_the_separators_of_their_column() {
    // (substances, the column's old text, written)
    let cases: [(&[&str], Option<&str>, &str); 11] = [
        (&["Penicillin", "Beef"], None, "Penicillin, Beef"),
        (&["Penicillin", "Beef"], Some("wheat; beef"), "Penicillin; Beef"),
        (&["Penicillin", "Beef"], Some("wheat\nbeef"), "Penicillin\nBeef"),
        // The same set in another order and case is left alone.
        (&["Penicillin", "Beef"], Some("BEEF / x, penicillin"), "Penicillin, Beef"),
        (&["Penicillin", "Beef"], Some("BEEF;penicillin"), "BEEF;penicillin"),
        // What would be torn apart is quoted.
        (&["Chicken, raw", "Beef"], None, "\"Chicken, raw\", Beef"),
        (&["Beef (raw, minced)"], None, "Beef (raw, minced)"),
        (&["(", ")"], None, "\"(\", \")\""),
        (&["-", ";"], Some("a\nb"), "\"-\"\n\";\""),
        (&["5\" spikes"], None, "\"5\"\" spikes\""),
        (&["Beef\nraw"], None, "Beef raw"),
    ];
    for (texts, old, written) in cases {
        let set = SubstanceSet::new(texts.iter().filter_map(|text| Substance::new(text, vec![])));
        assert_eq!(set.to_text(old), written);
        match parse(&ValueType::Substances, written, &Conventions::default()) {
            Ok(Some(Value::Substances(read))) => assert!(read.same_keys(&set), "{written}"),
            other => panic!("{written}: {other:?}"),
        }
    }
}

#[test]
fn amounts_are_bare_in_their_columns_unit() {
    let pounds = Quantity::new("27.50", "[lb_av]").expect("an amount");
    assert_eq!(pounds.to_text("[lb_av]"), "27.50");
    assert_eq!(pounds.to_text("kg"), "27.50 lb");
    assert_eq!(pounds.amount_in("kg").map(|amount| amount.to_string()), Some("12.473790175".to_owned()));
}
