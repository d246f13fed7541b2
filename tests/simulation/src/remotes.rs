//! The three simulated remotes, called in process, and what they hold.

use crate::animals::ROWS;
use crate::draw::Draw;
use crate::history::Raw;
use record::Remote;
use simulator::ehr::Ehr;
use simulator::idp::{BackendClient, IdentityProvider};
use simulator::servicenow::{Instance, OauthClient, User, schema};
use simulator::{Clock, Fault, PlannedFault, SigningKey};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

/// The patient table.
pub const TABLE: &str = "u_patient_record";
/// The instance's address.
pub const SERVICENOW_URL: &str = "https://servicenow.test";
/// The EHR's address.
pub const EHR_URL: &str = "https://ehr.test/api/v1";
/// The OAuth client's id at ServiceNow.
pub const CLIENT: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";
/// Its secret.
pub const SECRET: &str = "simulated-secret";
const SCOPE: &str = "system/Patient.cruds system/AllergyIntolerance.cruds";

/// Who is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// Records of ServiceNow.
    ServiceNow,
    /// Records of the EHR.
    Ehr,
    /// Tokens, of either.
    SignIn,
}

impl Place {
    /// Its name in the history.
    pub const fn name(self) -> &'static str {
        match self {
            Place::ServiceNow => "ServiceNow",
            Place::Ehr => "EHR",
            Place::SignIn => "sign-in",
        }
    }

    /// The remote whose records it holds.
    pub const fn remote(self) -> Option<Remote> {
        match self {
            Place::ServiceNow => Some(Remote::ServiceNow),
            Place::Ehr => Some(Remote::Ehr),
            Place::SignIn => None,
        }
    }
}

/// The remotes of a day.
#[derive(Debug)]
pub struct Remotes {
    /// ServiceNow.
    pub servicenow: Instance,
    /// The EHR.
    pub ehr: Ehr,
    /// The identity provider.
    pub idp: Arc<IdentityProvider>,
}

/// The key the EHR's client signs with: made once, it leaves no trace in a history.
pub fn ehr_key() -> &'static SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(|| SigningKey::p384("vetsync-es384").expect("a key"))
}

impl Remotes {
    /// Remotes without patients, their clocks on the day's time.
    pub fn stand(seed: u64, now_ms: &Arc<AtomicI64>, draw: &mut Draw) -> Remotes {
        let read = Arc::clone(now_ms);
        let clock = Clock::from_fn(move || read.load(Ordering::Relaxed));
        let idp = IdentityProvider::new(clock.separate(), seed);
        idp.set_base_url("https://idp.test");
        idp.add_client(BackendClient {
            client_id: "vetsync".to_owned(),
            keys: SigningKey::set(&[ehr_key()]),
            scope: SCOPE.to_owned(),
        });
        idp.set_token_lifetime_s(draw.between(60, 900));
        let idp = Arc::new(idp);
        let ehr = Ehr::new(clock.separate(), Arc::clone(&idp));
        ehr.set_base_url(EHR_URL);
        // What this EHR can do is drawn too; a body as a Bundle is what everything else stands on.
        ehr.speak(|dialect| {
            dialect.etag = !draw.percent(20);
            dialect.if_none_exist = !draw.percent(30);
            dialect.identifier_search = !draw.percent(15);
            dialect.total = !draw.percent(20);
            dialect.write_returns_body = !draw.percent(20);
            dialect.remembers_deleted = !draw.percent(40);
            dialect.stale_status = if draw.percent(30) { 409 } else { 412 };
            dialect.if_match_required = dialect.etag && draw.percent(20);
        });
        let servicenow = Instance::new(clock.separate(), seed);
        servicenow.set_base_url(SERVICENOW_URL);
        if draw.percent(50) {
            // A site that did not follow the advice to make the column of the EHR's id unique.
            let mut table = schema::patient_table();
            for column in &mut table.columns {
                column.unique = false;
            }
            servicenow.define_table(&table);
        }
        servicenow.add_user(User {
            user_name: "vetsync.integration".to_owned(),
            password: "correct-horse-battery".to_owned(),
            name: "VetSync".to_owned(),
            email: "vetsync@mainstreetvet.example".to_owned(),
            zone: chrono_tz::UTC,
        });
        servicenow.add_oauth_client(OauthClient {
            client_id: CLIENT.to_owned(),
            client_secret: SECRET.to_owned(),
            application_user: Some("vetsync.integration".to_owned()),
            keys: SigningKey::set(&[]),
            audience: CLIENT.to_owned(),
        });
        servicenow.configure(|settings| settings.access_token_lifetime_s = draw.between(120, 1_800));
        Remotes { servicenow, ehr, idp }
    }

    /// Whose address this is.
    pub fn place_of(request: &http::Request<Vec<u8>>) -> Place {
        let uri = request.uri();
        match (uri.host(), uri.path()) {
            (Some("servicenow.test"), "/oauth_token.do") => Place::SignIn,
            (Some("servicenow.test"), _) => Place::ServiceNow,
            (Some("ehr.test"), _) => Place::Ehr,
            _ => Place::SignIn,
        }
    }

    /// Lets a remote answer, with a fault if one is given.
    pub fn answer(&self, request: &http::Request<Vec<u8>>, fault: Option<&Fault>) -> simulator::wire::Reply {
        let asked = simulator::wire::Request {
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            query: request.uri().query().unwrap_or_default().to_owned(),
            headers: request.headers().clone(),
            body: request.body().clone().into(),
        };
        let with_fault = |faults: &simulator::Faults, answer: &dyn Fn() -> simulator::wire::Reply| {
            if let Some(fault) = fault.cloned() {
                faults.add(PlannedFault::once(fault));
            }
            let reply = answer();
            faults.clear();
            reply
        };
        match request.uri().host() {
            Some("servicenow.test") => {
                with_fault(&self.servicenow.faults, &|| self.servicenow.answer(&asked))
            }
            Some("ehr.test") => with_fault(&self.ehr.faults, &|| self.ehr.answer(&asked)),
            _ => with_fault(&self.idp.faults, &|| self.idp.answer(&asked)),
        }
    }

    /// Every key of a remote.
    pub fn keys(&self, remote: Remote) -> Vec<String> {
        match remote {
            Remote::ServiceNow => self.servicenow.rows(TABLE, "").into_iter().map(|(key, _)| key).collect(),
            Remote::Ehr => self.ehr.ids(),
        }
    }

    /// The whole of a record.
    pub fn raw(&self, remote: Remote, key: &str) -> Option<Raw> {
        match remote {
            Remote::ServiceNow => {
                let row: BTreeMap<String, String> = self.servicenow.row(TABLE, key)?;
                // Columns nobody uses in this clinic would only make the history longer.
                let told: BTreeMap<String, String> = row
                    .into_iter()
                    .filter(|(name, value)| {
                        !value.is_empty() && name != "sys_created_on" && name != "sys_tags"
                    })
                    .collect();
                serde_json::to_string(&told).ok().map(Raw::from)
            }
            Remote::Ehr => {
                let chart = self.ehr.chart(key)?;
                let allergies: Vec<String> = chart.allergies.iter().map(ToString::to_string).collect();
                Some(Raw::from(format!(
                    "{{\"patient\":{},\"allergies\":[{}]}}",
                    chart.patient,
                    allergies.join(",")
                )))
            }
        }
    }

    /// The identifier system of rows, as the lens is to know it.
    pub const fn row_system() -> &'static str {
        ROWS
    }
}
