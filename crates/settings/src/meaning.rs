//! What the schema cannot say: zones, schedules, addresses, and keys that must fit each other.

use crate::document::Node;
mod matching;
mod visits;

use crate::model::{EhrRoute, SecondPerson, Settings, SignIn, TlsMinimum};
use crate::{Problem, Role, SyncFrequency, address, secret_names, shape};
use record::Catalogue;
use record::codes::{snomed, species};
use record::time::cron::Cron;
use std::collections::BTreeMap;

struct Findings<'a> {
    document: &'a Node,
    problems: Vec<Problem>,
}

impl Findings<'_> {
    fn add(&mut self, key: &str, what: impl Into<String>, way_out: impl Into<String>) {
        let place = Some(self.document.place_of(key));
        self.problems.push(Problem {
            place,
            key: key.to_owned(),
            what: what.into(),
            way_out: way_out.into(),
        });
    }

    /// With the example from the schema as the way out.
    fn add_with_example(&mut self, key: &str, what: impl Into<String>) {
        let way_out = shape::schema_of(key).map(|schema| shape::example(key, schema)).unwrap_or_default();
        self.add(key, what, way_out);
    }
}

/// What is wrong with the one value that has a grammar of its own and so cannot be read before it is checked.
pub(crate) fn frequency(plain: &serde_json::Value, document: &Node) -> Option<Problem> {
    let key = "sync_frequency";
    let what = plain.get(key)?.as_str()?.parse::<SyncFrequency>().err()?;
    let mut found = Findings { document, problems: Vec::new() };
    found.add_with_example(key, what);
    found.problems.pop()
}

/// What is wrong with settings whose shape is right.
pub(crate) fn check(settings: &Settings, document: &Node) -> Vec<Problem> {
    let mut found = Findings { document, problems: Vec::new() };
    addresses(settings, &mut found);
    same_twice(settings, &mut found);
    hospital(settings, &mut found);
    if let Err(what) = Cron::parse(&settings.batch_schedule) {
        found.add_with_example("batch_schedule", what);
    }
    webhooks(settings, &mut found);
    servicenow(settings, &mut found);
    mid_server(settings, &mut found);
    visits::check(settings, &mut found);
    matching::check(settings, &mut found);
    people(settings, &mut found);
    sample_data(settings, &mut found);
    custom_fields(settings, &mut found);
    conventions(settings, &mut found);
    found.problems
}

fn addresses(settings: &Settings, found: &mut Findings<'_>) {
    let named = [
        ("ehr_api_base_url", &settings.ehr_api_base_url),
        ("ehr.base_url", &settings.ehr.base_url),
        ("ehr.token_url", &settings.ehr.token_url),
        ("servicenow.base_url", &settings.servicenow.base_url),
    ];
    for (key, address) in named {
        if let Some(what) = address.as_deref().and_then(address::problem) {
            found.add_with_example(key, what);
        }
    }
    if let Some(base) =
        settings.servicenow.base_url.as_deref().filter(|base| address::problem(base).is_none())
    {
        let path =
            base.trim_start_matches("https://").trim_end_matches('/').split_once('/').map(|(_, path)| path);
        if path.is_some_and(|path| path.starts_with("api/")) {
            found.add_with_example(
                "servicenow.base_url",
                "the instance's address is expected, without /api/now/…",
            );
        }
    }
}

/// The specification's keys and ours may both stand there if they say the same.
fn same_twice(settings: &Settings, found: &mut Findings<'_>) {
    let pairs = [
        ("ehr_api_base_url", &settings.ehr_api_base_url, "ehr.base_url", &settings.ehr.base_url),
        ("oauth_client_id", &settings.oauth_client_id, "ehr.client_id", &settings.ehr.client_id),
    ];
    for (key, value, other_key, other) in pairs {
        if let (Some(value), Some(other)) = (value, other)
            && value.trim_end_matches('/') != other.trim_end_matches('/')
        {
            found.add(key, format!("this says something else than {other_key}"), "Keep one of the two.");
        }
    }
}

fn webhooks(settings: &Settings, found: &mut Findings<'_>) {
    let Some(listen) = &settings.webhooks.listen else { return };
    if listen.parse::<std::net::SocketAddr>().is_err() {
        found.add_with_example("webhooks.listen", "an IP address and a port are expected");
    } else if settings.webhooks.certificate_file.is_none() {
        found.add(
            "webhooks.listen",
            "messages are received over TLS alone, and no certificate is named",
            "Set webhooks.certificate_file, and store its key with `vetsync secret set webhooks.private_key`.",
        );
    }
}

