//! Runs the binary, and speaks to what it serves.
#![allow(dead_code, reason = "each test file uses its part")]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// Far more than anything needs: it only ends what hangs.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long a program may take that was asked to end.
const ENDS_WITHIN: Duration = Duration::from_secs(15);

/// What a call left behind.
#[derive(Debug)]
pub struct Outcome {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    /// The one JSON object on standard output.
    pub fn json(&self) -> Value {
        serde_json::from_str(self.stdout.trim()).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// The binary, untouched by the tester's own settings.
pub fn command(arguments: &[String]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vetsync"));
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("VETSYNC_") {
            command.env_remove(name);
        }
    }
    command
}

/// Calls it and waits for its end.
pub async fn vetsync(arguments: &[String]) -> Outcome {
    let output = tokio::time::timeout(PATIENCE, command(arguments).output()).await.expect("it ends").unwrap();
    Outcome {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A verb that goes on until it is stopped; its first line on standard output is JSON.
pub struct Program {
    child: Child,
    pub first: Value,
}

impl Program {
    pub async fn start(arguments: &[String]) -> Program {
        let mut child = command(arguments).stderr(Stdio::inherit()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line =
            tokio::time::timeout(PATIENCE, lines.next_line()).await.expect("it says where it is").unwrap();
        let first = serde_json::from_str(&line.expect("a line")).unwrap();
        Program { child, first }
    }

    pub async fn stop(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Asks it to end (SIGTERM) and waits for that.
    pub async fn terminate(mut self) -> std::process::ExitStatus {
        let id = self.child.id().expect("it runs").to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
        tokio::time::timeout(ENDS_WITHIN, self.child.wait()).await.expect("it ends when asked").unwrap()
    }
}

/// `vetsync simulate`.
pub struct Simulated {
    program: Program,
    pub described: Value,
}

impl Simulated {
    pub async fn start(arguments: &[&str]) -> Simulated {
        let all: Vec<String> =
            std::iter::once("simulate").chain(arguments.iter().copied()).map(str::to_owned).collect();
        let program = Program::start(&all).await;
        Simulated { described: program.first.clone(), program }
    }

    pub async fn stop(self) {
        self.program.stop().await;
    }
}

/// Settings and secrets for remotes of this process.
pub async fn config_of(remotes: &simulator::Running, folder: &Path) -> PathBuf {
    let (servicenow, ehr) = (&remotes.credentials.servicenow, &remotes.credentials.ehr);
    let connections = agent::SampleConnections {
        servicenow_url: remotes.servicenow_url.clone(),
        servicenow_client_id: servicenow.client_id.clone(),
        servicenow_client_secret: servicenow.client_secret.clone(),
        servicenow_subject: servicenow.user_email.clone(),
        servicenow_key_id: servicenow.key_id.clone(),
        servicenow_private_key_pem: servicenow.private_key_pem.clone(),
        ehr_url: remotes.ehr_url.clone(),
        ehr_client_id: ehr.client_id.clone(),
        ehr_token_url: ehr.token_url.clone(),
        ehr_scope: ehr.scope.clone(),
        ehr_key_id: ehr.es384_key_id.clone(),
        ehr_private_key_pem: ehr.es384_private_key_pem.clone(),
        identifier_system: simulator::clinic::SERVICENOW_SYSTEM.to_owned(),
        ca_pem: remotes.ca_pem.clone(),
        staff: Vec::new(),
        mid_server: None,
        real_time: false,
    };
    agent::write_sample(&connections, folder).await.unwrap()
}

/// Waits until something is so; looked at often, since another process gives no sign.
pub async fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let mut beat = tokio::time::interval(Duration::from_millis(10));
    let waiting = async {
        while !is_so() {
            beat.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting)
        .await
        .unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"));
}

/// An HTTP answer.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    head: String,
    pub body: String,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (known, value) = line.split_once(':')?;
            known.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

fn request(host: &str, method: &str, path: &str, headers: &[(String, String)], body: &str) -> String {
    let mut text =
        format!("{method} {path} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    if !headers.iter().any(|(name, _)| name == "host") {
        text.push_str(&format!("host: {host}\r\n"));
    }
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text + "\r\n" + body
}

/// One request on a connection of its own, with exactly these headers.
pub async fn http(host: &str, method: &str, path: &str, headers: &[(String, String)], body: &str) -> Reply {
    let exchange = async {
        let mut stream = TcpStream::connect(host).await.unwrap();
        stream.write_all(request(host, method, path, headers, body).as_bytes()).await.unwrap();
        let mut text = Vec::new();
        stream.read_to_end(&mut text).await.unwrap();
        String::from_utf8_lossy(&text).into_owned()
    };
    let text = tokio::time::timeout(PATIENCE, exchange).await.expect("an answer");
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split_whitespace().nth(1).and_then(|status| status.parse().ok()).expect("a status");
    Reply { status, head: head.to_owned(), body: body.to_owned() }
}

/// An answer, or `None` where the program is gone before the answer is whole.
pub async fn ask(
    host: &str,
    method: &str,
    path: &str,
    headers: &[(String, String)],
    body: &str,
) -> Option<Reply> {
    let exchange = async {
        let mut stream = TcpStream::connect(host).await.ok()?;
        stream.write_all(request(host, method, path, headers, body).as_bytes()).await.ok()?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split_whitespace().nth(1)?.parse().ok()?;
        let reply = Reply { status, head: head.to_owned(), body: body.to_owned() };
        let length: usize = reply.header("content-length")?.parse().ok()?;
        (length == reply.body.len()).then_some(reply)
    };
    tokio::time::timeout(PATIENCE, exchange).await.expect("an answer, or the connection's end")
}

/// Server-sent events.
pub struct Events {
    lines: tokio::io::Lines<BufReader<TcpStream>>,
}

/// Opens the stream of events; returns once the server has begun to answer.
pub async fn events(host: &str, headers: &[(String, String)]) -> Events {
    let mut stream = TcpStream::connect(host).await.unwrap();
    stream.write_all(request(host, "GET", "/api/events", headers, "").as_bytes()).await.unwrap();
    let mut events = Events { lines: BufReader::new(stream).lines() };
    while !events.line().await.contains(": open") {}
    events
}

impl Events {
    async fn line(&mut self) -> String {
        let line = tokio::time::timeout(PATIENCE, self.lines.next_line()).await.expect("an event");
        line.unwrap().expect("the stream goes on")
    }

    /// Reads until the stream is over.
    pub async fn ended(&mut self) {
        let over = async { while let Ok(Some(_)) = self.lines.next_line().await {} };
        tokio::time::timeout(PATIENCE, over).await.expect("the stream is over");
    }

    /// The next event.
    pub async fn next(&mut self) -> Value {
        loop {
            if let Some(data) = self.line().await.strip_prefix("data: ") {
                return serde_json::from_str(data).unwrap();
            }
        }
    }
}
