//! The rows of `ecc_queue` that are ours, through the Table API.

use crate::RemoteError;
use crate::http::{Answer, Call, Caller, Effect, percent_encode};
use crate::servicenow::answers::{self, Envelope};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

/// A row for a MID Server to work on.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    /// `RESTProbe`'s method, the row's name.
    pub name: String,
    /// The address, the row's source.
    pub source: String,
    /// Ours: the answer carries it too.
    pub correlator: String,
    pub payload: String,
}

/// Where a row of ours stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Standing {
    pub sys_id: String,
    pub state: State,
    /// When it was put there, Unix milliseconds of the instance's clock.
    pub created_at_ms: Option<i64>,
}

/// `ecc_queue.state`, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Nobody has taken it up.
    Ready,
    /// Taken up, perhaps waiting within the MID Server.
    Processing,
    /// Finished, well or not: there is or was an answer, or it was called off.
    Over,
}

impl State {
    fn of(text: &str) -> State {
        match text.to_ascii_lowercase().as_str() {
            "ready" => State::Ready,
            "processing" => State::Processing,
            _ => State::Over,
        }
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Incoming {
    pub sys_id: String,
    pub response_to: String,
    pub payload: String,
    pub error_string: String,
}

/// How long a row's columns may be (`sys_dictionary.max_length`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lengths {
    pub source_chars: usize,
    pub payload_chars: Option<usize>,
}

/// What is sure to fit where the dictionary cannot be read: the platform's usual string.
const SOURCE_CHARS_UNKNOWN: usize = 255;
/// Ids in one condition, so that addresses stay far below what instances take.
pub(super) const IDS_MAX: usize = 50;

const TABLE: &str = "/api/now/table/ecc_queue";

pub(super) struct Queue {
    pub caller: Caller,
    base_url: String,
    agent: String,
    lengths: OnceCell<Lengths>,
}

impl Queue {
    pub(super) fn new(caller: Caller, base_url: &str, name: &str) -> Queue {
        Queue {
            caller,
            base_url: base_url.trim_end_matches('/').to_owned(),
            agent: format!("mid.server.{name}"),
            lengths: OnceCell::new(),
        }
    }

    fn url(&self, path: &str, parameters: &[(&str, &str)]) -> String {
        let mut url = format!("{}{path}", self.base_url);
        let plain = [("sysparm_display_value", "false"), ("sysparm_exclude_reference_link", "true")];
        for (index, (name, value)) in parameters.iter().chain(&plain).enumerate() {
            url.push(if index == 0 { '?' } else { '&' });
            url.push_str(&format!("{name}={}", percent_encode(value, ",")));
        }
        url
    }

    async fn rows(&self, table: &str, parameters: &[(&str, &str)]) -> Result<Vec<Value>, RemoteError> {
        let answer = self.caller.call(&Call::get(self.url(table, parameters))).await?;
        if answer.status == 404 && answers::is_no_record(&answer.body) {
            return Ok(Vec::new());
        }
        let text = self.opened(&answer, Effect::Read)?;
        serde_json::from_str(text).map_err(|_| self.caller.protocol("a list of rows was expected"))
    }

