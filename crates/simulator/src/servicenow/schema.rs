//! Tables and their columns, as `sys_dictionary` describes them.

mod visits;

pub(crate) use visits::choice_table;
pub use visits::{
    APPOINTMENT_STATUSES, APPOINTMENT_TYPES, TREATMENT_STATUSES, appointment_table, billing_table,
    treatment_table,
};

use serde::{Deserialize, Serialize};

/// The type of a column, with the platform's `internal_type` names (wire-facts 5.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// `string`
    Text,
    /// `boolean`
    Boolean,
    /// `integer`
    Integer,
    /// `decimal`
    Decimal,
    /// `choice`: stored values with their labels; other values are not accepted.
    Choice(Vec<(String, String)>),
    /// `glide_date`
    Date,
    /// `glide_date_time`
    DateTime,
    /// `glide_duration`
    Duration,
    /// `reference` to a table
    Reference(String),
    /// `glide_list` of references to a table
    List(String),
    /// `GUID`: the primary key
    SysId,
}

impl ColumnType {
    /// The platform's name of the type.
    pub const fn internal_type(&self) -> &'static str {
        match self {
            ColumnType::Text => "string",
            ColumnType::Boolean => "boolean",
            ColumnType::Integer => "integer",
            ColumnType::Decimal => "decimal",
            ColumnType::Choice(_) => "choice",
            ColumnType::Date => "glide_date",
            ColumnType::DateTime => "glide_date_time",
            ColumnType::Duration => "glide_duration",
            ColumnType::Reference(_) => "reference",
            ColumnType::List(_) => "glide_list",
            ColumnType::SysId => "GUID",
        }
    }
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name, `u_` included.
    pub name: String,
    /// What people read.
    pub label: String,
    /// Its type.
    pub column_type: ColumnType,
    /// Longer text is cut; 0 means no limit.
    pub max_length: usize,
    /// The value of a new row that does not say.
    pub default: String,
    /// Whether a unique index refuses a second row with the same value; empty values are not held against each other.
    pub unique: bool,
}

impl Column {
    /// A column of 255 characters without a default.
    pub fn new(name: &str, label: &str, column_type: ColumnType) -> Column {
        let max_length = match column_type {
            ColumnType::Text => 255,
            _ => 0,
        };
        Column {
            name: name.to_owned(),
            label: label.to_owned(),
            column_type,
            max_length,
            default: String::new(),
            unique: false,
        }
    }

    /// With another length.
    #[must_use]
    pub fn length(mut self, max_length: usize) -> Column {
        self.max_length = max_length;
        self
    }

    /// With a default.
    #[must_use]
    pub fn default_value(mut self, default: &str) -> Column {
        default.clone_into(&mut self.default);
        self
    }

    /// With a unique index.
    #[must_use]
    pub fn unique(mut self) -> Column {
        self.unique = true;
        self
    }
}

/// One table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableSchema {
    /// Its name.
    pub name: String,
    /// The column whose value stands for a row where it is referred to.
    pub display: String,
    /// Whether deletions leave a row in `sys_audit_delete` (attribute `no_audit_delete` unset).
    pub audit_delete: bool,
    /// Its columns, the system ones last.
    pub columns: Vec<Column>,
}

impl TableSchema {
    /// A table with the given columns and the system columns every table has.
    pub fn new(name: &str, display: &str, columns: Vec<Column>) -> TableSchema {
        let mut all = vec![Column::new("sys_id", "Sys ID", ColumnType::SysId)];
        all.extend(columns);
        all.extend([
            Column::new("sys_mod_count", "Updates", ColumnType::Integer),
            Column::new("sys_created_on", "Created", ColumnType::DateTime),
            Column::new("sys_created_by", "Created by", ColumnType::Text),
            Column::new("sys_updated_on", "Updated", ColumnType::DateTime),
            Column::new("sys_updated_by", "Updated by", ColumnType::Text),
            Column::new("sys_tags", "Tags", ColumnType::Text),
        ]);
        TableSchema { name: name.to_owned(), display: display.to_owned(), audit_delete: true, columns: all }
    }

    /// Where a column stands.
    pub fn position(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|known| known.name == column)
    }
}

