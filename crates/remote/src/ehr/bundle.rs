//! From what an EHR sends to snapshots: resources gathered record by record, their text untouched.

use super::dialect::BodyStyle;
use super::outcome;
use crate::{Fetched, Malformed};
use aws_lc_rs::digest;
use record::{Json, RecordKind};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::HashMap;

/// A Bundle, its entries unread.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawBundle<'a> {
    #[serde(default)]
    pub resource_type: String,
    #[serde(default)]
    pub total: Option<Value>,
    #[serde(default)]
    pub link: Vec<Link>,
    #[serde(borrow, default)]
    pub entry: Vec<&'a RawValue>,
}

/// One `Bundle.link`.
#[derive(Deserialize)]
pub(super) struct Link {
    #[serde(default)]
    pub relation: String,
    #[serde(default)]
    pub url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    full_url: Option<String>,
    #[serde(borrow)]
    resource: Option<&'a RawValue>,
    search: Option<Search>,
}

#[derive(Deserialize)]
struct Search {
    mode: Option<String>,
}

/// The members of a resource that say what it is and to which record it belongs.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    #[serde(default)]
    resource_type: String,
    id: Option<String>,
    #[serde(default)]
    meta: Meta,
    patient: Option<Reference>,
    encounter: Option<Reference>,
    /// What a Provenance is about.
    #[serde(default)]
    target: Vec<Reference>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Meta {
    version_id: Option<String>,
    last_updated: Option<String>,
    tag: Vec<Tag>,
}

#[derive(Deserialize)]
struct Tag {
    code: Option<String>,
}

#[derive(Deserialize)]
struct Reference {
    reference: Option<String>,
}

/// What one answer held.
#[derive(Debug, Default)]
pub(super) struct Assembled {
    pub items: Vec<Fetched>,
    pub malformed: Vec<Malformed>,
    /// Keys of the records it held, readable or not, in order.
    pub keys: Vec<String>,
    /// Keys of the records that stood alone, not in a Bundle.
    pub bare: Vec<String>,
    /// How many records it held, those without a key included.
    pub records: usize,
    /// What an `OperationOutcome` among the entries says against the answer's completeness.
    pub doubt: Option<String>,
}

struct Part<'a> {
    full_url: Option<String>,
    text: &'a str,
    head: Head,
}

/// The resource a record of this kind stands for.
pub(super) const fn main_type(kind: RecordKind) -> &'static str {
    match kind {
        RecordKind::Patient => "Patient",
        RecordKind::Appointment => "Appointment",
        RecordKind::Treatment => "Encounter",
    }
}

/// Gathers the records of an answer: a Bundle of whatever type, or one bare resource.
pub(super) fn assemble(kind: RecordKind, body: &str, style: BodyStyle) -> Result<Assembled, String> {
    let bundle: RawBundle<'_> =
        serde_json::from_str(body).map_err(|_| "the answer is not a FHIR resource".to_owned())?;
    if bundle.resource_type == "Bundle" {
        return Ok(from_entries(kind, &bundle.entry, style));
    }
    if bundle.resource_type == main_type(kind) {
        let mut assembled = Assembled::default();
        gather(kind, vec![(None, None, body)], style, &mut assembled);
        assembled.bare.clone_from(&assembled.keys);
        return Ok(assembled);
    }
    Err(format!("a {} was expected, another resource came", main_type(kind)))
}

/// Gathers the records among the entries of a Bundle.
pub(super) fn from_entries(kind: RecordKind, entries: &[&RawValue], style: BodyStyle) -> Assembled {
    let mut assembled = Assembled::default();
    let mut resources = Vec::with_capacity(entries.len());
    for raw in entries {
        if let Ok(Entry { full_url, resource: Some(resource), search }) = serde_json::from_str(raw.get()) {
            resources.push((full_url, search.and_then(|search| search.mode), resource.get()));
        } else {
            assembled.records += 1;
            assembled.malformed.push(Malformed {
                key: None,
                raw: raw.get().to_owned(),
                problem: "an entry of the Bundle holds no resource".to_owned(),
            });
        }
    }
    gather(kind, resources, style, &mut assembled);
    assembled
}

