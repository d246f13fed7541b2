//! A ServiceNow instance: Table, Aggregate and Batch API, sign-in, access rules and business rules, as wire-facts
//! 5 and 6 describe them.

mod aggregate;
mod batch;
mod desk;
mod evaluate;
mod oauth;
pub mod query;
pub mod schema;
mod table;
mod table_api;
mod values;
mod write;

pub use oauth::{OauthClient, User};
pub use write::{BusinessRule, RuleAction, RuleEvent};

use crate::clock::Clock;
use crate::faults::{Fault, Faults, lock};
use crate::journal::Journal;
use crate::wire::{Reply, Request};
use evaluate::{Session, Tables};
use http::{Method, StatusCode};
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use schema::TableSchema;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// How the instance is set up. Every switch names the system property or documented behaviour it stands for.
#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Settings {
    /// `glide.invalid_query.returns_no_rows`: a bad condition empties the result instead of being dropped.
    pub invalid_query_returns_no_rows: bool,
    /// `glide.rest.choice.allow_non_existing_value`
    pub choice_allow_non_existing_value: bool,
    /// Whether `sys_` keys of a body are stored (`glide.rest.table_api.admin_only_sys_fields` unset).
    pub sys_fields_writable: bool,
    /// Whether text in queries is compared without regard to case, as most databases' collations do.
    pub equality_ignores_case: bool,
    /// Whether `javascript:` operands are evaluated.
    pub javascript_in_queries: bool,
    /// How dates are displayed, in chrono's notation.
    pub user_date_format: String,
    /// Rows of a page when no limit is asked for.
    pub default_limit: usize,
    /// `glide.oauth.inbound.client.credential.grant_type.enabled`
    pub client_credentials_enabled: bool,
    /// The inverse of `glide.oauth.inbound.ropc.grant_type.disabled`.
    pub password_grant_enabled: bool,
    /// Whether Basic authentication is let in.
    pub basic_auth_enabled: bool,
    /// Lifetime of an access token, seconds.
    pub access_token_lifetime_s: i64,
    /// Lifetime of a refresh token, seconds.
    pub refresh_token_lifetime_s: i64,
    /// How far the clocks may be apart when a JWT is checked, seconds.
    pub jwt_clock_skew_s: i64,
    /// Requests let in per clock hour by the Table API rule; none without a rule.
    pub rate_limit_per_hour: Option<u32>,
    /// Whether `X-Total-Count` counts rows before access rules take some away.
    pub total_count_before_acl: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            invalid_query_returns_no_rows: false,
            choice_allow_non_existing_value: false,
            sys_fields_writable: false,
            equality_ignores_case: true,
            javascript_in_queries: true,
            user_date_format: "%Y-%m-%d".to_owned(),
            default_limit: 10_000,
            client_credentials_enabled: true,
            password_grant_enabled: true,
            basic_auth_enabled: true,
            access_token_lifetime_s: 1_800,
            refresh_token_lifetime_s: 8_640_000,
            jwt_clock_skew_s: 300,
            rate_limit_per_hour: None,
            total_count_before_acl: true,
        }
    }
}

/// What access rules take away from every user of the API.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// Tables closed to the API: 403 "Failed API level ACL Validation".
    pub closed_tables: BTreeSet<String>,
    /// Tables that may be read but not written: 403 "ACL Exception".
    pub read_only_tables: BTreeSet<String>,
    /// Columns nobody sees: absent from every row.
    pub hidden_columns: BTreeSet<(String, String)>,
    /// Columns nobody writes: their keys are ignored.
    pub read_only_columns: BTreeSet<(String, String)>,
    /// Rows nobody sees: those that match the encoded query of their table.
    pub hidden_rows: BTreeMap<String, String>,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) tables: Tables,
    pub(crate) access: Access,
    pub(crate) rules: Vec<BusinessRule>,
    pub(crate) deferred: Vec<write::Deferred>,
    ids: ChaCha8Rng,
    loaded_ids: ChaCha8Rng,
    platform_ids: ChaCha8Rng,
    /// Contents of `sys_attachment`, by its keys.
    pub(crate) attachments: BTreeMap<String, Vec<u8>>,
}

/// Which stream of chance a row's `sys_id` is drawn from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IdStream {
    /// What people and requests make.
    Made,
    /// What is there from the beginning, beside the patients: it must not move the ids of what is made later.
    Loaded,
    /// What the platform keeps for itself: its queue and its attachments.
    Platform,
}