/// The hospital's patient table: the columns of the specification, the weight as a custom column, the EHR's id, and
/// columns no mapping knows.
pub fn patient_table() -> TableSchema {
    let text = |name: &str, label: &str| Column::new(name, label, ColumnType::Text);
    TableSchema::new(
        "u_patient_record",
        "u_patient_name",
        vec![
            text("u_patient_name", "Patient name").length(100),
            text("u_species", "Species").length(60),
            text("u_breed", "Breed").length(100),
            // A string column, as it is where people type `2019` for an animal from a shelter; a site with a
            // glide_date column is had by redefining it.
            text("u_date_of_birth", "Date of birth").length(40),
            text("u_gender", "Gender").length(40),
            text("u_microchip_id", "Microchip").length(40),
            text("u_owner_name", "Owner").length(100),
            text("u_owner_phone", "Owner's phone").length(40),
            text("u_owner_email", "Owner's e-mail").length(100),
            text("u_allergies", "Allergies").length(1000),
            text("u_medical_notes", "Medical notes").length(4000),
            Column::new("u_active", "Active", ColumnType::Boolean).default_value("true"),
            Column::new("u_deceased", "Deceased", ColumnType::Boolean).default_value("false"),
            text("u_weight", "Weight").length(40),
            text("u_ehr_id", "EHR id").length(64).unique(),
            Column::new("u_clinician", "Clinician", ColumnType::Reference("sys_user".to_owned())),
            Column::new(
                "u_care_plan",
                "Care plan",
                ColumnType::Choice(vec![
                    ("1".to_owned(), "Basic".to_owned()),
                    ("2".to_owned(), "Plus".to_owned()),
                    ("in_review".to_owned(), "In review".to_owned()),
                ]),
            ),
            text("u_coat_colour", "Coat colour"),
            text("u_insurance_policy", "Insurance policy"),
            Column::new("u_last_visit", "Last visit", ColumnType::DateTime),
            Column::new("u_usual_visit_length", "Usual visit length", ColumnType::Duration),
            Column::new("u_loyalty_points", "Loyalty points", ColumnType::Integer),
            Column::new("u_watch_list", "Watch list", ColumnType::List("sys_user".to_owned())),
        ],
    )
}

/// The tables every instance has that this product reads.
pub fn system_tables() -> Vec<TableSchema> {
    let text = |name: &str, label: &str| Column::new(name, label, ColumnType::Text);
    let mut tables = vec![
        TableSchema::new(
            "sys_user",
            "name",
            vec![
                text("user_name", "User ID").unique(),
                text("name", "Name"),
                text("email", "Email"),
                text("time_zone", "Time zone"),
                Column::new("active", "Active", ColumnType::Boolean).default_value("true"),
            ],
        ),
        TableSchema::new(
            "sys_dictionary",
            "element",
            vec![
                text("name", "Table"),
                text("element", "Column name"),
                text("column_label", "Column label"),
                text("internal_type", "Type"),
                Column::new("max_length", "Max length", ColumnType::Integer),
                Column::new("mandatory", "Mandatory", ColumnType::Boolean).default_value("false"),
                text("reference", "Reference"),
                text("default_value", "Default value"),
                Column::new("unique", "Unique", ColumnType::Boolean).default_value("false"),
                Column::new("choice", "Choice", ColumnType::Integer),
                Column::new("active", "Active", ColumnType::Boolean).default_value("true"),
            ],
        ),
        TableSchema::new(
            "sys_audit_delete",
            "display_value",
            vec![
                text("tablename", "Table name"),
                text("documentkey", "Document key"),
                text("display_value", "Display value"),
                text("fieldname", "Field name"),
                text("oldvalue", "Old value"),
                text("newvalue", "New value"),
                text("user", "User"),
                text("payload", "Payload").length(0),
            ],
        ),
        TableSchema::new(
            "ecc_agent",
            "name",
            vec![
                text("name", "Name"),
                text("status", "Status"),
                text("host_name", "Host name"),
                text("version", "Version"),
                Column::new("validated", "Validated", ColumnType::Boolean).default_value("true"),
                Column::new("last_refreshed", "Last refreshed", ColumnType::DateTime),
            ],
        ),
    ];
    for table in &mut tables {
        table.audit_delete = false;
    }
    tables
}

/// The platform's queue and its attachments.
pub(crate) fn platform_tables() -> Vec<TableSchema> {
    let text = |name: &str, label: &str| Column::new(name, label, ColumnType::Text);
    let mut tables = vec![
        TableSchema::new(
            "ecc_queue",
            "name",
            vec![
                text("agent", "Agent"),
                text("topic", "Topic"),
                text("name", "Name").length(120),
                text("source", "Source").length(1_000),
                Column::new("response_to", "Response to", ColumnType::Reference("ecc_queue".to_owned())),
                text("queue", "Queue"),
                text("state", "State").default_value("ready"),
                text("priority", "Priority").default_value("2"),
                text("agent_correlator", "Agent correlator"),
                text("error_string", "Error string").length(4_000),
                Column::new("processed", "Processed", ColumnType::DateTime),
                text("payload", "Payload").length(16_777_215),
            ],
        ),
        TableSchema::new(
            "sys_attachment",
            "file_name",
            vec![
                text("table_name", "Table name"),
                text("table_sys_id", "Table sys ID"),
                text("file_name", "File name"),
                text("content_type", "Content type"),
                Column::new("size_bytes", "Size bytes", ColumnType::Integer),
            ],
        ),
    ];
    for table in &mut tables {
        table.audit_delete = false;
    }
    tables
}
