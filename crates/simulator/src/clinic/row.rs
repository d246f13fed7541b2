//! An animal as people type it into ServiceNow.

use super::facts::{Allergies, Facts, Neuter, Sex};
use super::generate::Draw;
use super::vocabulary::{COATS, NONE_KNOWN};

/// A row before it is inserted: columns that are not empty.
pub type RowDraft = Vec<(&'static str, String)>;

/// A spelling of a mapped column; the flag says whether it is not the plain one.
pub(crate) fn spell(facts: &Facts, field: &str, draw: &mut Draw) -> (&'static str, String, bool) {
    match field {
        "patient_name" => {
            let (text, odd) = untidy(&facts.name, draw);
            ("u_patient_name", text, odd)
        }
        "species" => {
            let species = facts.species();
            let odd = draw.chance(40);
            let text = if odd { draw.pick(species.spellings) } else { species.text };
            ("u_species", text.to_owned(), odd)
        }
        "breed" => match facts.breed {
            None => ("u_breed", String::new(), false),
            Some(breed) => {
                let odd = draw.chance(40);
                ("u_breed", if odd { draw.pick(breed.spellings) } else { breed.text }.to_owned(), odd)
            }
        },
        "date_of_birth" => {
            let text = facts.birth.as_ref().map(super::facts::Birth::text).unwrap_or_default();
            let odd = !text.is_empty() && draw.chance(5);
            ("u_date_of_birth", if odd { format!(" {text} ") } else { text }, odd)
        }
        "gender" => ("u_gender", draw.pick(terms(facts.sex, facts.neuter)).to_owned(), true),
        "microchip_id" => match &facts.chip {
            None => ("u_microchip_id", String::new(), false),
            Some(chip) => {
                let odd = draw.chance(30);
                ("u_microchip_id", if odd { odd_chip(chip, draw) } else { chip.clone() }, odd)
            }
        },
        "owner_name" => {
            let (text, odd) = untidy(facts.owner.as_deref().unwrap_or_default(), draw);
            ("u_owner_name", text, odd)
        }
        "owner_phone" => match &facts.phone {
            None => ("u_owner_phone", String::new(), false),
            Some(phone) => ("u_owner_phone", phone_format(phone, draw), true),
        },
        "owner_email" => match &facts.email {
            None => ("u_owner_email", String::new(), false),
            Some(email) => {
                let odd = draw.chance(25);
                ("u_owner_email", if odd { odd_email(email, draw) } else { email.clone() }, odd)
            }
        },
        "allergies" => match &facts.allergies {
            Allergies::Silent => ("u_allergies", String::new(), false),
            Allergies::NoneKnown => ("u_allergies", draw.pick(NONE_KNOWN).to_owned(), true),
            Allergies::To(substances) => {
                let mut substances = substances.clone();
                if draw.chance(30) {
                    substances.reverse();
                }
                if draw.chance(30) {
                    for substance in &mut substances {
                        *substance = substance.to_lowercase();
                    }
                }
                ("u_allergies", substances.join(draw.pick(&[", ", "; ", "\n", ","])), true)
            }
        },
        "medical_notes" => {
            let odd = facts.notes.len() > 1 && draw.chance(30);
            ("u_medical_notes", facts.notes.join(if odd { "\r\n" } else { "\n" }), odd)
        }
        _ => match facts.weight {
            None => ("u_weight", String::new(), false),
            Some(tenths) => {
                let pounds = draw.chance(40);
                ("u_weight", weight_text(tenths, pounds), pounds)
            }
        },
    }
}

/// The whole row of an animal, with columns no mapping knows.
pub(crate) fn render(facts: &Facts, draw: &mut Draw, odd: &mut Vec<&'static str>) -> RowDraft {
    let mut row = RowDraft::new();
    for field in super::FIELDS {
        let (column, text, is_odd) = spell(facts, field, draw);
        if is_odd {
            odd.push(field);
        }
        if !text.is_empty() {
            row.push((column, text));
        }
    }
    if facts.deceased {
        row.push(("u_deceased", "true".to_owned()));
        row.push(("u_active", "false".to_owned()));
    }
    if draw.chance(50) {
        row.push(("u_coat_colour", draw.pick(COATS).to_owned()));
    }
    if draw.chance(20) {
        row.push(("u_insurance_policy", format!("PET-{:06}", draw.below(1_000_000))));
    }
    if draw.chance(30) {
        row.push(("u_care_plan", draw.pick(&["1", "2", "in_review"]).to_owned()));
    }
    if draw.chance(60) {
        row.push(("u_loyalty_points", draw.below(5_000).to_string()));
        row.push((
            "u_usual_visit_length",
            draw.pick(&["1970-01-01 00:15:00", "1970-01-01 00:30:00"]).to_owned(),
        ));
    }
    row
}

/// Terms for sex and neuter status that say the same (wire-facts 10.2).
fn terms(sex: Sex, neuter: Neuter) -> &'static [&'static str] {
    match (sex, neuter) {
        (Sex::Male, Neuter::Neutered) => &["MN", "MC", "male neutered", "Male Neutered", "mn"],
        (Sex::Male, Neuter::Intact) => &["MI", "ME", "male intact", "Male Entire"],
        (Sex::Male, Neuter::Unknown) => &["M", "male", "Male"],
        (Sex::Female, Neuter::Neutered) => &["FS", "FN", "SF", "female spayed", "Female Spayed", "fs"],
        (Sex::Female, Neuter::Intact) => &["FI", "FE", "female intact", "Female Intact"],
        (Sex::Female, Neuter::Unknown) => &["F", "female", "Female"],
        (Sex::Unknown, _) => &["U", "unknown", "Unknown"],
    }
}

