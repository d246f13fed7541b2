//! A ServiceNow instance that is nothing but a queue, and the MID Server that works it: what is asked for goes to the EHR's
//! server over a socket of its own.

use super::{Clock, Reply, Seen, Server, json, new_ids, serve};
use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::Event;
use record::Remote;
use remote::http::{Elapsed, HttpsTransport, Transport, TransportFailure, Wait};
use remote::mid::{MidParts, MidRoute, MidServer, MidTimes};
use serde_json::{Value, json as value};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

pub const NAME: &str = "mid-test";

/// How the MID Server works.
#[derive(Debug, Clone)]
pub struct Manners {
    /// `ecc_agent.status`
    pub status: &'static str,
    /// It takes nothing up.
    pub idle: bool,
    /// From taking a request up until it is carried out, milliseconds.
    pub run_ms: u64,
    /// Every request is carried out so often, and answered as often.
    pub times: usize,
    /// Instead of carrying out.
    pub payload: Option<&'static str>,
    /// The answers do not fit the column.
    pub attached: bool,
    /// What the instance answers to the first insertions into the queue, after it made the row or not.
    pub insert: Vec<(bool, u16)>,
}

impl Default for Manners {
    fn default() -> Self {
        Manners {
            status: "Up",
            idle: false,
            run_ms: 0,
            times: 1,
            payload: None,
            attached: false,
            insert: Vec::new(),
        }
    }
}

#[derive(Default)]
struct Table {
    rows: Vec<Value>,
    attachments: Vec<(String, String)>,
    next: u64,
}

impl Table {
    fn add(&mut self, mut row: Value) -> String {
        self.next += 1;
        let sys_id = format!("{:032x}", self.next);
        row["sys_id"] = sys_id.clone().into();
        row["sys_created_on"] = "2026-11-22 12:00:00".into();
        self.rows.push(row);
        sys_id
    }

    fn set_state(&mut self, sys_id: &str, state: &str) {
        for row in self.rows.iter_mut().filter(|row| row["sys_id"] == sys_id) {
            row["state"] = state.into();
        }
    }
}

/// The instance with its queue.
pub struct Instance {
    pub server: Server,
    pub manners: Arc<Mutex<Manners>>,
    rows: Arc<Mutex<Table>>,
}

impl Instance {
    /// Rows of the queue, as (queue, state, column).
    pub fn rows(&self, column: &str) -> Vec<(String, String, String)> {
        let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let rows = self.rows.lock().unwrap();
        rows.rows.iter().map(|row| (text(row, "queue"), text(row, "state"), text(row, column))).collect()
    }

    /// How often the queue was asked for answers.
    pub fn looks(&self) -> usize {
        let asks = |seen: &&Seen| {
            seen.parameter("sysparm_query").is_some_and(|query| query.contains("response_toIN"))
        };
        self.server.seen().iter().filter(asks).count()
    }
}

pub const TIMES: MidTimes =
    MidTimes { pickup_ms: 60_000, answer_ms: 60_000, poll_ms: 3, request_bytes_max: 1024 * 1024 };

/// The way to an EHR's server.
pub fn route_to(ehr: &Server) -> Arc<dyn Transport> {
    let instance = instance(ehr, Manners::default());
    Arc::new(route(&instance, TIMES, &Clock::at_noon()))
}

pub fn route(instance: &Instance, times: MidTimes, clock: &Clock) -> MidRoute {
    let began = Instant::now();
    let elapsed: Elapsed = Arc::new(move || i64::try_from(began.elapsed().as_millis()).unwrap());
    let wait: Wait = Arc::new(|wait_ms| Box::pin(tokio::time::sleep(Duration::from_millis(wait_ms))));
    let (transport, sign_in) =
        (instance.server.transport(), instance.server.sign_in(Remote::ServiceNow, clock));
    let mid = agent(instance, clock, Some(30 * 60_000));
    let parts = MidParts { transport, sign_in, now: clock.now(), elapsed, wait, new_id: new_ids() };
    MidRoute::new(&instance.server.url, mid, times, parts).unwrap()
}