/// Gathers the records of a plain array, each a bare resource or a Bundle of its own.
pub(super) fn from_array(kind: RecordKind, items: &[&RawValue], style: BodyStyle) -> Assembled {
    let mut all = Assembled::default();
    for item in items {
        match assemble(kind, item.get(), style) {
            Ok(one) => {
                all.items.extend(one.items);
                all.malformed.extend(one.malformed);
                all.keys.extend(one.keys);
                all.bare.extend(one.bare);
                all.records += one.records;
                all.doubt = all.doubt.or(one.doubt);
            }
            Err(problem) => {
                all.records += 1;
                all.malformed.push(Malformed { key: None, raw: item.get().to_owned(), problem });
            }
        }
    }
    all
}

type Received<'a> = (Option<String>, Option<String>, &'a str);

fn gather(kind: RecordKind, resources: Vec<Received<'_>>, style: BodyStyle, out: &mut Assembled) {
    let main = main_type(kind);
    let mut mains: Vec<Part<'_>> = Vec::new();
    let mut others: Vec<Part<'_>> = Vec::new();
    for (full_url, mode, text) in resources {
        let Ok(head) = serde_json::from_str::<Head>(text) else {
            out.records += 1;
            out.malformed.push(Malformed {
                key: None,
                raw: text.to_owned(),
                problem: "a resource's resourceType, id, meta or patient is not as FHIR defines it"
                    .to_owned(),
            });
            continue;
        };
        match (head.resource_type.as_str(), mode.as_deref()) {
            ("OperationOutcome", _) | (_, Some("outcome")) => {
                if let Some(outcome) = outcome::read(text).filter(|outcome| outcome.failed) {
                    out.doubt = Some(outcome.words);
                }
            }
            // An entry that is itself a Bundle holds one record with what belongs to it.
            ("Bundle", _) => {
                if let Ok(one) = assemble(kind, text, style) {
                    out.items.extend(one.items);
                    out.malformed.extend(one.malformed);
                    out.keys.extend(one.keys);
                    out.records += one.records;
                } else {
                    out.records += 1;
                    out.malformed.push(Malformed {
                        key: head.id,
                        raw: text.to_owned(),
                        problem: "a Bundle within the Bundle cannot be read".to_owned(),
                    });
                }
            }
            (found, Some("match") | None) if found == main => mains.push(Part { full_url, text, head }),
            // A record that came along with another one was not asked for, and nothing belongs to an Appointment: its
            // patient or practitioner, where the EHR sends them along, are records of their own.
            (found, Some("include")) if found == main => {}
            (_, Some("include")) if kind == RecordKind::Appointment => {}
            _ => others.push(Part { full_url, text, head }),
        }
    }
    let owners: HashMap<String, usize> = mains
        .iter()
        .enumerate()
        .flat_map(|(at, part)| {
            let id = part.head.id.clone();
            id.into_iter().chain(part.full_url.clone()).map(move |name| (name, at))
        })
        .collect();
    let mut belonging: Vec<Vec<Part<'_>>> = mains.iter().map(|_| Vec::new()).collect();
    let lone_main = mains.len() == 1 && kind != RecordKind::Patient;
    for part in others {
        let owner = owner_of(kind, &part.head, &owners).or(lone_main.then_some(0));
        match owner.and_then(|at| belonging.get_mut(at)) {
            Some(parts) => parts.push(part),
            None => out.malformed.push(Malformed {
                key: part.head.id.clone(),
                raw: part.text.to_owned(),
                problem: format!(
                    "a {} belongs to no {main} of this answer",
                    shown_type(&part.head.resource_type)
                ),
            }),
        }
    }
    for (part, parts) in mains.into_iter().zip(belonging) {
        out.records += 1;
        out.keys.extend(part.head.id.clone());
        match one_record(kind, &part, parts, style) {
            Ok(fetched) => out.items.push(fetched),
            Err(malformed) => out.malformed.push(malformed),
        }
    }
}

/// A resource type is a word of FHIR; anything else is not repeated.
fn shown_type(text: &str) -> &str {
    let plain = !text.is_empty() && text.len() <= 40 && text.chars().all(|c| c.is_ascii_alphabetic());
    if plain { text } else { "resource" }
}