fn time_zone(key: &str, named: Option<&String>, found: &mut Findings<'_>) {
    if let Some(name) = named
        && name.parse::<chrono_tz::Tz>().is_err()
    {
        let zones = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
        let cities = zones.clone().filter(|zone| {
            let city = zone.rsplit('/').next().unwrap_or(zone);
            city.eq_ignore_ascii_case(&name.trim().replace(' ', "_"))
        });
        let near = cities.map(str::to_owned).next().or_else(|| shape::nearest(name, zones));
        let way_out = near.map_or_else(
            || {
                let last = key.rsplit('.').next().unwrap_or(key);
                format!("Write an IANA name, for example {last} = \"America/Chicago\".")
            },
            |near| format!("Did you mean \"{near}\"?"),
        );
        found.add(key, "there is no time zone of that name", way_out);
    }
}

fn hospital(settings: &Settings, found: &mut Findings<'_>) {
    time_zone("hospital.time_zone", settings.hospital.time_zone.as_ref(), found);
    time_zone("schedule.batch_time_zone", settings.schedule.batch_time_zone.as_ref(), found);
    if settings.schedule.at().is_none() {
        found.add_with_example(
            "schedule.reconciliation_at",
            "a time of day from 00:00 to 23:59 is expected, in hours and minutes",
        );
    }
    let region = &settings.hospital.phone_region;
    if region.len() != 2 || !region.bytes().all(|byte| byte.is_ascii_uppercase()) {
        found.add_with_example("hospital.phone_region", "two capital letters (ISO 3166-1) are expected");
    }
}

/// Names of tables and columns, each with its key.
fn names_of_columns(names: Vec<(String, &str)>, found: &mut Findings<'_>) {
    for (key, name) in names {
        // Names go into encoded queries, which have no escape.
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        {
            let way_out =
                "Take the name from the instance's dictionary (sys_dictionary, element), not the label.";
            found.add(&key, "a name of lower-case letters, digits and _ is expected", way_out);
        } else if name.starts_with("sys_") && !key.ends_with("table") {
            let way_out = "Name a column of the table's own.";
            found.add(&key, "a sys_ column belongs to the platform and is never written", way_out);
        }
    }
}

fn servicenow(settings: &Settings, found: &mut Findings<'_>) {
    let one = &settings.servicenow;
    let mut names: Vec<(String, &str)> = vec![
        ("servicenow.patient_table".to_owned(), one.patient_table.as_str()),
        ("servicenow.ehr_id_column".to_owned(), one.ehr_id_column.as_str()),
    ];
    names.extend(one.active_column.iter().map(|name| ("servicenow.active_column".to_owned(), name.as_str())));
    names.extend(
        one.deceased_column.iter().map(|name| ("servicenow.deceased_column".to_owned(), name.as_str())),
    );
    names.extend(
        one.columns.iter().map(|(field, name)| (format!("servicenow.columns.{field}"), name.as_str())),
    );
    names_of_columns(names, found);
    let catalogue = Catalogue::patient_default();
    let fields: Vec<&str> = catalogue.fields.iter().map(|field| field.id.as_str()).collect();
    for field in one.columns.keys() {
        if catalogue.index_of(field).is_none() {
            let way_out = if settings.custom_fields.iter().any(|custom| custom.id == *field) {
                "A custom field names its column itself: set `column` there.".to_owned()
            } else {
                shape::nearest(field, fields.iter().copied()).map_or_else(
                    || format!("The fields are {}.", fields.join(", ")),
                    |near| format!("Did you mean `{near}`?"),
                )
            };
            found.add(&format!("servicenow.columns.{field}"), "the patient has no such field", way_out);
        }
    }
    let mut by_column: BTreeMap<&str, &str> = BTreeMap::new();
    for (field, column) in &one.columns {
        if let Some(earlier) = by_column.insert(column, field) {
            found.add(
                &format!("servicenow.columns.{field}"),
                format!("this column is already taken by {earlier}"),
                "Give each field its own column.",
            );
        }
    }
    if one.sign_in == SignIn::ClientCredentials {
        for key in ["subject", "audience", "key_id", "algorithm"] {
            let path = format!("servicenow.{key}");
            if found.document.has(&path) {
                let way_out = "Remove it, or set sign_in = \"jwt_bearer\".";
                found.add(&path, "this belongs to sign_in = \"jwt_bearer\" and has no effect here", way_out);
            }
        }
    }
}

