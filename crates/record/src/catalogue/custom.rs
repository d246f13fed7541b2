//! Custom fields from configuration.

use super::{
    BothSidesRule, Catalogue, Direction, FhirPlace, FieldOwner, FieldSpec, OneSideRule, PlausibleRange,
    ValueType,
};
use crate::codes::units;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// One custom field as the configuration writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomField {
    /// Stable name in lower case: `weight`.
    pub id: String,
    /// What people read: "Weight".
    pub label: String,
    /// Column of the ServiceNow table, with or without `u_`; the id when absent.
    #[serde(default)]
    pub column: Option<String>,
    /// Where it stands in the FHIR Patient: the URL of an extension, bare or as `Patient.extension('<url>')`.
    pub fhir: String,
    /// The type of its values.
    #[serde(rename = "type")]
    pub value_type: CustomType,
    /// For quantities: the UCUM unit of a number without one.
    #[serde(default)]
    pub unit: Option<String>,
    /// For quantities: the smallest plausible amount, in `unit`.
    #[serde(default)]
    pub min: Option<Decimal>,
    /// For quantities: the largest plausible amount, in `unit`.
    #[serde(default)]
    pub max: Option<Decimal>,
    /// Which way it flows.
    #[serde(default = "both_ways")]
    pub direction: Direction,
    /// What to do when one remote changed it; chosen to fit type and direction when absent.
    #[serde(default)]
    pub one_side: Option<OneSideRule>,
    /// What to do when both did; chosen to fit the type when absent.
    #[serde(default)]
    pub both_sides: Option<BothSidesRule>,
    /// Fields of one group move together.
    #[serde(default)]
    pub group: Option<String>,
    /// Who decides differences.
    #[serde(default = "front_desk")]
    pub owner: FieldOwner,
    /// Whether it identifies the animal, so that it is never settled without two persons.
    #[serde(default)]
    pub identity: bool,
}

const fn both_ways() -> Direction {
    Direction::Both
}

const fn front_desk() -> FieldOwner {
    FieldOwner::FrontDesk
}

/// The types a custom field can have, by the words of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CustomType {
    /// One line of text.
    Text,
    /// Many lines of text.
    LongText,
    /// A person's or an animal's name.
    Name,
    /// A date, perhaps without day or month.
    Date,
    /// An amount with a unit.
    Quantity,
    /// A coded concept.
    Coded,
    /// A telephone number.
    Phone,
    /// An e-mail address.
    Email,
    /// A set of items, compared without regard to order.
    Substances,
}

/// A custom field that cannot be added to a catalogue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("custom field {field}, {key}: {problem}; {way_out}")]
pub struct CustomFieldProblem {
    /// The field's id, or its place in the list where it has none.
    pub field: String,
    /// The key of the configuration that is wrong.
    pub key: &'static str,
    /// What is wrong.
    pub problem: String,
    /// What to do about it.
    pub way_out: String,
}

impl Catalogue {
    /// The catalogue with further fields behind its own, in the order given.
    ///
    /// # Errors
    /// The first field that clashes with another one (id, column, extension URL) or is not consistent in itself.
    pub fn with_custom(mut self, custom: Vec<CustomField>) -> Result<Catalogue, CustomFieldProblem> {
        for (at, field) in custom.into_iter().enumerate() {
            let spec = spec_of(field, at)?;
            self.refuse_clash(&spec)?;
            self.fields.push(spec);
        }
        Ok(self)
    }

    fn refuse_clash(&self, spec: &FieldSpec) -> Result<(), CustomFieldProblem> {
        let clash = |key, other: &FieldSpec, what: &str| CustomFieldProblem {
            field: spec.id.clone(),
            key,
            problem: format!("the field {} has the same {what}", other.id),
            way_out: format!("give each field its own {what}"),
        };
        for other in &self.fields {
            if other.id == spec.id {
                return Err(clash("id", other, "id"));
            }
            if bare_column(&other.column) == bare_column(&spec.column) {
                return Err(clash("column", other, "ServiceNow column"));
            }
            if extension_url(&other.place).is_some()
                && extension_url(&other.place) == extension_url(&spec.place)
            {
                return Err(clash("fhir", other, "extension URL"));
            }
        }
        if self.fields.len() >= usize::from(u16::MAX) {
            return Err(CustomFieldProblem {
                field: spec.id.clone(),
                key: "id",
                problem: "there are too many fields".to_owned(),
                way_out: "remove some".to_owned(),
            });
        }
        Ok(())
    }
}

