//! Appointments, treatments and practitioners of the EHR as the text they are sent as, with the indexes lists need.

use super::search::references;
use super::store::{identifiers, set_id, stamp};
use record::Json;
use std::collections::{BTreeMap, BTreeSet};

/// One resource with a version of its own.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) kind: Box<str>,
    pub(super) id: Box<str>,
    pub(super) version: u64,
    pub(super) updated_ms: i64,
    /// The resource, `meta` included, as JSON text.
    pub(super) text: Box<str>,
}

/// A resource and those that belong to it: an Encounter with its `Condition`s, or an Appointment alone.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) main: Kept,
    pub(super) parts: Vec<Kept>,
    /// When the item counts as changed.
    pub(super) updated_ms: i64,
}

impl Item {
    pub(super) fn main(&self) -> Option<Json> {
        Json::parse(&self.main.text).ok()
    }

    /// Main and parts, parsed.
    pub(super) fn resources(&self) -> Vec<Json> {
        std::iter::once(&self.main)
            .chain(&self.parts)
            .filter_map(|kept| Json::parse(&kept.text).ok())
            .collect()
    }
}

/// System of an identifier and the item that has it.
type Holder = (Box<str>, Box<str>);

/// All items of one route.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    items: BTreeMap<Box<str>, Item>,
    by_updated: BTreeSet<(i64, Box<str>)>,
    /// By value: system, and the item whose main has it.
    by_identifier: BTreeMap<Box<str>, Vec<Holder>>,
    /// By value of an identifier that a part carries: the items.
    by_part_identifier: BTreeMap<Box<str>, BTreeSet<Box<str>>>,
    /// By whom the main names (`Patient/p-1`).
    by_reference: BTreeMap<String, BTreeSet<Box<str>>>,
    deleted: BTreeSet<Box<str>>,
    assigned: u64,
}

impl Shelf {
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    pub(super) fn get(&self, id: &str) -> Option<&Item> {
        self.items.get(id)
    }

    pub(super) fn ids(&self) -> Vec<String> {
        self.items.keys().map(ToString::to_string).collect()
    }

    pub(super) fn is_deleted(&self, id: &str) -> bool {
        self.deleted.contains(id)
    }

    /// A new id that nothing on this shelf has.
    pub(super) fn assign(&mut self, prefix: &str) -> String {
        loop {
            self.assigned += 1;
            let id = format!("{prefix}-{:x}", 0x00a0_0000 + self.assigned);
            if !self.items.contains_key(id.as_str()) && !self.deleted.contains(id.as_str()) {
                return id;
            }
        }
    }

