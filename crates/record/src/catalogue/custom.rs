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
    /// Where it stands in the FHIR Patient: the URL of an extension, bare or as the path
    /// `Patient.extension('<url>')`.
    pub extension_url: String,
    /// The type of its values.
    #[serde(rename = "type")]
    pub value_type: CustomType,
    /// For quantities: the UCUM unit of a number without one.
    #[serde(default)]
    pub default_unit: Option<String>,
    /// For quantities: the smallest plausible amount, in `default_unit`.
    #[serde(default)]
    pub min: Option<Decimal>,
    /// For quantities: the largest plausible amount, in `default_unit`.
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
            let number = if field.id.is_empty() { format!("number {}", at + 1) } else { field.id.clone() };
            field
                .into_spec()
                .and_then(|spec| self.add(spec))
                .map_err(|problem| CustomFieldProblem { field: number, ..problem })?;
        }
        Ok(self)
    }

    /// The same for rows that are catalogue rows already.
    ///
    /// # Errors
    /// As [`Catalogue::with_custom`].
    pub fn with_fields(mut self, fields: Vec<FieldSpec>) -> Result<Catalogue, CustomFieldProblem> {
        for spec in fields {
            self.add(spec)?;
        }
        Ok(self)
    }

    fn add(&mut self, spec: FieldSpec) -> Result<(), CustomFieldProblem> {
        consistent(&spec)?;
        let clash = |key, other: &FieldSpec, what: &str| {
            let problem = format!("the field {} has the same {what}", other.id);
            wrong(&spec.id, key, problem, format!("give each field its own {what}"))
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
                return Err(clash("extension_url", other, "extension URL"));
            }
        }
        if self.fields.len() >= usize::from(u16::MAX) {
            return Err(wrong(&spec.id, "id", "there are too many fields", "remove some"));
        }
        self.fields.push(spec);
        Ok(())
    }
}

