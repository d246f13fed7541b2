//! The hand behind the curtain: look into the remotes, edit them as a colleague would, switch faults on. In Rust and,
//! for other processes, at `/_sim/` on loopback.

use crate::clinic::{Clinic, Edit, Happening, Truth, VisitEdit, work};
use crate::ehr::{Chart, Dialect, Ehr};
use crate::faults::{Faults, PlannedFault, lock};
use crate::idp::IdentityProvider;
use crate::journal::Journal;
use crate::mid::{Conduct, MidServer};
use crate::servicenow::Instance;
use crate::wire::{Reply, Request};
use http::{Method, StatusCode};
use record::Json;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// All three remotes of a simulation, and what is known about its clinic.
#[derive(Debug, Clone)]
pub struct Control {
    /// The ServiceNow instance.
    pub servicenow: Arc<Instance>,
    /// The EHR.
    pub ehr: Arc<Ehr>,
    /// The identity provider.
    pub idp: Arc<IdentityProvider>,
    /// The instance's MID Server; none in a simulation without sockets.
    pub mid: Option<Arc<MidServer>>,
    clinic: Arc<Mutex<Clinic>>,
}

impl Control {
    /// Takes the remotes in hand and fills them with a clinic; its own rows and charts are not kept.
    pub fn new(
        servicenow: Arc<Instance>,
        ehr: Arc<Ehr>,
        idp: Arc<IdentityProvider>,
        clinic: Clinic,
    ) -> Control {
        clinic.load(&servicenow, &ehr);
        Control::of(servicenow, ehr, idp, clinic.without_records())
    }

    /// Takes remotes in hand that hold the clinic already.
    pub(crate) fn of(
        servicenow: Arc<Instance>,
        ehr: Arc<Ehr>,
        idp: Arc<IdentityProvider>,
        clinic: Clinic,
    ) -> Control {
        Control { servicenow, ehr, idp, mid: None, clinic: Arc::new(Mutex::new(clinic)) }
    }

    /// The known right answers as they stand: at first contact, or after the last [`Control::evolve`].
    pub fn truth(&self) -> Truth {
        lock(&self.clinic).truth.clone()
    }

    /// Lets people work: edits on either or both sides of pairs that agreed, as they stand now. Returns the edits; the
    /// truth knows their right answers.
    pub fn evolve(&self, seed: u64) -> Vec<Edit> {
        lock(&self.clinic).evolve_live(seed, &self.servicenow, &self.ehr)
    }

    /// Lets the reception work: appointments that agreed, as they stand now, are moved, begun or called off on either side
    /// or both. Returns the edits; the truth knows their right answers.
    pub fn evolve_visits(&self, seed: u64) -> Vec<VisitEdit> {
        lock(&self.clinic).evolve_visits(seed, &self.servicenow, &self.ehr)
    }

    /// Lets one more thing happen: the next one of this seed is the same in the same clinic. What is right afterwards is
    /// not counted.
    pub fn go_on(&self, seed: u64, number: u64) -> Option<Happening> {
        work::go_on(seed, number, self.servicenow.clock.now_ms(), &self.servicenow, &self.ehr)
    }

    fn faults(&self, remote: &str) -> Option<(&Faults, &Journal)> {
        match remote {
            "servicenow" => Some((&self.servicenow.faults, &self.servicenow.journal)),
            "ehr" => Some((&self.ehr.faults, &self.ehr.journal)),
            "idp" => Some((&self.idp.faults, &self.idp.journal)),
            _ => None,
        }
    }

    /// Answers a request to `/_sim/`.
    pub fn answer(&self, request: &Request) -> Reply {
        let segments = request.segments();
        let parts: Vec<&str> = segments.iter().skip(1).map(String::as_str).collect();
        let body: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
        let found = match parts.as_slice() {
            ["health"] => Some(json!({"ok": true})),
            ["clinic", "truth"] => serde_json::to_value(self.truth()).ok(),
            ["clinic", "evolve"] if request.method == Method::POST => {
                let edits = self.evolve(body.get("seed").and_then(Value::as_u64).unwrap_or(1));
                Some(json!({"edits": edits}))
            }
            ["clinic", "evolve-visits"] if request.method == Method::POST => {
                let edits = self.evolve_visits(body.get("seed").and_then(Value::as_u64).unwrap_or(1));
                Some(json!({"edits": edits}))
            }
            ["servicenow", "rows", rest @ ..] => self.rows(request, rest, &body),
            ["servicenow", "run-async-rules"] => Some(json!({"changed": self.servicenow.run_async_rules()})),
            ["ehr", "patients", rest @ ..] => self.patients(request, rest, &body),
            ["ehr", "appointments", rest @ ..] => self.appointments(request, rest, &body),
            ["ehr", "treatments", rest @ ..] => self.treatments(request, rest),
            ["ehr", "dialect"] => self.dialect(&request.method, &body),
            ["mid", rest @ ..] => self.mid_server(request, rest, &body),
            [remote, rest @ ..] => self.remote(request, remote, rest, body),
            [] => None,
        };
        match found {
            Some(value) => Reply::json(StatusCode::OK, value.to_string()),
            None => {
                Reply::json(StatusCode::NOT_FOUND, json!({"error": "no such thing to control"}).to_string())
            }
        }
    }

