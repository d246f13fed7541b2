//! Treatments: an Encounter with the resources that belong to it, read as one and taken as one Bundle, whole or not at
//! all (wire-facts 3.3 to 3.5, 11).

use super::appointments::{existing, missing, problems_of, read_json, refusal, several};
use super::dialect::Dialect;
use super::search::{FHIR, bare, references, searchset};
use super::shelf::Item;
use super::validate::Problem;
use super::{Ehr, Shelves, outcome, outcomes, version_headers};
use crate::wire::{Reply, Request};
use http::StatusCode;
use record::Json;
use std::collections::BTreeMap;

/// The types a treatment is made of, and the scope each takes.
pub(super) const PARTS: &[&str] =
    &["Encounter", "Condition", "Procedure", "MedicationRequest", "ClinicalImpression", "Provenance"];

/// One resource of a Bundle that was sent.
pub(super) struct Sent {
    pub(super) at: usize,
    pub(super) url: String,
    pub(super) kind: String,
    pub(super) resource: Json,
    /// The condition of its create, in a transaction.
    pub(super) condition: Option<String>,
}

/// An entry that was stored, or found where it was not to be made again.
pub(super) struct Done {
    pub(super) kind: String,
    pub(super) id: String,
    pub(super) version: u64,
    pub(super) created: bool,
    pub(super) updated_ms: i64,
}

impl Ehr {
    pub(super) fn get_treatment(&self, id: &str, dialect: &Dialect) -> Reply {
        let shelves = self.shelves();
        match shelves.treatments.get(id) {
            Some(item) => self.treatment_reply(StatusCode::OK, id, item, dialect),
            None => missing(&shelves.treatments, id, dialect),
        }
    }

    fn treatment_reply(&self, status: StatusCode, id: &str, item: &Item, dialect: &Dialect) -> Reply {
        let mut out = String::with_capacity(4_096);
        searchset(&self.base_url(), "treatments", &format!("/{id}"), None, Some(1), &[(id, item)], &mut out);
        version_headers(Reply::new(status, FHIR, out), item.main.version, item.main.updated_ms, dialect)
    }

    /// `POST /treatments`: a collection, or a transaction where both are taken there.
    pub(super) fn create_treatment(&self, request: &Request, scope: &str, dialect: &Dialect) -> Reply {
        let body = match read_json(request) {
            Ok(body) => body,
            Err(reply) => return reply,
        };
        match body.get("type").and_then(Json::as_str) {
            Some("transaction") if dialect.transactions => return self.transact(&body, scope, dialect),
            Some("collection") if dialect.treatment_collections => {}
            _ => {
                return outcome(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    "not-supported",
                    "A Bundle of this type is not taken here",
                    Some("Bundle.type"),
                );
            }
        }
        let entries = match read_entries(&body, false) {
            Ok(entries) => entries,
            Err(reply) => return reply,
        };
        if entries.iter().filter(|sent| sent.kind == "Encounter").count() != 1 {
            return outcome(
                StatusCode::BAD_REQUEST,
                "structure",
                "One Encounter is expected, with what belongs to it",
                Some("Bundle.entry"),
            );
        }
        if let Some(reply) = self.refuse_entries(&entries, scope, dialect) {
            return reply;
        }
        let mut shelves = self.shelves_mut();
        if let Some(condition) = request.header_text("if-none-exist").filter(|_| dialect.if_none_exist) {
            match existing(&shelves.treatments, condition) {
                Err(reply) => return reply,
                Ok(found) => match found.as_slice() {
                    [] => {}
                    [id] => {
                        return match shelves.treatments.get(id) {
                            Some(item) => {
                                let location = self.visit_location("treatments", id, item.main.version);
                                self.treatment_reply(StatusCode::OK, id, item, dialect)
                                    .with("location", &location)
                            }
                            None => missing(&shelves.treatments, id, dialect),
                        };
                    }
                    _ => return several(),
                },
            }
        }
        let done = match self.store_entries(&mut shelves, entries, dialect) {
            Ok(done) => done,
            Err(reply) => return reply,
        };
        self.journal.wrote();
        let Some(encounter) = done.iter().find(|done| done.kind == "Encounter") else {
            return outcome(StatusCode::INTERNAL_SERVER_ERROR, "exception", "No Encounter was stored", None);
        };
        let location = self.visit_location("treatments", &encounter.id, encounter.version);
        let reply = match shelves.treatments.get(&encounter.id) {
            Some(item) if dialect.write_returns_body => {
                self.treatment_reply(StatusCode::CREATED, &encounter.id, item, dialect)
            }
            _ => version_headers(
                Reply::empty(StatusCode::CREATED),
                encounter.version,
                encounter.updated_ms,
                dialect,
            ),
        };
        reply.with("location", &location)
    }