fn owner_of(kind: RecordKind, head: &Head, owners: &HashMap<String, usize>) -> Option<usize> {
    let reference = match kind {
        RecordKind::Patient => head.patient.as_ref(),
        RecordKind::Appointment => None,
        RecordKind::Treatment => head.encounter.as_ref().or_else(|| head.target.first()),
    }?;
    let text = reference.reference.as_deref()?;
    if let Some(at) = owners.get(text) {
        return Some(*at);
    }
    // `Patient/p-1`, `https://…/patients/p-1`, each perhaps with `/_history/3`.
    let text = text.split_once("/_history/").map_or(text, |(current, _)| current);
    owners.get(text.rsplit('/').next()?).copied()
}

fn one_record(
    kind: RecordKind,
    main: &Part<'_>,
    mut parts: Vec<Part<'_>>,
    style: BodyStyle,
) -> Result<Fetched, Malformed> {
    let travels_alone = match kind {
        RecordKind::Patient => style == BodyStyle::BarePatient,
        RecordKind::Appointment => true,
        RecordKind::Treatment => false,
    };
    let raw = if travels_alone { main.text.to_owned() } else { collection(main, &parts) };
    let key = main.head.id.clone();
    let malformed =
        |problem: &str| Malformed { key: key.clone(), raw: raw.clone(), problem: problem.to_owned() };
    let Some(key) = key.clone().filter(|key| !key.is_empty()) else {
        return Err(malformed("the resource has no id"));
    };
    let is_subset =
        |part: &Part<'_>| part.head.meta.tag.iter().any(|tag| tag.code.as_deref() == Some("SUBSETTED"));
    if is_subset(main) || parts.iter().any(is_subset) {
        return Err(malformed(
            "only a summary was sent (tag SUBSETTED); writing it back would lose the rest: \
             have the EHR send whole resources",
        ));
    }
    if travels_alone && !parts.is_empty() {
        return Err(malformed(match kind {
            RecordKind::Patient => {
                "allergies came beside a Patient that is otherwise read alone: set the EHR's body style to bundle"
            }
            RecordKind::Appointment | RecordKind::Treatment => {
                "resources came beside an Appointment that do not belong to one"
            }
        }));
    }
    parts.sort_by(|one, other| one.head.id.cmp(&other.head.id));
    let version =
        version(main, &parts).ok_or_else(|| malformed("the resource is nested too deeply to be read"))?;
    let changed_at_ms = std::iter::once(main)
        .chain(&parts)
        .filter_map(|part| instant_ms(part.head.meta.last_updated.as_deref()?))
        .max();
    Ok(Fetched { key, version, raw, changed_by: None, changed_at_ms })
}

/// A Bundle of type `collection` around the resources as they were received.
fn collection(main: &Part<'_>, parts: &[Part<'_>]) -> String {
    let length: usize = main.text.len() + parts.iter().map(|part| part.text.len() + 80).sum::<usize>() + 160;
    let mut out = String::with_capacity(length);
    out.push_str(r#"{"resourceType":"Bundle","type":"collection","entry":["#);
    for (index, part) in std::iter::once(main).chain(parts).enumerate() {
        out.push_str(if index == 0 { "{" } else { ",{" });
        if let Some(full_url) = &part.full_url {
            out.push_str("\"fullUrl\":");
            out.push_str(&Json::str(full_url.as_str()).to_string());
            out.push(',');
        }
        out.push_str("\"resource\":");
        out.push_str(part.text);
        out.push('}');
    }
    out.push_str("]}");
    out
}

/// The version token, see [`Fetched::version`].
fn version(main: &Part<'_>, parts: &[Part<'_>]) -> Option<String> {
    let own_or_digest = |part: &Part<'_>| match &part.head.meta.version_id {
        Some(version) if !version.is_empty() => Some(version.clone()),
        _ => Some(sha256_hex(&canonical(part.text)?)),
    };
    match &main.head.meta.version_id {
        Some(own) if !own.is_empty() => {
            if parts.is_empty() {
                return Some(own.clone());
            }
            let mut text = String::new();
            for part in parts {
                text.push_str(part.head.id.as_deref().unwrap_or_default());
                text.push('=');
                text.push_str(&own_or_digest(part)?);
                text.push('\n');
            }
            let digest = sha256_hex(&text);
            Some(format!("{own}~{}", digest.get(..16)?))
        }
        _ => {
            let mut text = canonical(main.text)?;
            for part in parts {
                text.push('\n');
                text.push_str(&canonical(part.text)?);
            }
            Some(format!("sha256:{}", sha256_hex(&text)))
        }
    }
}