/// The name goes into encoded queries, which have no escape.
fn mid_server(settings: &Settings, found: &mut Findings<'_>) {
    let own = &settings.mid_server;
    let plain = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '.' | '_' | '-');
    if let Some(name) = &own.name
        && (name.trim() != name || !name.chars().all(plain))
    {
        found.add_with_example(
            "mid_server.name",
            "the name of a MID Server is expected: letters, digits, blanks, . _ and -",
        );
    }
    if settings.ehr.route == EhrRoute::MidServer && own.name.is_none() {
        found.add(
            "ehr.route",
            "requests are to go through a MID Server, and none is named",
            "Write its name under [mid_server], for example name = \"mid-frontdesk\".",
        );
    }
    if settings.ehr.route == EhrRoute::Direct && own.sign_in_directly {
        found.add(
            "mid_server.sign_in_directly",
            "this has no effect with ehr.route = \"direct\"",
            "Remove it, or set route = \"mid-server\" under [ehr].",
        );
    }
}

fn people(settings: &Settings, found: &mut Findings<'_>) {
    let mut ids: Vec<&str> = Vec::new();
    let mut users: Vec<&str> = Vec::new();
    for (at, person) in settings.people.iter().enumerate() {
        let plain =
            person.id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'@'));
        if !plain {
            let way_out = "Write, for example, id = \"jdoe\".";
            found.add(
                &format!("people[{at}].id"),
                "letters, digits, _ - . and @ are expected, no blanks",
                way_out,
            );
        }
        if ids.contains(&person.id.as_str()) {
            found.add(
                &format!("people[{at}].id"),
                "another person has this id",
                "Give each person their own id.",
            );
        }
        ids.push(&person.id);
        if let Some(user) = &person.os_user {
            if users.contains(&user.as_str()) {
                let way_out = "One user of the operating system is one person; leave it out for the other.";
                found.add(&format!("people[{at}].os_user"), "another person has this os_user", way_out);
            }
            users.push(user);
        }
    }
}

/// Whoever may be anybody must not reach a real system.
fn sample_data(settings: &Settings, found: &mut Findings<'_>) {
    if !settings.console.sample_data {
        return;
    }
    let addresses = [
        &settings.ehr_api_base_url,
        &settings.ehr.base_url,
        &settings.ehr.token_url,
        &settings.servicenow.base_url,
    ];
    if !addresses.into_iter().flatten().all(|address| address::is_on_this_computer(address)) {
        found.add(
            "console.sample_data",
            "this lets people be switched, and an address above is not on this computer",
            "Remove it: it belongs to the sample clinic alone.",
        );
    }
}

/// Each custom field must fit the catalogue and the ones before it; the catalogue knows the rules.
fn custom_fields(settings: &Settings, found: &mut Findings<'_>) {
    let mut catalogue = Catalogue::patient_default();
    for (at, field) in settings.custom_fields.iter().enumerate() {
        match catalogue.clone().with_custom(vec![field.for_record()]) {
            Ok(longer) => catalogue = longer,
            Err(wrong) => {
                found.add(
                    &format!("custom_fields[{at}].{}", wrong.key),
                    wrong.problem,
                    sentence(&wrong.way_out),
                );
            }
        }
    }
}

fn conventions(settings: &Settings, found: &mut Findings<'_>) {
    for (name, key) in &settings.conventions.species_names {
        if species::by_key(key).is_none() {
            let known: Vec<&str> = species::all().iter().map(|species| species.key.as_str()).collect();
            let way_out = shape::nearest(key, known.iter().copied()).map_or_else(
                || format!("Write one of {}.", known.join(", ")),
                |near| format!("Did you mean \"{near}\"?"),
            );
            found.add(
                &format!("conventions.species_names.{name}"),
                "there is no species of that key",
                way_out,
            );
        }
    }
    for (name, code) in &settings.conventions.breed_names {
        if !snomed::valid_snomed_id(code) {
            found.add(
                &format!("conventions.breed_names.{name}"),
                "a SNOMED CT code with a right check digit is expected",
                "Write, for example, \"golden\" = \"58108001\".",
            );
        }
    }
}

fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}