    /// What speaks against storing any of them.
    pub(super) fn refuse_entries(&self, entries: &[Sent], scope: &str, dialect: &Dialect) -> Option<Reply> {
        if dialect.enforces_scopes && entries.iter().any(|sent| !crate::idp::allows(scope, &sent.kind, 'c')) {
            return Some(outcome(
                StatusCode::FORBIDDEN,
                "forbidden",
                "The access token's scope does not allow to create one of the resources",
                None,
            ));
        }
        let mut problems: Vec<Problem> = Vec::new();
        for sent in entries {
            let at = format!("Bundle.entry[{}].resource", sent.at);
            if !PARTS.contains(&sent.kind.as_str()) {
                problems.push(Problem {
                    structural: false,
                    code: "not-supported",
                    expression: at,
                    text: "resources of this type do not belong into a treatment".to_owned(),
                });
                continue;
            }
            for problem in problems_of(&sent.resource, dialect) {
                let expression = format!("{at}.{}", problem.expression);
                problems.push(Problem { expression, ..problem });
            }
            let mut named = references(&sent.resource);
            named.extend(
                ["requester", "recorder", "asserter"]
                    .iter()
                    .filter_map(|name| sent.resource.get(name)?.get("reference")?.as_str())
                    .map(bare),
            );
            problems.extend(self.dangling(&named, &at, dialect));
        }
        (!problems.is_empty()).then(|| refusal(problems))
    }

    /// Stores all of them or none: ids are assigned, and references within the Bundle follow.
    pub(super) fn store_entries(
        &self,
        shelves: &mut Shelves,
        entries: Vec<Sent>,
        dialect: &Dialect,
    ) -> Result<Vec<Done>, Reply> {
        let bad = |text: &str, at: usize| {
            outcome(StatusCode::BAD_REQUEST, "invalid", text, Some(&format!("Bundle.entry[{at}]")))
        };
        // Conditions first: what is there already keeps its id, and whoever refers to it means that one.
        let mut found: Vec<Option<(String, u64, i64)>> = Vec::with_capacity(entries.len());
        for sent in &entries {
            let Some(condition) = sent.condition.as_deref().filter(|_| dialect.if_none_exist) else {
                found.push(None);
                continue;
            };
            let matches = part_matches(shelves, &sent.kind, condition)?;
            match matches.as_slice() {
                [] => found.push(None),
                [one] => found.push(Some(one.clone())),
                _ => return Err(several()),
            }
        }
        let mut targets: BTreeMap<String, String> = BTreeMap::new();
        let mut ids: Vec<String> = Vec::with_capacity(entries.len());
        for (sent, found) in entries.iter().zip(&found) {
            let id = match found {
                Some((id, _, _)) => id.clone(),
                None if sent.kind == "Encounter" => shelves.treatments.assign("e"),
                None => {
                    shelves.parts_assigned += 1;
                    let letter = sent.kind.chars().next().unwrap_or('x').to_ascii_lowercase();
                    format!("{letter}x-{:x}", 0x00b0_0000 + shelves.parts_assigned)
                }
            };
            if !sent.url.is_empty() {
                targets.insert(sent.url.clone(), format!("{}/{id}", sent.kind));
            }
            ids.push(id);
        }
        let mut resources: Vec<Json> = Vec::with_capacity(entries.len());
        for sent in &entries {
            let mut resource = sent.resource.clone();
            if !rewrite(&mut resource, &targets) {
                return Err(bad("a urn:uuid reference leads to no entry of the Bundle", sent.at));
            }
            resource.remove("id");
            resources.push(resource);
        }
        // Each part goes to the Encounter it names; a Provenance to the one it is about.
        let mut belonging: BTreeMap<String, Vec<(String, Json)>> = BTreeMap::new();
        let mut mains: BTreeMap<String, Json> = BTreeMap::new();
        for (((sent, found), id), resource) in entries.iter().zip(&found).zip(&ids).zip(resources) {
            if found.is_some() {
                continue;
            }
            if sent.kind == "Encounter" {
                mains.insert(id.clone(), resource);
                continue;
            }
            let Some(owner) = encounter_of(&resource)
                .filter(|owner| shelves.treatments.get(owner).is_some() || ids.contains(owner))
            else {
                return Err(bad(
                    "a resource must belong to an Encounter of the Bundle or of this EHR",
                    sent.at,
                ));
            };
            belonging.entry(owner).or_default().push((id.clone(), resource));
        }
        let now_ms = self.clock.now_ms();
        let moves = dialect.parts_move_treatment;
        for (id, main) in mains {
            let parts = belonging.remove(&id).unwrap_or_default();
            shelves.treatments.put(&id, main, parts, now_ms, moves);
        }
        for (id, parts) in belonging {
            let Some(item) = shelves.treatments.get(&id) else { continue };
            let mut resources = item.resources();
            let main = resources.remove(0);
            let mut all: Vec<(String, Json)> =
                item.parts.iter().map(|part| part.id.to_string()).zip(resources).collect();
            all.extend(parts);
            shelves.treatments.put(&id, main, all, now_ms, moves);
        }
        Ok(entries
            .into_iter()
            .zip(ids)
            .zip(found)
            .map(|((sent, id), found)| match found {
                Some((_, version, updated_ms)) => {
                    Done { kind: sent.kind, id, version, created: false, updated_ms }
                }
                None => Done { kind: sent.kind, id, version: 1, created: true, updated_ms: now_ms },
            })
            .collect())
    }
}