impl State {
    pub(crate) fn new_sys_id(&mut self, stream: IdStream) -> String {
        let mut bytes = [0_u8; 16];
        match stream {
            IdStream::Made => self.ids.fill_bytes(&mut bytes),
            IdStream::Loaded => self.loaded_ids.fill_bytes(&mut bytes),
            IdStream::Platform => self.platform_ids.fill_bytes(&mut bytes),
        }
        hex::encode(bytes)
    }
}

/// A simulated ServiceNow instance.
#[derive(Debug)]
pub struct Instance {
    state: RwLock<State>,
    settings: RwLock<Settings>,
    oauth: Mutex<oauth::Oauth>,
    rate: Mutex<(i64, u32)>,
    base_url: RwLock<String>,
    /// Wakes its MID Server when a row was put into the queue.
    pub(crate) queued: tokio::sync::Notify,
    /// Its clock.
    pub clock: Clock,
    /// Its faults.
    pub faults: Faults,
    /// What was asked of it.
    pub journal: Journal,
}

/// Who is signed in.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) user_name: String,
    pub(crate) sys_id: String,
    pub(crate) zone: chrono_tz::Tz,
}

impl Instance {
    /// An instance with the system tables and the hospital's tables, all empty but for `sys_dictionary`, `sys_choice` and
    /// a MID Server that is up. Ids it assigns follow from the seed.
    pub fn new(clock: Clock, seed: u64) -> Instance {
        let instance = Instance {
            state: RwLock::new(State {
                tables: Tables::new(),
                access: Access::default(),
                rules: Vec::new(),
                deferred: Vec::new(),
                ids: ChaCha8Rng::seed_from_u64(seed ^ 0x5e71),
                loaded_ids: ChaCha8Rng::seed_from_u64(seed ^ 0x10ad),
                platform_ids: ChaCha8Rng::seed_from_u64(seed ^ 0x0ecc),
                attachments: BTreeMap::new(),
            }),
            settings: RwLock::new(Settings::default()),
            oauth: Mutex::new(oauth::Oauth::new(seed)),
            rate: Mutex::new((0, 0)),
            base_url: RwLock::new("https://servicenow.test".to_owned()),
            queued: tokio::sync::Notify::new(),
            clock,
            faults: Faults::default(),
            journal: Journal::default(),
        };
        for table in schema::system_tables() {
            instance.define_table(&table);
        }
        instance.define_table(&schema::patient_table());
        let refreshed = crate::clock::servicenow_text(instance.clock.now_ms());
        instance.insert_row(
            "ecc_agent",
            &[
                ("name", crate::mid::NAME),
                ("status", "Up"),
                ("host_name", "frontdesk-server"),
                ("last_refreshed", &refreshed),
            ],
            "system",
        );
        for table in [
            schema::choice_table(),
            schema::appointment_table(),
            schema::treatment_table(),
            schema::billing_table(),
        ] {
            instance.define_from(&table, IdStream::Loaded);
        }
        instance.list_choices(&schema::patient_table());
        for table in schema::platform_tables() {
            instance.define_from(&table, IdStream::Platform);
        }
        instance
    }

    /// Where it is reached, without a slash at the end: the start of every link it hands out.
    pub fn set_base_url(&self, url: &str) {
        url.trim_end_matches('/').clone_into(&mut write_lock(&self.base_url));
    }

    pub(crate) fn base_url(&self) -> String {
        read_lock(&self.base_url).clone()
    }

    /// The settings.
    pub fn settings(&self) -> Settings {
        read_lock(&self.settings).clone()
    }