/// A column is looked for with and without `u_`, so the two are one name.
fn bare_column(column: &str) -> &str {
    column.strip_prefix("u_").unwrap_or(column)
}

fn extension_url(place: &FhirPlace) -> Option<&str> {
    match place {
        FhirPlace::NoteExtension { url } | FhirPlace::PatientExtension { url } => Some(url),
        _ => None,
    }
}

/// Extensions the mapping itself writes on a Patient.
const TAKEN_URLS: &[&str] = &["http://hl7.org/fhir/StructureDefinition/patient-animal"];

fn spec_of(field: CustomField, at: usize) -> Result<FieldSpec, CustomFieldProblem> {
    let name = if field.id.is_empty() { format!("number {}", at + 1) } else { field.id.clone() };
    let wrong = |key, problem: &str, way_out: &str| CustomFieldProblem {
        field: name.clone(),
        key,
        problem: problem.to_owned(),
        way_out: way_out.to_owned(),
    };
    if !is_identifier(&field.id) {
        return Err(wrong(
            "id",
            "this is no field id",
            "use lower-case letters, digits and underscores, a letter first, at most 60 characters",
        ));
    }
    if field.label.trim().is_empty() {
        return Err(wrong("label", "the label is blank", "write what people are to read"));
    }
    let column = field.column.unwrap_or_else(|| field.id.clone());
    if !is_identifier(&column) {
        return Err(wrong(
            "column",
            "this is no ServiceNow column name",
            "write the column's name as the dictionary of the table shows it, such as u_weight",
        ));
    }
    if column.starts_with("sys_") {
        return Err(wrong(
            "column",
            "sys_ columns belong to ServiceNow itself",
            "choose a column of the hospital's own",
        ));
    }
    let url = url_of(&field.fhir).map_err(|(problem, way_out)| wrong("fhir", problem, way_out))?;
    let is_quantity = field.value_type == CustomType::Quantity;
    if !is_quantity && field.unit.is_some() {
        return Err(wrong("unit", "only a quantity has a unit", "remove it, or set the type to quantity"));
    }
    if !is_quantity && (field.min.is_some() || field.max.is_some()) {
        return Err(wrong(
            "min",
            "only a quantity has a range",
            "remove min and max, or set the type to quantity",
        ));
    }
    let value_type = match field.value_type {
        CustomType::Text => ValueType::Text,
        CustomType::LongText => ValueType::LongText,
        CustomType::Name => ValueType::Name,
        CustomType::Date => ValueType::Date,
        CustomType::Coded => ValueType::Coded,
        CustomType::Phone => ValueType::Phone,
        CustomType::Email => ValueType::Email,
        CustomType::Substances => ValueType::Substances,
        CustomType::Quantity => ValueType::Quantity {
            default_unit: unit_of(field.unit.as_deref())
                .map_err(|(problem, way_out)| wrong("unit", &problem, &way_out))?,
        },
    };
    let plausible = match (field.min, field.max) {
        (None, None) => None,
        (min, max) => {
            let range = PlausibleRange { min: min.unwrap_or_default(), max: max.unwrap_or(Decimal::MAX) };
            if range.min > range.max {
                return Err(wrong("min", "min is larger than max", "swap them"));
            }
            Some(range)
        }
    };
    let spec = FieldSpec {
        one_side: field.one_side.unwrap_or(default_one_side(&value_type, field.direction, field.identity)),
        both_sides: field.both_sides.unwrap_or(default_both_sides(&value_type, field.identity)),
        id: field.id,
        label: field.label.trim().to_owned(),
        value_type,
        direction: field.direction,
        column,
        place: FhirPlace::PatientExtension { url },
        group: field.group,
        owner: field.owner,
        identity: field.identity,
        plausible,
    };
    refuse_unfit_rules(&spec).map_err(|(key, problem, way_out)| wrong(key, problem, way_out))?;
    Ok(spec)
}

