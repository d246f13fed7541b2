//! What the type of a column allows to be written.

use crate::{MappingError, text};
use record::catalogue::ValueType;
use record::value::{Minutes, PartialDate, Person, Value};
use record::{Conventions, FieldSpec, FieldState, Remote};

/// The type of a ServiceNow column, as far as it limits what can be written (`sys_dictionary.internal_type`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ColumnType {
    /// Any text.
    #[default]
    Text,
    /// A whole date (`glide_date`, `date`): unknown parts are filled with `01`.
    Date,
    /// A number without a unit (`integer`, `decimal`, `float`).
    Number,
    /// A length of time (`glide_duration`), stored as the time since 1970 (wire-facts 5.4).
    Duration,
    /// One of a list of stored values (`choice`): others are refused or dropped by the platform, and the Table API
    /// cannot clear it (wire-facts 5.5).
    Choice {
        /// The stored values.
        values: Vec<String>,
    },
}

impl ColumnType {
    /// The type for a dictionary entry's `internal_type` and its choices.
    pub fn of_dictionary(internal_type: &str, choices: Vec<String>) -> ColumnType {
        match internal_type {
            "glide_date" | "date" => ColumnType::Date,
            "integer" | "decimal" | "float" | "longint" => ColumnType::Number,
            "glide_duration" => ColumnType::Duration,
            _ if !choices.is_empty() => ColumnType::Choice { values: choices },
            _ => ColumnType::Text,
        }
    }

    /// Whether the column can hold that text.
    fn holds(&self, text: &str) -> bool {
        match self {
            ColumnType::Choice { values } => values.iter().any(|choice| choice == text),
            ColumnType::Text | ColumnType::Date | ColumnType::Number | ColumnType::Duration => true,
        }
    }

    /// The text that clears a column.
    pub(crate) fn cleared(&self, spec: &FieldSpec) -> Result<String, MappingError> {
        match self {
            ColumnType::Choice { values } if !values.iter().any(String::is_empty) => {
                Err(MappingError::cannot(
                    spec,
                    "a choice column cannot be cleared through the Table API; clear it in ServiceNow",
                ))
            }
            _ => Ok(String::new()),
        }
    }

    /// The text that says `value`, over the text that stands in the column.
    pub(crate) fn write(
        &self,
        spec: &FieldSpec,
        value: &Value,
        standing: &str,
        conventions: &Conventions,
    ) -> Result<String, MappingError> {
        if let Value::Status(status) = value
            && let standing = status.servicenow_text(standing, conventions)
            && self.holds(&standing)
        {
            // What stands there stays while it means the same stage; the two systems' terms do not correspond one to one.
            return Ok(standing);
        }
        if let ColumnType::Choice { values } = self {
            return chosen(values, spec, value, standing, conventions);
        }
        Ok(match (self, value) {
            (ColumnType::Date, Value::Date(date)) => filled(*date).to_string(),
            (ColumnType::Number, Value::Quantity(quantity)) => in_column_unit(quantity, spec)?,
            (_, Value::Substances(set)) => text::list(standing, set, conventions),
            (_, Value::Sex(sex)) => text::sex_term(sex, standing, conventions),
            (ColumnType::Duration, Value::Minutes(minutes)) => minutes.duration_text(),
            (_, Value::Minutes(minutes)) if Minutes::is_duration_text(standing) => minutes.duration_text(),
            (_, Value::Person(person)) => servicenow_user(spec, person, conventions)?,
            (_, Value::PatientLink(link)) => {
                link.key(Remote::ServiceNow).map(str::to_owned).ok_or_else(|| not_linked(spec))?
            }
            _ => text::write(value, &spec.value_type).unwrap_or_default(),
        })
    }
}

/// The key of a person in ServiceNow.
fn servicenow_user(
    spec: &FieldSpec,
    person: &Person,
    conventions: &Conventions,
) -> Result<String, MappingError> {
    let own_key = || person.key.as_ref().filter(|key| !key.contains('/')).cloned();
    person.member(conventions).map(|member| member.servicenow_user.clone()).or_else(own_key).ok_or_else(|| {
        MappingError::cannot(
            spec,
            "the staff table has no ServiceNow user for this person; add the person to the table, or choose \
             somebody who is in it",
        )
    })
}

/// A patient that stands in one system only.
pub(crate) fn not_linked(spec: &FieldSpec) -> MappingError {
    MappingError::cannot(
        spec,
        "this patient is not linked to one in the other system; link or create the patient there first",
    )
}

/// The stored value that says the same, the standing one first.
fn chosen(
    values: &[String],
    spec: &FieldSpec,
    value: &Value,
    standing: &str,
    conventions: &Conventions,
) -> Result<String, MappingError> {
    let wanted = FieldState::Value(value.clone());
    let exact = text::write(value, &spec.value_type);
    let says_it =
        |choice: &&str| text::says_the_same(&text::read(&spec.value_type, choice, conventions), &wanted);
    exact
        .as_deref()
        .filter(|text| values.iter().any(|choice| choice == text))
        .or_else(|| Some(standing).filter(|text| values.iter().any(|choice| choice == text)).filter(says_it))
        .or_else(|| values.iter().map(String::as_str).find(says_it))
        .map(str::to_owned)
        .ok_or_else(|| {
            MappingError::cannot(
                spec,
                "the column's choice list has no entry for this value; add one in ServiceNow, or a synonym in the \
                 configuration",
            )
        })
}

/// The date with its unknown parts at their first value.
pub(crate) fn filled(date: PartialDate) -> PartialDate {
    PartialDate { year: date.year, month: Some(date.month.unwrap_or(1)), day: Some(date.day.unwrap_or(1)) }
}

fn in_column_unit(quantity: &record::value::Quantity, spec: &FieldSpec) -> Result<String, MappingError> {
    let ValueType::Quantity { default_unit } = &spec.value_type else {
        return Ok(quantity.number.clone());
    };
    if *default_unit == quantity.unit {
        return Ok(quantity.number.clone());
    }
    record::codes::units::convert(quantity.amount, &quantity.unit, default_unit)
        .map(|amount| amount.round_dp(4).normalize().to_string())
        .ok_or_else(|| {
            MappingError::cannot(
                spec,
                format!(
                    "the column is a number in {default_unit} and {} cannot be converted to it; \
                     enter the amount there by hand",
                    quantity.unit
                ),
            )
        })
}