/// Id, version and time of the resources of a type that a condition matches.
fn part_matches(shelves: &Shelves, kind: &str, condition: &str) -> Result<Vec<(String, u64, i64)>, Reply> {
    if kind == "Encounter" {
        let ids = existing(&shelves.treatments, condition)?;
        let found = ids.iter().filter_map(|id| Some((id, shelves.treatments.get(id)?)));
        return Ok(found.map(|(id, item)| (id.clone(), item.main.version, item.main.updated_ms)).collect());
    }
    Ok(shelves.treatments.parts_with(kind, condition))
}

/// The Encounter a part belongs to.
fn encounter_of(part: &Json) -> Option<String> {
    let named = part
        .get("encounter")
        .or_else(|| part.get("target").map(Json::items).unwrap_or_default().first())?
        .get("reference")?
        .as_str()?;
    bare(named).strip_prefix("Encounter/").map(str::to_owned)
}

/// Puts ids in the place of the Bundle's own addresses; `false` if a `urn:uuid:` is none of them.
fn rewrite(json: &mut Json, targets: &BTreeMap<String, String>) -> bool {
    match json {
        Json::Object(members) => members.iter_mut().all(|(name, value)| match value {
            Json::String(text) if name == "reference" => match targets.get(text.as_str()) {
                Some(target) => {
                    text.clone_from(target);
                    true
                }
                None => !text.starts_with("urn:uuid:"),
            },
            _ => rewrite(value, targets),
        }),
        Json::Array(items) => items.iter_mut().all(|item| rewrite(item, targets)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => true,
    }
}

/// The entries of a collection or a transaction, held to the rules of Bundles (bdl-3, bdl-4, bdl-7).
pub(super) fn read_entries(bundle: &Json, transaction: bool) -> Result<Vec<Sent>, Reply> {
    let bad = |text: &str, at: &str| outcome(StatusCode::BAD_REQUEST, "structure", text, Some(at));
    if bundle.get("resourceType").and_then(Json::as_str) != Some("Bundle") {
        return Err(bad("A Bundle is expected", "resourceType"));
    }
    let known = ["resourceType", "id", "meta", "identifier", "type", "timestamp", "entry", "language"];
    if bundle.members().iter().any(|(name, _)| !known.contains(&name.as_str())) {
        return Err(bad("unknown property of this type of Bundle", "Bundle"));
    }
    let mut entries: Vec<Sent> = Vec::new();
    let mut issues: Vec<(String, String, Vec<String>)> = Vec::new();
    for (at, entry) in bundle.get("entry").map(Json::items).unwrap_or_default().iter().enumerate() {
        let here = format!("Bundle.entry[{at}]");
        let mut wrong =
            |text: &str| issues.push(("structure".to_owned(), text.to_owned(), vec![here.clone()]));
        for (name, _) in entry.members() {
            match name.as_str() {
                "fullUrl" | "resource" | "link" | "id" => {}
                "request" if transaction => {}
                _ => wrong("bdl-2, bdl-3, bdl-4: this does not belong into a Bundle of this type"),
            }
        }
        let Some(resource) = entry.get("resource") else {
            wrong("an entry needs a resource");
            continue;
        };
        let kind = resource.get("resourceType").and_then(Json::as_str).unwrap_or_default().to_owned();
        let url = entry.get("fullUrl").and_then(Json::as_str).unwrap_or_default().to_owned();
        if !url.is_empty() && entries.iter().any(|earlier| earlier.url == url) {
            wrong("bdl-7: fullUrl must be unique");
        }
        let request = entry.get("request");
        let said = |name: &str| request.and_then(|request| request.get(name)?.as_str());
        if transaction {
            if said("method") != Some("POST") {
                wrong("bdl-3: an entry of a transaction needs a request, and only POST is taken here");
            } else if said("url") != Some(kind.as_str()) {
                wrong("the url of a create is the type of its resource");
            }
        }
        let condition = said("ifNoneExist").map(str::to_owned);
        entries.push(Sent { at, url, kind, resource: resource.clone(), condition });
    }
    if entries.is_empty() && issues.is_empty() {
        return Err(bad("a Bundle without entries says nothing", "Bundle.entry"));
    }
    if issues.is_empty() { Ok(entries) } else { Err(outcomes(StatusCode::BAD_REQUEST, &issues)) }
}