fn is_identifier(text: &str) -> bool {
    text.len() <= 60
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// The URL of `https://…`, `Patient.extension('https://…')` or `Patient.extension[https://…]`.
fn url_of(fhir: &str) -> Result<String, (&'static str, &'static str)> {
    let text = fhir.trim();
    let path = text
        .strip_prefix("Patient.extension")
        .or_else(|| text.strip_prefix("extension"))
        .and_then(|rest| {
            let inner = rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
            inner.or_else(|| rest.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')))
        })
        .map(|inner| inner.trim().trim_start_matches("url=").trim_matches(['\'', '"']));
    if path.is_none() && text.starts_with("Patient") {
        return Err((
            "a custom field can only stand in an extension of the Patient",
            "write the extension's URL, or Patient.extension('https://…')",
        ));
    }
    let url = path.unwrap_or(text);
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let is_web = rest.is_some_and(|rest| {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        !host.is_empty() && !host.starts_with(['.', ':']) && !host.contains('@')
    });
    let is_urn = url
        .strip_prefix("urn:")
        .is_some_and(|rest| rest.split_once(':').is_some_and(|(a, b)| !a.is_empty() && !b.is_empty()));
    let clean = url.bytes().all(|byte| {
        byte.is_ascii_graphic()
            && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}')
    });
    if !clean || !(is_web || is_urn) {
        return Err((
            "this is no absolute URL",
            "write the extension's URL in full, such as https://hospital.example/fhir/weight",
        ));
    }
    if TAKEN_URLS.contains(&url) {
        return Err((
            "this extension belongs to species, breed and neuter status",
            "choose a URL of the hospital's own",
        ));
    }
    Ok(url.to_owned())
}

fn unit_of(unit: Option<&str>) -> Result<String, (String, String)> {
    let known = || format!("use one of {}", units::codes().collect::<Vec<_>>().join(", "));
    let Some(unit) = unit else {
        return Err(("a quantity needs the unit of a number without one".to_owned(), known()));
    };
    match (units::by_code(unit), units::recognise(unit)) {
        (Some(unit), _) => Ok(unit.code.to_owned()),
        (None, Some(meant)) => Err(("this is no UCUM unit".to_owned(), format!("write {}", meant.code))),
        (None, None) => Err(("this unit is not known".to_owned(), known())),
    }
}

const fn default_one_side(value_type: &ValueType, direction: Direction, identity: bool) -> OneSideRule {
    match (identity, direction, value_type) {
        (true, _, _) => OneSideRule::TakeIfBlankElseAskTwo,
        (false, Direction::ServiceNowToEhr, _) => OneSideRule::TakeServiceNow,
        (false, Direction::Both, ValueType::Substances) => OneSideRule::TakeAdditions,
        (false, Direction::Both, _) => OneSideRule::Take,
    }
}

const fn default_both_sides(value_type: &ValueType, identity: bool) -> BothSidesRule {
    match (identity, value_type) {
        (true, _) => BothSidesRule::AskTwo,
        (false, ValueType::LongText) => BothSidesRule::MergeLines,
        (false, ValueType::Date) => BothSidesRule::FinerDate,
        (false, ValueType::Substances) => BothSidesRule::SuggestUnion,
        (false, _) => BothSidesRule::Ask,
    }
}

type Unfit = (&'static str, &'static str, &'static str);

fn refuse_unfit_rules(spec: &FieldSpec) -> Result<(), Unfit> {
    let substances = spec.value_type == ValueType::Substances;
    match spec.one_side {
        OneSideRule::TakeNeutering => {
            return Err(("one_side", "take_neutering is for sex and neuter status alone", "use take or ask"));
        }
        OneSideRule::TakeAdditions if !substances => {
            return Err(("one_side", "take_additions is for sets alone", "use take or ask"));
        }
        OneSideRule::Take | OneSideRule::TakeAdditions | OneSideRule::TakeServiceNow if spec.identity => {
            return Err((
                "one_side",
                "an identity field is never settled without a person",
                "use take_if_blank_else_ask_two or ask, or set identity to false",
            ));
        }
        _ => {}
    }
    let fits = match spec.both_sides {
        BothSidesRule::Ask | BothSidesRule::AskTwo => true,
        BothSidesRule::FinerDate => spec.value_type == ValueType::Date && !spec.identity,
        BothSidesRule::SuggestUnion => substances,
        BothSidesRule::MergeLines => spec.value_type == ValueType::LongText && !spec.identity,
    };
    if fits { Ok(()) } else { Err(("both_sides", "this rule does not fit the field", "use ask or ask_two")) }
}