pub fn agent(instance: &Instance, clock: &Clock, stale_ms: Option<i64>) -> Arc<MidServer> {
    let (transport, sign_in) =
        (instance.server.transport(), instance.server.sign_in(Remote::ServiceNow, clock));
    let server = MidServer::new(&instance.server.url, NAME, stale_ms, transport, sign_in, clock.now());
    Arc::new(server.unwrap())
}

/// An instance whose MID Server reaches this server.
pub fn instance(ehr: &Server, manners: Manners) -> Instance {
    let rows: Arc<Mutex<Table>> = Arc::default();
    let manners = Arc::new(Mutex::new(manners));
    let (told, jobs) = unbounded_channel();
    let (own, how) = (Arc::clone(&rows), Arc::clone(&manners));
    let server = serve(move |seen| answer(seen, &mut own.lock().unwrap(), &mut how.lock().unwrap(), &told));
    let transport = HttpsTransport::new(&ehr.settings()).unwrap();
    tokio::spawn(work(transport, jobs, Arc::clone(&rows), Arc::clone(&manners)));
    Instance { server, manners, rows }
}

fn answer(seen: &Seen, rows: &mut Table, manners: &mut Manners, told: &UnboundedSender<String>) -> Reply {
    let query = seen.parameter("sysparm_query").unwrap_or_default();
    let list = |found: Vec<Value>| json(200, value!({ "result": found }));
    let path = seen.path.strip_prefix("/api/now").unwrap_or_default();
    match (seen.method.as_str(), path) {
        ("GET", "/table/ecc_agent") => list(vec![value!({
            "sys_id": "0", "name": NAME, "status": manners.status, "validated": "true",
            "last_refreshed": "2026-11-22 11:55:00"
        })])
        .with("date", "Sun, 22 Nov 2026 12:00:00 GMT"),
        ("GET", "/table/sys_dictionary") => list(vec![
            value!({"element": "source", "max_length": "1,000"}),
            value!({"element": "payload", "max_length": "16777215"}),
        ]),
        ("POST", "/table/ecc_queue") => {
            let (makes, status) =
                if manners.insert.is_empty() { (true, 201) } else { manners.insert.remove(0) };
            let mut sys_id = String::new();
            if makes {
                sys_id = rows.add(serde_json::from_str(&seen.body).unwrap());
                told.send(sys_id.clone()).unwrap();
            }
            match status {
                201 => json(201, value!({"result": {"sys_id": sys_id}})),
                429 => json(429, "{}").with("retry-after", "7"),
                other => json(other, value!({"error": {"message": "Operation Failed", "detail": "ACL"}})),
            }
        }
        ("PATCH", path) => {
            let sys_id = path.rsplit('/').next().unwrap();
            let body: Value = serde_json::from_str(&seen.body).unwrap();
            rows.set_state(sys_id, body["state"].as_str().unwrap());
            json(200, value!({"result": {"sys_id": sys_id}}))
        }
        ("GET", "/table/ecc_queue") => {
            let value_of = |part: &str| {
                query.split('^').find_map(|condition| condition.strip_prefix(part)).map(str::to_owned)
            };
            let responses = value_of("response_toIN");
            let (id, correlator) = (value_of("sys_id="), value_of("agent_correlator="));
            let fits = |row: &&Value| {
                let is = |column: &str, wanted: &Option<String>| {
                    wanted.as_ref().is_none_or(|wanted| row[column] == wanted.as_str())
                };
                let asked = responses.as_ref().is_none_or(|ids| {
                    row["queue"] == "input" && ids.split(',').any(|id| row["response_to"] == id)
                });
                asked
                    && is("sys_id", &id)
                    && is("agent_correlator", &correlator)
                    && (correlator.is_none() || row["queue"] == "output")
            };
            list(rows.rows.iter().filter(fits).cloned().collect())
        }
        ("GET", "/attachment") => {
            let id = query.rsplit('=').next().unwrap();
            list(vec![value!({"sys_id": id, "table_sys_id": id, "file_name": "payload"})])
        }
        ("GET", path) if path.ends_with("/file") => {
            let id = path.split('/').nth(2).unwrap();
            let text = rows.attachments.iter().find(|(of, _)| of == id).unwrap().1.clone();
            Reply::Text { status: 200, headers: vec![("content-type", "text/xml".into())], body: text }
        }
        other => panic!("the queue is not asked for {other:?}"),
    }
}