    fn remote(&self, request: &Request, remote: &str, rest: &[&str], body: Value) -> Option<Value> {
        let (faults, journal) = self.faults(remote)?;
        match (request.method.as_str(), rest) {
            ("GET", ["faults"]) => serde_json::to_value(faults.planned()).ok(),
            ("POST", ["faults"]) => {
                faults.add(serde_json::from_value::<PlannedFault>(body).ok()?);
                Some(json!({"planned": true}))
            }
            ("DELETE", ["faults"]) => {
                faults.clear();
                Some(json!({"planned": false}))
            }
            ("GET", ["counts"]) => serde_json::to_value(journal.counts()).ok(),
            ("DELETE", ["counts"]) => {
                journal.reset();
                Some(json!({"reset": true}))
            }
            ("GET", ["requests"]) => serde_json::to_value(journal.entries()).ok(),
            ("POST", ["revoke-tokens"]) => {
                match remote {
                    "servicenow" => self.servicenow.revoke_all_tokens(),
                    _ => self.idp.revoke_all_tokens(),
                }
                Some(json!({"revoked": true}))
            }
            ("POST", ["clock"]) => {
                let skew_ms = body.get("skew_ms").and_then(Value::as_i64)?;
                match remote {
                    "servicenow" => self.servicenow.clock.set_skew_ms(skew_ms),
                    "ehr" => self.ehr.clock.set_skew_ms(skew_ms),
                    _ => self.idp.clock.set_skew_ms(skew_ms),
                }
                Some(json!({"skew_ms": skew_ms}))
            }
            _ => None,
        }
    }

    fn rows(&self, request: &Request, rest: &[&str], body: &Value) -> Option<Value> {
        let user = body.get("user").and_then(Value::as_str).unwrap_or("front.desk");
        let values: BTreeMap<String, String> = body
            .get("values")
            .and_then(|values| serde_json::from_value(values.clone()).ok())
            .unwrap_or_default();
        let pairs: Vec<(&str, &str)> =
            values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        match (request.method.as_str(), rest) {
            ("GET", [table]) => {
                let parameters: BTreeMap<String, String> = request.params().into_iter().collect();
                let query = parameters.get("query").map_or("", String::as_str);
                let rows: Vec<_> =
                    self.servicenow.rows(table, query).into_iter().map(|(_, row)| row).collect();
                Some(json!({"rows": rows}))
            }
            ("GET", [table, key]) => serde_json::to_value(self.servicenow.row(table, key)?).ok(),
            ("POST", [table]) => Some(json!({"sys_id": self.servicenow.insert_row(table, &pairs, user)?})),
            ("PATCH", [table, key]) => {
                Some(json!({"changed": self.servicenow.edit_row(table, key, &pairs, user)}))
            }
            ("DELETE", [table, key]) => {
                Some(json!({"deleted": self.servicenow.delete_row(table, key, user)}))
            }
            _ => None,
        }
    }