/// The part of a version token that the EHR itself gave, to be sent as `If-Match`.
pub(super) fn own_version(version: &str) -> Option<&str> {
    if version.starts_with("sha256:") {
        return None;
    }
    Some(version.split_once('~').map_or(version, |(own, _)| own))
}

/// Members sorted, no blanks, numbers as written.
fn canonical(text: &str) -> Option<String> {
    fn sort(json: &mut Json) {
        match json {
            Json::Array(items) => items.iter_mut().for_each(sort),
            Json::Object(members) => {
                for (_, value) in members.iter_mut() {
                    sort(value);
                }
                members.sort_by(|one, other| one.0.cmp(&other.0));
            }
            _ => {}
        }
    }
    let mut json = Json::parse(text).ok()?;
    sort(&mut json);
    Some(json.to_string())
}

fn sha256_hex(text: &str) -> String {
    hex::encode(digest::digest(&digest::SHA256, text.as_bytes()))
}

/// A FHIR `instant` as Unix milliseconds.
pub(super) fn instant_ms(text: &str) -> Option<i64> {
    chrono::DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp_millis())
}

/// Whether the first resource of a raw record carries an identifier.
pub(super) fn has_identifier(raw: &str, system: &str, value: &str) -> bool {
    let Ok(document) = serde_json::from_str::<Value>(raw) else { return false };
    let resource = document.pointer("/entry/0/resource").unwrap_or(&document);
    let identifiers = resource.get("identifier").and_then(Value::as_array);
    identifiers.is_some_and(|identifiers| {
        identifiers.iter().any(|identifier| {
            let text = |key: &str| identifier.get(key).and_then(Value::as_str).unwrap_or_default();
            text("system") == system && text("value") == value
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patients(body: &str) -> Assembled {
        assemble(RecordKind::Patient, body, BodyStyle::Bundle).unwrap()
    }

    const PATIENT: &str = r#"{"resourceType":"Patient","id":"p-1","meta":{"versionId":"3","lastUpdated":"2025-03-01T09:12:44.120Z"},"weight":4.10}"#;

    fn allergy(id: &str, version: &str, patient: &str) -> String {
        format!(
            r#"{{"resourceType":"AllergyIntolerance","id":"{id}","meta":{{"versionId":"{version}"}},"patient":{{"reference":"{patient}"}}}}"#
        )
    }

    fn searchset(entries: &[String]) -> String {
        format!(r#"{{"resourceType":"Bundle","type":"searchset","entry":[{}]}}"#, entries.join(","))
    }

    fn entry(mode: &str, resource: &str) -> String {
        format!(r#"{{"resource":{resource},"search":{{"mode":"{mode}"}}}}"#)
    }

    #[test]
    fn resources_keep_their_text_and_allergies_find_their_patient() {
        for reference in ["Patient/p-1", "https://ehr.test/api/v1/patients/p-1", "Patient/p-1/_history/2"] {
            let body =
                searchset(&[entry("include", &allergy("a-1", "1", reference)), entry("match", PATIENT)]);
            let assembled = patients(&body);
            assert!(assembled.malformed.is_empty(), "{reference}");
            let item = &assembled.items[0];
            assert!(item.raw.contains(PATIENT), "the text is kept, 4.10 too");
            let value: Value = serde_json::from_str(&item.raw).unwrap();
            assert_eq!(value["type"], "collection");
            assert_eq!(value["entry"][0]["resource"]["resourceType"], "Patient");
            assert_eq!(value["entry"][1]["resource"]["id"], "a-1");
            assert!(value.pointer("/entry/0/search").is_none(), "bdl-2: only a searchset has entry.search");
            assert_eq!(item.changed_at_ms, Some(1_740_820_364_120));
        }
    }

    #[test]
    fn the_version_is_the_same_from_a_list_and_a_read_and_moves_with_an_allergy() {
        let bare = patients(PATIENT).items.remove(0).version;
        assert_eq!(bare, "3");
        let with = |version: &str| {
            let body = searchset(&[
                entry("match", PATIENT),
                entry("include", &allergy("a-1", version, "Patient/p-1")),
            ]);
            patients(&body).items.remove(0).version
        };
        assert_ne!(with("1"), bare);
        assert_ne!(with("1"), with("2"));
        assert_eq!(with("1"), with("1"));
        assert_eq!(own_version(&with("1")), Some("3"));
        // Without versions: the content, however it is laid out.
        let one =
            patients(r#"{"resourceType":"Patient","id":"p-1","a":1.0,"b":[1,2]}"#).items.remove(0).version;
        let other = patients("{\"b\": [1, 2],\n \"id\":\"p-1\",\"a\":1.0,\"resourceType\":\"Patient\"}")
            .items
            .remove(0)
            .version;
        assert_eq!(one, other);
        assert!(one.starts_with("sha256:") && own_version(&one).is_none());
        let changed =
            patients(r#"{"resourceType":"Patient","id":"p-1","a":1.00,"b":[1,2]}"#).items.remove(0).version;
        assert_ne!(one, changed, "digits matter");
    }

    #[test]
    fn what_cannot_be_used_is_malformed_and_the_rest_goes_on() {
        let subset = r#"{"resourceType":"Patient","id":"p-2","meta":{"tag":[{"code":"SUBSETTED"}]}}"#;
        let body = searchset(&[
            entry("match", PATIENT),
            entry("match", subset),
            entry("include", &allergy("a-9", "1", "Patient/p-77")),
            entry("match", r#"{"resourceType":"Patient","id":17}"#),
            r#"{"fullUrl":"x"}"#.to_owned(),
        ]);
        let assembled = patients(&body);
        assert_eq!(assembled.items.len(), 1);
        let problems: Vec<_> =
            assembled.malformed.iter().map(|m| (m.key.as_deref(), m.problem.as_str())).collect();
        assert_eq!(problems.len(), 4, "{problems:?}");
        assert!(problems.iter().any(|(key, what)| *key == Some("p-2") && what.contains("SUBSETTED")));
        assert!(
            problems.iter().any(|(key, what)| *key == Some("a-9") && what.contains("belongs to no Patient"))
        );
    }

    #[test]
    fn an_outcome_entry_is_no_record_but_an_error_in_it_is_a_doubt() {
        let outcome = |severity: &str| {
            format!(
                r#"{{"resourceType":"OperationOutcome","issue":[{{"severity":"{severity}","code":"incomplete","diagnostics":"a shard is down"}}]}}"#
            )
        };
        let warned = patients(&searchset(&[entry("match", PATIENT), entry("outcome", &outcome("warning"))]));
        assert_eq!((warned.items.len(), warned.doubt), (1, None));
        let failed = patients(&searchset(&[entry("match", PATIENT), entry("outcome", &outcome("error"))]));
        assert_eq!(failed.doubt.as_deref(), Some("a shard is down"));
        assert_eq!(failed.records, 1);
    }

    #[test]
    fn a_bare_style_keeps_the_patient_alone() {
        let assembled = assemble(RecordKind::Patient, PATIENT, BodyStyle::BarePatient).unwrap();
        assert_eq!(assembled.items[0].raw, PATIENT);
        assert!(
            assemble(RecordKind::Patient, r#"{"resourceType":"Observation"}"#, BodyStyle::Bundle).is_err()
        );
    }

    #[test]
    fn an_identifier_is_found_by_system_and_value_together() {
        let raw = r#"{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","identifier":[{"system":"s","value":"1"}]}}]}"#;
        assert!(has_identifier(raw, "s", "1"));
        assert!(
            !has_identifier(raw, "t", "1")
                && !has_identifier(raw, "s", "2")
                && !has_identifier("[]", "s", "1")
        );
    }
}