    /// Items in the order of their last change, then id, behind a position and from a time on.
    pub(super) fn changed_from<'a>(
        &'a self,
        from_ms: i64,
        behind: Option<(i64, &str)>,
    ) -> impl Iterator<Item = (&'a str, &'a Item)> + use<'a> {
        use std::ops::Bound;
        let start = match behind {
            Some((ms, id)) => Bound::Excluded((ms, Box::from(id))),
            None => Bound::Included((from_ms, Box::from(""))),
        };
        self.by_updated
            .range((start, Bound::Unbounded))
            .filter_map(|(_, id)| self.items.get_key_value(id))
            .map(|(id, item)| (&**id, item))
    }

    /// Ids of the items whose main carries an identifier; no system means any, an empty one none.
    pub(super) fn with_identifier(&self, system: Option<&str>, value: &str) -> BTreeSet<&str> {
        let holders = self.by_identifier.get(value).map_or([].as_slice(), Vec::as_slice);
        holders
            .iter()
            .filter(|(own, _)| system.is_none_or(|system| &**own == system))
            .map(|(_, id)| &**id)
            .collect()
    }

    /// Id, version and time of the parts of a type that `identifier=system|value` matches.
    pub(super) fn parts_with(&self, kind: &str, condition: &str) -> Vec<(String, u64, i64)> {
        let parameters = crate::wire::decode_form(condition.trim_start_matches('?').as_bytes());
        let Some((_, token)) = parameters.iter().find(|(name, _)| name == "identifier") else {
            return Vec::new();
        };
        let (system, value) = super::list::read_token(token);
        let carries = |part: &Kept| {
            Json::parse(&part.text).is_ok_and(|part| {
                identifiers(&part)
                    .iter()
                    .any(|(own, id)| **id == *value && system.as_ref().is_none_or(|system| **own == **system))
            })
        };
        let holders = self.by_part_identifier.get(value.as_str()).into_iter().flatten();
        let parts = holders.filter_map(|id| self.items.get(id)).flat_map(|item| &item.parts);
        parts
            .filter(|part| *part.kind == *kind && carries(part))
            .map(|part| (part.id.to_string(), part.version, part.updated_ms))
            .collect()
    }

    /// Ids of the items whose main names somebody.
    pub(super) fn naming(&self, reference: &str) -> impl Iterator<Item = &str> {
        self.by_reference.get(reference).into_iter().flatten().map(|id| &**id)
    }

    /// Stores a resource and its parts under this id. Each resource that changed gets a new version; `meta` is stamped.
    /// Whether a changed part moves the whole in lists is the caller's to say.
    pub(super) fn put(
        &mut self,
        id: &str,
        main: Json,
        parts: Vec<(String, Json)>,
        at_ms: i64,
        parts_move_it: bool,
    ) -> &Item {
        let before = self.take(id);
        let kind = main.get("resourceType").and_then(Json::as_str).unwrap_or_default().to_owned();
        let main = keep(&kind, id, main, before.as_ref().map(|item| &item.main), at_ms);
        let parts: Vec<Kept> = parts
            .into_iter()
            .map(|(own, part)| {
                let kind = part.get("resourceType").and_then(Json::as_str).unwrap_or_default().to_owned();
                let old = before
                    .as_ref()
                    .and_then(|item| item.parts.iter().find(|old| *old.id == *own && *old.kind == *kind));
                keep(&kind, &own, part, old, at_ms)
            })
            .collect();
        let latest = parts.iter().map(|part| part.updated_ms).max().filter(|_| parts_move_it);
        let updated_ms = latest.map_or(main.updated_ms, |latest| latest.max(main.updated_ms));
        if let Ok(main) = Json::parse(&main.text) {
            for (system, value) in identifiers(&main) {
                self.by_identifier.entry(value).or_default().push((system, id.into()));
            }
            for named in references(&main) {
                self.by_reference.entry(named).or_default().insert(id.into());
            }
        }
        for part in &parts {
            for (_, value) in Json::parse(&part.text).map(|part| identifiers(&part)).unwrap_or_default() {
                self.by_part_identifier.entry(value).or_default().insert(id.into());
            }
        }
        self.by_updated.insert((updated_ms, id.into()));
        self.deleted.remove(id);
        self.items.entry(id.into()).or_insert(Item { main, parts, updated_ms })
    }

    fn take(&mut self, id: &str) -> Option<Item> {
        let old = self.items.remove(id)?;
        self.by_updated.remove(&(old.updated_ms, id.into()));
        for part in &old.parts {
            for (_, value) in Json::parse(&part.text).map(|part| identifiers(&part)).unwrap_or_default() {
                if let Some(items) = self.by_part_identifier.get_mut(&value) {
                    items.remove(id);
                }
            }
        }
        let main = old.main().unwrap_or(Json::Null);
        for named in references(&main) {
            if let Some(ids) = self.by_reference.get_mut(&named) {
                ids.remove(id);
            }
        }
        for (_, value) in identifiers(&main) {
            if let Some(holders) = self.by_identifier.get_mut(&value) {
                holders.retain(|(_, holder)| &**holder != id);
                if holders.is_empty() {
                    self.by_identifier.remove(&value);
                }
            }
        }
        Some(old)
    }

    pub(super) fn delete(&mut self, id: &str) -> bool {
        let existed = self.take(id).is_some();
        if existed {
            self.deleted.insert(id.into());
        }
        existed
    }
}

/// A resource under its next version; one that says what it said before keeps the old one.
fn keep(kind: &str, id: &str, mut resource: Json, before: Option<&Kept>, at_ms: i64) -> Kept {
    set_id(&mut resource, kind, id);
    let Some(old) = before else {
        stamp(&mut resource, 1, at_ms);
        let text = resource.to_string().into();
        return Kept { kind: kind.into(), id: id.into(), version: 1, updated_ms: at_ms, text };
    };
    stamp(&mut resource, old.version, old.updated_ms);
    if *resource.to_string() == *old.text {
        return old.clone();
    }
    // Two changes of one resource never share a stamp.
    let (version, updated_ms) = (old.version + 1, at_ms.max(old.updated_ms + 1));
    stamp(&mut resource, version, updated_ms);
    Kept { kind: kind.into(), id: id.into(), version, updated_ms, text: resource.to_string().into() }
}