    /// Changes the settings.
    pub fn configure(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut write_lock(&self.settings));
    }

    /// Changes the access rules.
    pub fn restrict(&self, change: impl FnOnce(&mut Access)) {
        change(&mut self.write().access);
    }

    /// Adds a business rule behind those already there.
    pub fn add_business_rule(&self, rule: BusinessRule) {
        self.write().rules.push(rule);
    }

    /// Adds a user; returns its `sys_id`.
    pub fn add_user(&self, user: User) -> String {
        let key = self.insert_row(
            "sys_user",
            &[
                ("user_name", &user.user_name),
                ("name", &user.name),
                ("email", &user.email),
                ("time_zone", user.zone.name()),
            ],
            "admin",
        );
        lock(&self.oauth).add_user(user);
        key.unwrap_or_default()
    }

    /// Registers an OAuth client.
    pub fn add_oauth_client(&self, client: OauthClient) {
        lock(&self.oauth).add_client(client);
    }

    /// Makes every token handed out so far invalid.
    pub fn revoke_all_tokens(&self) {
        lock(&self.oauth).revoke_all();
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, State> {
        read_lock(&self.state)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, State> {
        write_lock(&self.state)
    }

    /// Answers a request as the instance does. Broken connections and delays are the caller's to make: see
    /// [`crate::serve`].
    pub fn answer(&self, request: &Request) -> Reply {
        let met = self.faults.meet(request);
        self.answer_with(request, &met)
    }

    pub(crate) fn answer_with(&self, request: &Request, met: &crate::faults::Met) -> Reply {
        if let Some(reply) = met.instead(error) {
            return reply;
        }
        let mut request = std::borrow::Cow::Borrowed(request);
        let renamed = request
            .header_text("x-http-method-override")
            .and_then(|name| Method::try_from(name.to_ascii_uppercase().as_str()).ok());
        if let Some(method) = renamed {
            request.to_mut().method = method;
        }
        let reply = self.dispatch(&request, met);
        met.spoil(reply)
    }

    fn dispatch(&self, request: &Request, met: &crate::faults::Met) -> Reply {
        let segments = request.segments();
        let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
        match parts.as_slice() {
            ["oauth_token.do"] => return self.token(request),
            ["oauth_revoke_token.do"] => return self.revoke(request),
            ["api", "now", ..] => {}
            _ => {
                return Reply::new(
                    StatusCode::NOT_FOUND,
                    "text/html;charset=UTF-8",
                    "<html><body>Page not found</body></html>",
                );
            }
        }
        let caller = match self.authenticate(request) {
            Ok(caller) => caller,
            Err(reply) => return reply,
        };
        let (version, rest) = match parts.as_slice() {
            [_, _, version @ ("v1" | "v2"), rest @ ..] => (*version, rest),
            [_, _, rest @ ..] => ("v2", rest),
            _ => ("v2", [].as_slice()),
        };
        let rate = match self.count_request(request) {
            Ok(rate) => rate,
            Err(reply) => return reply,
        };
        let reply = match rest {
            ["table", table] => self.table_api(request, &caller, version, table, None, met),
            ["table", table, key] => self.table_api(request, &caller, version, table, Some(key), met),
            ["stats", table] if request.method == Method::GET => self.aggregate(request, &caller, table, met),
            ["attachment"] if request.method == Method::GET => {
                self.table_api(request, &caller, version, "sys_attachment", None, met)
            }
            ["attachment", key, "file"] if request.method == Method::GET => self.attached(key),
            ["batch"] if request.method == Method::POST => self.batch(request, met),
            ["table" | "stats" | "batch" | "attachment", ..] => {
                error(StatusCode::METHOD_NOT_ALLOWED, "Method not supported", None)
            }
            _ => error(
                StatusCode::BAD_REQUEST,
                "Requested URI does not represent any resource",
                Some(&request.path),
            ),
        };
        rate.into_iter().fold(reply, |reply, (name, value)| reply.with(name, &value))
    }

    /// Attaches a file to a row.
    pub(crate) fn attach(&self, table: &str, sys_id: &str, file_name: &str, content: &[u8]) {
        let size = content.len().to_string();
        let values = [
            ("table_name", table),
            ("table_sys_id", sys_id),
            ("file_name", file_name),
            ("content_type", "text/xml"),
            ("size_bytes", &size),
        ];
        if let Some(key) = self.insert_from("sys_attachment", &values, "system", IdStream::Platform) {
            self.write().attachments.insert(key, content.to_vec());
        }
    }

    /// The content of an attachment.
    fn attached(&self, key: &str) -> Reply {
        match self.read().attachments.get(key) {
            Some(content) => Reply::new(StatusCode::OK, "text/xml", content.clone()),
            None => error(StatusCode::NOT_FOUND, "No Record found", Some("Record doesn't exist")),
        }
    }

    /// Counts a request against the rate limit rule; the headers to send, or the refusal (wire-facts 6.3).
    fn count_request(&self, _request: &Request) -> Result<Vec<(&'static str, String)>, Reply> {
        let Some(limit) = read_lock(&self.settings).rate_limit_per_hour else { return Ok(Vec::new()) };
        let now_s = self.clock.now_ms().div_euclid(1_000);
        let hour = now_s.div_euclid(3_600);
        let reset = (hour + 1) * 3_600;
        let mut rate = lock(&self.rate);
        if rate.0 != hour {
            *rate = (hour, 0);
        }
        rate.1 = rate.1.saturating_add(1);
        let headers = vec![
            ("x-ratelimit-limit", limit.to_string()),
            ("x-ratelimit-reset", reset.to_string()),
            ("x-ratelimit-rule", "Table API per user".to_owned()),
        ];
        if rate.1 <= limit {
            return Ok(headers);
        }
        let detail = format!("Rate limit of {limit} requests per hour for Table API exceeded");
        let refusal = error(StatusCode::TOO_MANY_REQUESTS, "Rate limit exceeded", Some(&detail))
            .with("retry-after", &(reset - now_s).to_string());
        Err(headers.into_iter().fold(refusal, |reply, (name, value)| reply.with(name, &value)))
    }

    pub(crate) fn session<'a>(&self, caller: &'a Caller, settings: &'a Settings) -> Session<'a> {
        Session { user_sys_id: &caller.sys_id, zone: caller.zone, now_ms: self.clock.now_ms(), settings }
    }

    /// Adds a table or gives one other columns; `sys_dictionary` and `sys_choice` follow.
    pub fn define_table(&self, table: &TableSchema) {
        self.define_from(table, IdStream::Made);
    }

    fn define_from(&self, table: &TableSchema, stream: IdStream) {
        let name = table.name.clone();
        {
            let mut state = self.write();
            let changed = match state.tables.remove(&name) {
                Some(old) => old.with_schema(table.clone()),
                None => table::Table::new(table.clone()),
            };
            state.tables.insert(name.clone(), changed);
        }
        for (key, _) in self.rows("sys_dictionary", &format!("name={name}")) {
            self.delete_row("sys_dictionary", &key, "admin");
        }
        if !self.read().tables.contains_key("sys_dictionary") {
            return;
        }
        for column in &table.columns {
            let reference = match &column.column_type {
                schema::ColumnType::Reference(target) | schema::ColumnType::List(target) => target.as_str(),
                _ => "",
            };
            let is_choice = matches!(column.column_type, schema::ColumnType::Choice(_));
            self.insert_from(
                "sys_dictionary",
                &[
                    ("name", &name),
                    ("element", &column.name),
                    ("column_label", &column.label),
                    ("internal_type", column.column_type.internal_type()),
                    ("max_length", &column.max_length.to_string()),
                    ("reference", reference),
                    ("default_value", &column.default),
                    ("unique", if column.unique { "true" } else { "false" }),
                    ("choice", if is_choice { "1" } else { "0" }),
                ],
                "admin",
                stream,
            );
        }
        self.list_choices(table);
    }

    /// Lists the values of the table's choice columns in `sys_choice`, those of an earlier definition gone.
    fn list_choices(&self, table: &TableSchema) {
        if !self.read().tables.contains_key("sys_choice") {
            return;
        }
        for (key, _) in self.rows("sys_choice", &format!("name={}", table.name)) {
            self.delete_row("sys_choice", &key, "admin");
        }
        for column in &table.columns {
            let schema::ColumnType::Choice(choices) = &column.column_type else { continue };
            for (at, (value, label)) in choices.iter().enumerate() {
                self.insert_from(
                    "sys_choice",
                    &[
                        ("name", &table.name),
                        ("element", &column.name),
                        ("value", value),
                        ("label", label),
                        ("sequence", &at.to_string()),
                    ],
                    "admin",
                    IdStream::Loaded,
                );
            }
        }
    }
}

/// The error body of every API: `detail` is `null` where there is nothing to add.
pub(crate) fn error(status: StatusCode, message: &str, detail: Option<&str>) -> Reply {
    let mut body = String::from("{\"error\":{\"message\":");
    crate::wire::push_json_string(message, &mut body);
    body.push_str(",\"detail\":");
    match detail {
        Some(detail) => crate::wire::push_json_string(detail, &mut body),
        None => body.push_str("null"),
    }
    body.push_str("},\"status\":\"failure\"}");
    let reply = Reply::json(status, body);
    if status == StatusCode::UNAUTHORIZED {
        reply.with("www-authenticate", "BASIC realm=\"Service-now\"")
    } else {
        reply
    }
}

/// What stands behind the rows of a page that the transaction quota cut off.
pub(crate) const QUOTA_ERROR: &str = "\"error\":{\"message\":\"Transaction cancelled: maximum execution time exceeded\",\
\"detail\":\"Transaction cancelled: maximum execution time exceeded Check logs for error trace or enable \
glide.rest.debug property to verify REST request processing\"},\"status\":\"failure\"}";

pub(crate) fn cut_by_quota(met: &crate::faults::Met) -> bool {
    met.has(&Fault::ErrorInBody)
}

fn read_lock<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write_lock<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