    fn patients(&self, request: &Request, rest: &[&str], body: &Value) -> Option<Value> {
        match (request.method.as_str(), rest) {
            ("GET", []) => Some(json!({"ids": self.ehr.ids()})),
            ("GET", [id]) => {
                let chart = self.ehr.chart(id)?;
                let text =
                    |json: &Json| serde_json::from_str::<Value>(&json.to_string()).unwrap_or(Value::Null);
                Some(json!({
                    "patient": text(&chart.patient),
                    "allergies": chart.allergies.iter().map(text).collect::<Vec<_>>(),
                }))
            }
            ("PUT", [id]) => {
                let read = |value: &Value| Json::parse(&value.to_string()).ok();
                let allergies = body.get("allergies").and_then(Value::as_array).cloned().unwrap_or_default();
                let chart = Chart {
                    patient: read(body.get("patient")?)?,
                    allergies: allergies.iter().filter_map(read).collect(),
                };
                self.ehr.put_chart(id, chart, None);
                Some(json!({"version": self.ehr.version(id)}))
            }
            // Top-level members of the Patient are set, or taken away where they are null.
            ("PATCH", [id]) => {
                let members = body.as_object()?;
                let changed = self.ehr.edit_chart(id, |chart| {
                    for (name, value) in members {
                        match Json::parse(&value.to_string()) {
                            Ok(Json::Null) | Err(_) => {
                                chart.patient.remove(name);
                            }
                            Ok(value) => chart.patient.set(name, value),
                        }
                    }
                });
                Some(json!({"changed": changed}))
            }
            ("DELETE", [id]) => Some(json!({"deleted": self.ehr.delete_chart(id)})),
            _ => None,
        }
    }

    fn appointments(&self, request: &Request, rest: &[&str], body: &Value) -> Option<Value> {
        match (request.method.as_str(), rest) {
            ("GET", []) => Some(json!({"ids": self.ehr.appointment_ids()})),
            ("GET", [id]) => serde_json::from_str(&self.ehr.appointment(id)?.to_string()).ok(),
            ("PUT", [id]) => {
                self.ehr.put_appointment(id, Json::parse(&body.to_string()).ok()?, None);
                Some(json!({"version": self.ehr.appointment_version(id)}))
            }
            // Top-level members are set, or taken away where they are null.
            ("PATCH", [id]) => {
                let members = body.as_object()?;
                let changed = self.ehr.edit_appointment(id, |appointment| {
                    for (name, value) in members {
                        match Json::parse(&value.to_string()) {
                            Ok(Json::Null) | Err(_) => {
                                appointment.remove(name);
                            }
                            Ok(value) => appointment.set(name, value),
                        }
                    }
                });
                Some(json!({"changed": changed}))
            }
            ("DELETE", [id]) => Some(json!({"deleted": self.ehr.delete_appointment(id)})),
            _ => None,
        }
    }

    fn treatments(&self, request: &Request, rest: &[&str]) -> Option<Value> {
        match (request.method.as_str(), rest) {
            ("GET", []) => Some(json!({"ids": self.ehr.treatment_ids()})),
            ("GET", [id]) => {
                let resources = self.ehr.treatment(id)?;
                let parsed = resources.iter().map(|one| serde_json::from_str::<Value>(&one.to_string()));
                Some(json!({"resources": parsed.collect::<Result<Vec<_>, _>>().ok()?}))
            }
            ("DELETE", [id]) => Some(json!({"deleted": self.ehr.delete_treatment(id)})),
            _ => None,
        }
    }

    fn mid_server(&self, request: &Request, rest: &[&str], body: &Value) -> Option<Value> {
        let mid = self.mid.as_ref()?;
        match (request.method.as_str(), rest) {
            // Members that are given change how it works, the others stay.
            ("POST", ["conduct"]) => {
                let mut merged = serde_json::to_value(mid.conduct()).ok()?;
                for (name, value) in body.as_object()? {
                    *merged.get_mut(name)? = value.clone();
                }
                let changed: Conduct = serde_json::from_value(merged).ok()?;
                mid.behave(|conduct| *conduct = changed);
            }
            ("POST", ["faults"]) => mid.plan(serde_json::from_value(body.clone()).ok()?),
            ("DELETE", ["faults"]) => mid.clear(),
            ("POST", ["restart"]) => mid.restart(),
            ("GET", ["conduct" | "counts"]) => {}
            _ => return None,
        }
        Some(json!({"conduct": mid.conduct(), "counts": mid.counts()}))
    }

    /// Members that are given change the dialect, the others stay.
    fn dialect(&self, method: &Method, body: &Value) -> Option<Value> {
        if *method == Method::POST {
            let mut merged = serde_json::to_value(self.ehr.dialect()).ok()?;
            for (name, value) in body.as_object()? {
                *merged.get_mut(name)? = value.clone();
            }
            let changed: Dialect = serde_json::from_value(merged).ok()?;
            self.ehr.speak(|dialect| *dialect = changed);
        }
        serde_json::to_value(self.ehr.dialect()).ok()
    }
}