    fn opened<'a>(&self, answer: &'a Answer, effect: Effect) -> Result<&'a str, RemoteError> {
        match (answers::open(answer), effect) {
            (Envelope::Result(text), _) => Ok(text),
            (Envelope::Refused(what), _) => Err(self.caller.refused(answer.status, what)),
            (Envelope::Broken(what), Effect::Read) => Err(self.caller.transient(answer.status, what)),
            (Envelope::Broken(what), Effect::Write) => Err(self.caller.ambiguous(what)),
        }
    }

    /// How long what is sent may be. Read once; a dictionary that cannot be read leaves what fits everywhere.
    pub(super) async fn lengths(&self) -> Result<Lengths, RemoteError> {
        let read = async {
            let query = "name=ecc_queue^elementINsource,payload";
            let found = self
                .rows(
                    "/api/now/table/sys_dictionary",
                    &[
                        ("sysparm_query", query),
                        ("sysparm_fields", "element,max_length"),
                        ("sysparm_limit", "10"),
                    ],
                )
                .await;
            let rows = match found {
                Ok(rows) => rows,
                Err(RemoteError::Refused { .. } | RemoteError::Protocol { .. }) => Vec::new(),
                Err(error) => return Err(error),
            };
            let length = |element: &str| {
                rows.iter()
                    .find(|row| text(row, "element") == element)
                    .and_then(|row| text(row, "max_length").replace(',', "").parse::<usize>().ok())
            };
            // 0 means without a limit.
            let limited = |length: Option<usize>| length.filter(|length| *length > 0);
            Ok(Lengths {
                source_chars: match length("source") {
                    Some(0) => usize::MAX,
                    Some(length) => length,
                    None => SOURCE_CHARS_UNKNOWN,
                },
                payload_chars: limited(length("payload")),
            })
        };
        self.lengths.get_or_try_init(|| read).await.copied()
    }

    /// Puts a row into the queue; its `sys_id`.
    pub(super) async fn put(&self, row: &Outgoing) -> Result<String, RemoteError> {
        let body = json!({
            "agent": self.agent,
            "topic": "RESTProbe",
            "name": row.name,
            "source": row.source,
            "queue": "output",
            "state": "ready",
            // Expedited, as the platform's own outbound requests are.
            "priority": "1",
            "agent_correlator": row.correlator,
            "payload": row.payload,
        });
        let call = Call {
            method: http::Method::POST,
            url: self.url(TABLE, &[("sysparm_fields", "sys_id")]),
            headers: Vec::new(),
            body: Some(body.to_string()),
            effect: Effect::Write,
        };
        let answer = self.caller.call(&call).await?;
        let text = self.opened(&answer, Effect::Write)?;
        answers::column(text, "sys_id")
            .filter(|sys_id| is_sys_id(sys_id))
            .ok_or_else(|| self.caller.ambiguous("it answered without the new row's sys_id"))
    }

    /// Rows of ours with this correlation, the newest first.
    pub(super) async fn of_correlator(&self, correlator: &str) -> Result<Vec<Standing>, RemoteError> {
        let query = format!("agent_correlator={correlator}^queue=output^ORDERBYDESCsys_created_on");
        self.standing(&query, |row| text(row, "agent_correlator") == correlator).await
    }

    /// One row of ours.
    pub(super) async fn of_id(&self, sys_id: &str) -> Result<Option<Standing>, RemoteError> {
        let found = self.standing(&format!("sys_id={sys_id}"), |row| text(row, "sys_id") == sys_id).await?;
        Ok(found.into_iter().next())
    }

    async fn standing(
        &self,
        query: &str,
        asked: impl Fn(&Value) -> bool,
    ) -> Result<Vec<Standing>, RemoteError> {
        let fields = "sys_id,state,queue,agent_correlator,sys_created_on";
        let rows = self
            .rows(TABLE, &[("sysparm_query", query), ("sysparm_fields", fields), ("sysparm_limit", "5")])
            .await?;
        // A condition that is not understood is dropped, and more comes back (wire-facts 5.3).
        if !rows.iter().all(|row| text(row, "queue") == "output" && asked(row)) {
            return Err(self.caller.protocol("other rows of ecc_queue came than those that were asked for"));
        }
        Ok(rows
            .iter()
            .map(|row| Standing {
                sys_id: text(row, "sys_id").to_owned(),
                state: State::of(text(row, "state")),
                created_at_ms: answers::stamp_ms(text(row, "sys_created_on")),
            })
            .collect())
    }

    /// Answers to any of these rows, the oldest first. At most [`IDS_MAX`] ids.
    pub(super) async fn answers(&self, sys_ids: &[String]) -> Result<Vec<Incoming>, RemoteError> {
        let query = format!("queue=input^response_toIN{}^ORDERBYsys_created_on", sys_ids.join(","));
        let fields = "sys_id,queue,response_to,payload,error_string";
        // Each may be answered more than once; what does not fit here comes with the next look.
        let limit = (sys_ids.len() * 2 + 2).to_string();
        let rows = self
            .rows(TABLE, &[("sysparm_query", &query), ("sysparm_fields", fields), ("sysparm_limit", &limit)])
            .await?;
        rows.iter()
            .map(|row| {
                let response_to = text(row, "response_to");
                if text(row, "queue") != "input" || !sys_ids.iter().any(|asked| asked == response_to) {
                    return Err(self
                        .caller
                        .protocol("other rows of ecc_queue came than the answers that were asked for"));
                }
                Ok(Incoming {
                    sys_id: text(row, "sys_id").to_owned(),
                    response_to: response_to.to_owned(),
                    payload: text(row, "payload").to_owned(),
                    error_string: text(row, "error_string").to_owned(),
                })
            })
            .collect()
    }

    /// The payload that was attached to an answer, because the column could not hold it.
    pub(super) async fn attached(&self, sys_id: &str) -> Result<String, RemoteError> {
        let query = format!("table_name=ecc_queue^table_sys_id={sys_id}");
        let fields = "sys_id,table_name,table_sys_id,file_name";
        let path = "/api/now/attachment";
        let found = self
            .rows(path, &[("sysparm_query", &query), ("sysparm_fields", fields), ("sysparm_limit", "10")])
            .await?;
        let ours = |row: &&Value| text(row, "table_sys_id") == sys_id && is_sys_id(text(row, "sys_id"));
        let attachment = found
            .iter()
            .filter(ours)
            .find(|row| text(row, "file_name").starts_with("payload"))
            .or_else(|| found.iter().find(ours))
            .ok_or_else(|| self.caller.protocol("the answer's attachment is not there"))?;
        let url = format!("{}{path}/{}/file", self.base_url, text(attachment, "sys_id"));
        let answer = self.caller.call(&Call::get(url)).await?;
        if !answer.is_success() {
            return Err(self.caller.refused(answer.status, "the answer's attachment cannot be read"));
        }
        Ok(answer.body)
    }

    /// Takes a row that nobody has taken up out of the MID Server's way. It stays where it is.
    pub(super) async fn call_off(&self, sys_id: &str) -> Result<(), RemoteError> {
        let body = json!({"state": "error", "error_string": "Called off by VetSync: not taken up in time"});
        let call = Call {
            method: http::Method::PATCH,
            url: self.url(&format!("{TABLE}/{sys_id}"), &[("sysparm_fields", "sys_id,state")]),
            headers: Vec::new(),
            body: Some(body.to_string()),
            effect: Effect::Write,
        };
        let answer = self.caller.call(&call).await?;
        self.opened(&answer, Effect::Write).map(drop)
    }

    /// Whether rows of this queue can be read at all.
    pub(super) async fn readable(&self) -> Result<(), RemoteError> {
        let query = format!("agent={}^ORDERBYDESCsys_created_on", self.agent);
        self.rows(TABLE, &[("sysparm_query", &query), ("sysparm_fields", "sys_id"), ("sysparm_limit", "1")])
            .await
            .map(drop)
    }
}

fn text<'a>(row: &'a Value, column: &str) -> &'a str {
    row.get(column).and_then(Value::as_str).unwrap_or_default()
}

fn is_sys_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