async fn work(
    transport: HttpsTransport,
    mut jobs: UnboundedReceiver<String>,
    rows: Arc<Mutex<Table>>,
    manners: Arc<Mutex<Manners>>,
) {
    while let Some(sys_id) = jobs.recv().await {
        tokio::spawn(carry_out(transport.clone(), sys_id, Arc::clone(&rows), Arc::clone(&manners)));
    }
}

async fn carry_out(
    transport: HttpsTransport,
    sys_id: String,
    rows: Arc<Mutex<Table>>,
    manners: Arc<Mutex<Manners>>,
) {
    let manners = manners.lock().unwrap().clone();
    if manners.idle {
        return;
    }
    let row = {
        let mut rows = rows.lock().unwrap();
        rows.set_state(&sys_id, "processing");
        rows.rows.iter().find(|row| row["sys_id"] == sys_id.as_str()).cloned().unwrap()
    };
    assert_eq!(row["agent"], format!("mid.server.{NAME}"));
    assert_eq!((row["topic"].as_str(), row["queue"].as_str()), (Some("RESTProbe"), Some("output")));
    tokio::time::sleep(Duration::from_millis(manners.run_ms)).await;
    for _ in 0..manners.times {
        let payload = match manners.payload {
            Some(payload) => payload.to_owned(),
            None => result(transport.send(request(row["payload"].as_str().unwrap())).await),
        };
        let mut rows = rows.lock().unwrap();
        let shown = if manners.attached { "<see_attachment/>".to_owned() } else { payload.clone() };
        let input = rows.add(value!({
            "queue": "input", "state": "ready", "response_to": sys_id, "payload": shown, "error_string": "",
            "agent_correlator": row["agent_correlator"]
        }));
        rows.attachments.push((input, payload));
        rows.set_state(&sys_id, "processed");
    }
}

/// Names and values, in the order they stand there.
fn pairs(xml: &str) -> Vec<(String, String)> {
    let mut reader = Reader::from_str(xml);
    let mut found = Vec::new();
    loop {
        match reader.read_event().unwrap() {
            Event::Empty(element) => {
                let value = |name: &str| {
                    let attribute = element.try_get_attribute(name).unwrap().unwrap();
                    attribute.normalized_value(XmlVersion::Implicit1_0).unwrap().into_owned()
                };
                found.push((value("name"), value("value")));
            }
            Event::Eof => return found,
            _ => {}
        }
    }
}

fn request(payload: &str) -> http::Request<Vec<u8>> {
    let said = pairs(payload);
    let value = |wanted: &str| said.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
    let mut request = http::Request::builder()
        .method(value("http_method").unwrap().to_uppercase().as_str())
        .uri(value("source").unwrap());
    for (name, value) in pairs(&value("message_headers").unwrap()) {
        request = request.header(name, value);
    }
    request.body(value("content").unwrap_or_default().into_bytes()).unwrap()
}

fn escape(text: &str) -> String {
    quick_xml::escape::escape(text).into_owned()
}

fn result(outcome: Result<http::Response<Vec<u8>>, TransportFailure>) -> String {
    let error = match outcome {
        Ok(response) => {
            let (head, body) = response.into_parts();
            let mut headers = String::new();
            for (name, value) in &head.headers {
                let value = escape(value.to_str().unwrap());
                headers.push_str(&format!("<h name=\"{name}\" value=\"{value}\"/>"));
            }
            return format!(
                "<results><result><output>{}</output></result><httpHeaders>{headers}</httpHeaders><parameters>\
                 <parameter name=\"http_status_code\" value=\"{}\"/></parameters></results>",
                escape(&String::from_utf8(body).unwrap()),
                head.status.as_u16()
            );
        }
        Err(TransportFailure::NotSent { .. }) => "java.net.ConnectException: Connection refused",
        Err(_) => "java.net.SocketException: Connection reset",
    };
    format!("<results error=\"{error}\"><result/></results>")
}