fn untidy(text: &str, draw: &mut Draw) -> (String, bool) {
    if text.is_empty() || !draw.chance(25) {
        return (text.to_owned(), false);
    }
    let text = match draw.below(4) {
        0 => text.to_uppercase(),
        1 => text.to_lowercase(),
        2 => format!(" {text} "),
        _ => text.replace(' ', "  "),
    };
    (text, true)
}

fn odd_chip(chip: &str, draw: &mut Draw) -> String {
    let groups = |gap: &str| {
        let letters: Vec<char> = chip.chars().collect();
        letters.chunks(3).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(gap)
    };
    match (chip.len(), draw.below(3)) {
        (9, 0) => groups("*"),
        (_, 0) => groups(" "),
        (_, 1) => groups("-"),
        _ => format!("{} ", chip.to_lowercase()),
    }
}

/// One of the ways to write an American number of ten digits; an extension stands behind `x`.
fn phone_format(phone: &str, draw: &mut Draw) -> String {
    let (digits, extension) = phone.split_once('x').unwrap_or((phone, ""));
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    let number = if digits.len() == 7 {
        if draw.chance(50) { format!("{}-{}", part(0, 3), part(3, 7)) } else { digits.to_owned() }
    } else {
        let (area, exchange, line) = (part(0, 3), part(3, 6), part(6, 10));
        match draw.below(6) {
            0 => format!("({area}) {exchange}-{line}"),
            1 => format!("{area}-{exchange}-{line}"),
            2 => format!("{area}.{exchange}.{line}"),
            3 => digits.to_owned(),
            4 => format!("+1 {area} {exchange} {line}"),
            _ => format!("{area} {exchange} {line}"),
        }
    };
    if extension.is_empty() { number } else { format!("{number} x{extension}") }
}

fn odd_email(email: &str, draw: &mut Draw) -> String {
    let mut letters = email.chars();
    match (draw.below(3), letters.next()) {
        (0, _) => email.to_uppercase(),
        (1, Some(first)) => format!("{}{}", first.to_uppercase(), letters.as_str()),
        _ => format!("{email} "),
    }
}

/// A weight in kilograms, or in pounds to two places: within rounding the same.
pub(crate) fn weight_text(tenths: u32, pounds: bool) -> String {
    if pounds {
        format!("{:.2} lb", f64::from(tenths) / 10.0 / 0.453_592_37)
    } else {
        format!("{}.{} kg", tenths / 10, tenths % 10)
    }
}