impl Settings {
    /// What is allowed and deserves a second thought, for `vetsync doctor` and the first screen.
    pub fn warnings(&self) -> Vec<Problem> {
        let mut warnings = Vec::new();
        let mut warn = |key: &str, what: &str, way_out: &str| {
            warnings.push(Problem {
                place: None,
                key: key.to_owned(),
                what: what.to_owned(),
                way_out: way_out.to_owned(),
            });
        };
        let specification = "The specification asks for TLS 1.3: ask the operator of that system to switch it on, then \
                             remove the key.";
        for (key, minimum) in [
            ("servicenow.tls_minimum", self.servicenow.tls_minimum),
            ("ehr.tls_minimum", self.ehr.tls_minimum),
            ("webhooks.tls_minimum", self.webhooks.tls_minimum),
        ] {
            if minimum == TlsMinimum::Tls12 {
                warn(key, "connections with TLS 1.2 are let through", specification);
            }
        }
        if self.sync_frequency == SyncFrequency::OnDemand {
            warn(
                "sync_frequency",
                "nothing is compared by itself: no polling, no batch, no daily reconciliation",
                "Set sync_frequency = \"real-time\" or \"scheduled\".",
            );
        } else if !self.schedule.reconciliation {
            warn(
                "schedule.reconciliation",
                "the daily reconciliation is switched off",
                "Remove the key: what neither a message nor a poll tells is found by it alone.",
            );
        }
        if self.hospital.time_zone.is_none() {
            warn(
                "hospital.time_zone",
                "no time zone is set, so the reconciliation runs by this computer's zone",
                "Write the hospital's zone, for example time_zone = \"America/Chicago\".",
            );
        }
        let approvers = self.people.iter().filter(|person| person.role == Role::Admin).count();
        if self.console.second_person == SecondPerson::Required && !self.people.is_empty() && approvers == 0 {
            warn(
                "console.second_person",
                "a second person must approve grade 4 decisions, and nobody listed under [[people]] may",
                "Give somebody role = \"admin\", or set second_person = \"typed_reason\".",
            );
        } else if self.console.second_person == SecondPerson::Required && self.people.len() == 1 {
            warn(
                "console.second_person",
                "a second person must approve grade 4 decisions, and only one person is listed under [[people]]",
                "Add another person, or set second_person = \"typed_reason\".",
            );
        }
        if self.console.second_person == SecondPerson::TypedReason {
            warn(
                "console.second_person",
                "grade 4 decisions are carried out with one person's typed reason",
                "Set second_person = \"required\" as soon as two people work here.",
            );
        }
        warnings
    }

    /// What is still missing before the two systems can be spoken to; empty when nothing is.
    pub fn incomplete(&self) -> Vec<Problem> {
        let mut missing = Vec::new();
        let needed = [
            ("servicenow.base_url", self.servicenow.base_url.is_none()),
            ("servicenow.client_id", self.servicenow.client_id.is_none()),
            (
                "servicenow.subject",
                self.servicenow.sign_in == SignIn::JwtBearer && self.servicenow.subject.is_none(),
            ),
            ("ehr.base_url", self.ehr.base_url.is_none()),
            ("ehr.client_id", self.ehr.client_id.is_none()),
        ];
        for (key, absent) in needed {
            if absent {
                let way_out =
                    shape::schema_of(key).map(|schema| shape::example(key, schema)).unwrap_or_default();
                missing.push(Problem {
                    place: None,
                    key: key.to_owned(),
                    what: "this is needed for the connection and is not set".to_owned(),
                    way_out,
                });
            }
        }
        missing
    }

    /// The secrets that these settings need, by name. The client secret beside a signed JWT is optional and not
    /// among them.
    pub fn needed_secrets(&self) -> Vec<&'static str> {
        let servicenow = match self.servicenow.sign_in {
            SignIn::JwtBearer => secret_names::SERVICENOW_PRIVATE_KEY,
            SignIn::ClientCredentials => secret_names::SERVICENOW_CLIENT_SECRET,
        };
        let mut needed = vec![servicenow, secret_names::EHR_PRIVATE_KEY];
        if self.webhooks.listen.is_some() {
            needed.extend([
                secret_names::WEBHOOKS_PRIVATE_KEY,
                secret_names::WEBHOOKS_SERVICENOW,
                secret_names::WEBHOOKS_EHR,
            ]);
        }
        needed
    }
}