fn wrong(
    field: &str,
    key: &'static str,
    problem: impl Into<String>,
    way_out: impl Into<String>,
) -> CustomFieldProblem {
    CustomFieldProblem { field: field.to_owned(), key, problem: problem.into(), way_out: way_out.into() }
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

impl CustomField {
    /// The catalogue row of this field.
    fn into_spec(self) -> Result<FieldSpec, CustomFieldProblem> {
        let name = self.id.clone();
        let is_quantity = self.value_type == CustomType::Quantity;
        if !is_quantity && self.default_unit.is_some() {
            let way_out = "remove it, or set the type to quantity";
            return Err(wrong(&name, "default_unit", "only a quantity has a unit", way_out));
        }
        if !is_quantity && (self.min.is_some() || self.max.is_some()) {
            let way_out = "remove min and max, or set the type to quantity";
            return Err(wrong(&name, "min", "only a quantity has a range", way_out));
        }
        let value_type = match self.value_type {
            CustomType::Text => ValueType::Text,
            CustomType::LongText => ValueType::LongText,
            CustomType::Name => ValueType::Name,
            CustomType::Date => ValueType::Date,
            CustomType::Coded => ValueType::Coded,
            CustomType::Phone => ValueType::Phone,
            CustomType::Email => ValueType::Email,
            CustomType::Substances => ValueType::Substances,
            CustomType::Quantity => ValueType::Quantity {
                default_unit: self.default_unit.ok_or_else(|| {
                    wrong(
                        &name,
                        "default_unit",
                        "a quantity needs the unit of a number without one",
                        known_units(),
                    )
                })?,
            },
        };
        let plausible = match (self.min, self.max) {
            (None, None) => None,
            (min, max) => {
                Some(PlausibleRange { min: min.unwrap_or_default(), max: max.unwrap_or(Decimal::MAX) })
            }
        };
        let url = url_in(&self.extension_url)
            .map_err(|(problem, way_out)| wrong(&name, "extension_url", problem, way_out))?;
        Ok(FieldSpec {
            one_side: self.one_side.unwrap_or(default_one_side(&value_type, self.direction, self.identity)),
            both_sides: self.both_sides.unwrap_or(default_both_sides(&value_type, self.identity)),
            column: self.column.unwrap_or_else(|| self.id.clone()),
            id: self.id,
            label: self.label.trim().to_owned(),
            value_type,
            direction: self.direction,
            place: FhirPlace::PatientExtension { url: url.to_owned() },
            group: self.group,
            owner: self.owner,
            identity: self.identity,
            plausible,
        })
    }
}

/// Whether a row makes sense by itself.
fn consistent(spec: &FieldSpec) -> Result<(), CustomFieldProblem> {
    if !is_identifier(&spec.id) {
        return Err(wrong(
            &spec.id,
            "id",
            "this is no field id",
            "use lower-case letters, digits and underscores, a letter first, at most 60 characters",
        ));
    }
    if spec.label.trim().is_empty() {
        return Err(wrong(&spec.id, "label", "the label is blank", "write what people are to read"));
    }
    if !is_identifier(&spec.column) {
        return Err(wrong(
            &spec.id,
            "column",
            "this is no ServiceNow column name",
            "write the column's name as the dictionary of the table shows it, such as u_weight",
        ));
    }
    if spec.column.starts_with("sys_") {
        let way_out = "choose a column of the hospital's own";
        return Err(wrong(&spec.id, "column", "sys_ columns belong to ServiceNow itself", way_out));
    }
    if let Some(url) = extension_url(&spec.place) {
        usable_url(url).map_err(|(problem, way_out)| wrong(&spec.id, "extension_url", problem, way_out))?;
    }
    if let ValueType::Quantity { default_unit } = &spec.value_type {
        known_unit(default_unit)
            .map_err(|(problem, way_out)| wrong(&spec.id, "default_unit", problem, way_out))?;
    }
    if spec.plausible.is_some_and(|range| range.min > range.max) {
        return Err(wrong(&spec.id, "min", "min is larger than max", "swap them"));
    }
    fitting_rules(spec).map_err(|(key, problem, way_out)| wrong(&spec.id, key, problem, way_out))
}

fn is_identifier(text: &str) -> bool {
    text.len() <= 60
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// What is wrong, and the way out.
type Wrong = (&'static str, &'static str);

/// The URL in `https://…`, `Patient.extension('https://…')` or `Patient.extension[url='https://…']`.
fn url_in(path: &str) -> Result<&str, Wrong> {
    let text = path.trim();
    let inner = text
        .strip_prefix("Patient.extension")
        .or_else(|| text.strip_prefix("extension"))
        .and_then(|rest| {
            let inner = rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
            inner.or_else(|| rest.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')))
        })
        .map(|inner| inner.trim().trim_start_matches("url=").trim_matches(['\'', '"']));
    if inner.is_none() && text.starts_with("Patient") {
        return Err((
            "a custom field can only stand in an extension of the Patient",
            "write the extension's URL, or Patient.extension('https://…')",
        ));
    }
    Ok(inner.unwrap_or(text))
}

fn usable_url(url: &str) -> Result<(), Wrong> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let is_web = rest.is_some_and(|rest| {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        !host.is_empty() && !host.starts_with(['.', ':']) && !host.contains('@')
    });
    let is_urn = url
        .strip_prefix("urn:")
        .and_then(|rest| rest.split_once(':'))
        .is_some_and(|(namespace, name)| !namespace.is_empty() && !name.is_empty());
    let clean = url.bytes().all(|byte| byte.is_ascii_graphic() && !br#""<>\^`{|}"#.contains(&byte));
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
    Ok(())
}

fn known_units() -> String {
    format!("use one of {}", units::codes().collect::<Vec<_>>().join(", "))
}

fn known_unit(unit: &str) -> Result<(), (&'static str, String)> {
    match (units::by_code(unit), units::recognise(unit)) {
        (Some(_), _) => Ok(()),
        (None, Some(meant)) => Err(("this is no UCUM unit", format!("write {}", meant.code))),
        (None, None) => Err(("this unit is not known", known_units())),
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

fn fitting_rules(spec: &FieldSpec) -> Result<(), Unfit> {
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
        BothSidesRule::FurtherAlong => spec.value_type == ValueType::AppointmentStatus,
    };
    if fits { Ok(()) } else { Err(("both_sides", "this rule does not fit the field", "use ask or ask_two")) }
}
