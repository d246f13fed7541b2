//! What the remotes tell us by themselves, over real sockets: signed, stored before it is acknowledged, looked into.

use journeys::{Desk, World};
use receiver::signature::SigningKey;
use record::Remote;
use remote::http::{HttpsSettings, HttpsTransport, Transport as _};
use secrets::Secret;
use store::{InboxState, QuarantineFilter};

const OLD_KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NEW_KEY: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";

/// A hospital whose remotes send messages, and the sender.
struct Post {
    world: World,
    port: u16,
    client: HttpsTransport,
}

impl Post {
    async fn of(patients: usize) -> Post {
        let world = World::calm(patients).await;
        let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(world.folder.path().join("receiver.pem"), certified.cert.pem()).unwrap();
        // A free port: it is let go again just before it is listened on.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        world.settings(|text| {
            format!(
                "{text}\n[webhooks]\nlisten = \"127.0.0.1:{port}\"\ncertificate_file = \"receiver.pem\"\n\
                 body_kilobytes_max = 4\n"
            )
        });
        let client = HttpsTransport::new(&HttpsSettings {
            extra_ca_pem: Some(certified.cert.pem()),
            only_extra_ca: true,
            ..HttpsSettings::default()
        })
        .unwrap();
        let made = Post { world, port, client };
        made.keep("webhooks.private_key", &certified.signing_key.serialize_pem()).await;
        made.keep("webhooks.ehr", OLD_KEY).await;
        made.keep("webhooks.servicenow", OLD_KEY).await;
        made
    }

    async fn keep(&self, name: &str, value: &str) {
        let place = self.world.folder.path().join("data").join("secrets");
        let kept = secrets::open(&secrets::Choice::File(place)).await.unwrap();
        kept.set(name, &Secret::from(value.as_bytes().to_vec())).await.unwrap();
    }

    /// The product, as a window runs it.
    async fn desk(&self) -> Desk {
        let options = agent::Options { acts_by_itself: true, ..self.world.options() };
        Desk::start(agent::open(options).await.unwrap()).await
    }

    /// Sends a message signed with a key so many seconds ago; the status of the answer.
    async fn send(&self, path: &str, key: &str, id: &str, ago_seconds: i64, body: &str) -> u16 {
        let key = SigningKey::parse(key).unwrap();
        let now_ms = engine::Clock::now_ms(&engine::clock::SystemClock);
        let at = (now_ms / 1_000 - ago_seconds).to_string();
        let signature = key.sign(id, &at, body.as_bytes());
        let headers = [
            ("content-type", "application/json"),
            ("webhook-id", id),
            ("webhook-timestamp", &at),
            ("webhook-signature", &signature),
        ];
        self.post(path, &headers, body).await
    }

    /// Reads an address; the status, its tag and the text.
    async fn get(&self, path: &str, tag: Option<&str>) -> (u16, Option<String>, String) {
        let mut request = http::Request::get(format!("https://localhost:{}{path}", self.port));
        if let Some(tag) = tag {
            request = request.header("if-none-match", tag);
        }
        let answer = self.client.send(request.body(Vec::new()).unwrap()).await.unwrap();
        let tag = answer.headers().get("etag").map(|tag| tag.to_str().unwrap().to_owned());
        (answer.status().as_u16(), tag, String::from_utf8(answer.body().clone()).unwrap())
    }

    async fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> u16 {
        let mut request = http::Request::post(format!("https://localhost:{}{path}", self.port));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.as_bytes().to_vec()).unwrap();
        self.client.send(request).await.unwrap_or_else(|error| panic!("{error}")).status().as_u16()
    }
}

/// A clinician's calendar for other programs: at an address that only its key tells, for reading, as both systems agree.
#[tokio::test(flavor = "multi_thread")]
async fn a_clinicians_calendar_is_read_at_its_own_address() {
    const LEE: &str = "46d44a5dc0a8010e0000b4bb8f62b0fd";
    let post = Post::of(6).await;
    post.world.settings(|text| {
        format!(
            "{}\n[servicenow.appointments]\nsynchronise = true\n\n[[staff]]\nservicenow_user = \"{LEE}\"\n\
             practitioner = \"Practitioner/dr-lee\"\nname = \"Dr Lee\"\n",
            text.replace("[webhooks]\n", "[webhooks]\ncalendars = true\n")
        )
    });
    let (patient, _) = post.world.animals(|_, _| true).remove(0);
    let values = [
        ("u_patient", patient.as_str()),
        ("u_appointment_date", "2031-10-06 14:30:00"),
        ("u_duration_minutes", "30"),
        ("u_appointment_type", "dental"),
        ("u_assigned_clinician", LEE),
        ("u_reason_for_visit", "Loose tooth"),
        ("u_appointment_status", "confirmed"),
    ];
    post.world.remotes.control.servicenow.insert_row("u_appointment", &values, "front.desk").unwrap();
    let lee = r#"{"resourceType":"Practitioner","id":"dr-lee","name":[{"text":"Dr Lee"}]}"#;
    let lee = record::Json::parse(lee).unwrap();
    post.world.remotes.control.ehr.put_practitioner("dr-lee", lee, None);
    let desk = post.desk().await;
    desk.compares().await;
    let paths = agent::feed_paths(&post.world.options(), false).await.unwrap();
    let [(clinician, path)] = &paths[..] else { panic!("one clinician") };
    assert_eq!(clinician, "Dr Lee");
    let (status, tag, text) = post.get(path, None).await;
    assert_eq!(status, 200);
    for said in ["BEGIN:VCALENDAR", "DTSTART:20311006T143000Z", "DTEND:20311006T150000Z", "STATUS:CONFIRMED"]
    {
        assert!(text.contains(said), "{said}: {text}");
    }
    assert!(!text.contains("Loose tooth"), "no more than a calendar needs");
    // Asked again, nothing has moved.
    let (status, _, text) = post.get(path, tag.as_deref()).await;
    assert_eq!((status, text.as_str()), (304, ""));
    // Another address is nobody's, and a new key takes this one away.
    let guessed = path.replace(['a', '1'], "2");
    assert_eq!(post.get(&guessed, None).await.0, 404);
    let anew = agent::feed_paths(&post.world.options(), true).await.unwrap();
    assert_eq!(post.get(path, None).await.0, 404);
    assert_eq!(post.get(&anew[0].1, None).await.0, 200);
    assert_eq!(post.post(&anew[0].1, &[], "").await, 405, "for reading");
    desk.close().await;
}

const EHR: &str = "/webhooks/ehr";
const SERVICENOW: &str = "/webhooks/servicenow";

fn about(chart: &str) -> String {
    format!(r#"{{"type":"patient.updated","timestamp":"2026-11-22T10:00:00Z","data":{{"id":"{chart}"}}}}"#)
}

async fn events(desk: &Desk) -> u64 {
    desk.running.store.event_counts().await.unwrap().iter().map(|(_, count)| count).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_message_leads_to_its_patient_at_once() {
    let post = Post::of(6).await;
    let desk = post.desk().await;
    desk.run().await;
    let (row, chart) = post.world.animals(|_, _| true).remove(0);
    post.world.ehr_phone(&chart, "+14155550177");
    let id = desk.patient_id(Remote::Ehr, &chart).await;
    assert_eq!(post.send(EHR, OLD_KEY, "m-1", 0, &about(&chart)).await, 202);
    desk.until("ServiceNow to have the phone", || async {
        post.world
            .row(&row)
            .get("u_owner_phone")
            .is_some_and(|phone| phone.ends_with("5550177"))
            .then_some(())
    })
    .await;
    desk.agreed(&id).await;
    // The same message again, from a sender that did not hear the answer.
    let (before, writes) = (events(&desk).await, post.world.writes());
    assert_eq!(post.send(EHR, OLD_KEY, "m-1", 0, &about(&chart)).await, 200);
    assert_eq!((events(&desk).await, post.world.writes()), (before, writes));
    // A thin push of ServiceNow.
    let thin = format!(
        r#"{{"table":"u_patient_record","sys_id":"{row}","operation":"update","sys_mod_count":"999"}}"#
    );
    assert_eq!(post.send(SERVICENOW, OLD_KEY, "m-2", 0, &thin).await, 202);
    desk.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_rightly_signed_or_not_now_is_turned_away_and_leaves_nothing() {
    let post = Post::of(3).await;
    let desk = post.desk().await;
    let body = about("p");
    let long = about(&"p".repeat(5_000));
    assert_eq!(post.send(EHR, NEW_KEY, "m-1", 0, &body).await, 401, "another key");
    assert_eq!(post.send(EHR, OLD_KEY, "m-2", 301, &body).await, 401, "too old");
    assert_eq!(post.send(EHR, OLD_KEY, "m-3", -310, &body).await, 401, "from the future");
    assert_eq!(post.send(EHR, OLD_KEY, "m-4", 0, &long).await, 413, "too long");
    assert_eq!(post.send("/webhooks/other", OLD_KEY, "m-5", 0, &body).await, 404);
    assert_eq!(post.send(EHR, OLD_KEY, "m.6", 0, &body).await, 400, "an id that could pass for another's");
    assert_eq!(post.post(EHR, &[("content-type", "application/json")], &body).await, 400, "unsigned");
    assert_eq!(post.post(EHR, &[("content-type", "text/plain")], &body).await, 415);
    assert_eq!(events(&desk).await, 0);
    // Signed, and it says nothing that we know: kept, in quarantine, and acknowledged.
    assert_eq!(post.send(EHR, OLD_KEY, "m-7", 0, r#"{"hello":"world"}"#).await, 202);
    let (entries, _) = desk.running.store.quarantine(&QuarantineFilter::default(), 0, 9).await.unwrap();
    assert_eq!(entries.len(), 1, "{entries:?}");
    desk.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_replaced_in_two_steps() {
    let post = Post::of(3).await;
    post.keep("webhooks.ehr", &format!("{NEW_KEY}\n{OLD_KEY}")).await;
    let desk = post.desk().await;
    assert_eq!(post.send(EHR, OLD_KEY, "m-1", 0, &about("p")).await, 202, "the old one, for a while");
    assert_eq!(post.send(EHR, NEW_KEY, "m-2", 0, &about("p")).await, 202);
    desk.close().await;
    post.keep("webhooks.ehr", NEW_KEY).await;
    let desk = post.desk().await;
    assert_eq!(post.send(EHR, OLD_KEY, "m-3", 0, &about("p")).await, 401, "no more");
    assert_eq!(post.send(EHR, NEW_KEY, "m-4", 0, &about("p")).await, 202);
    desk.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_worked_on_after_the_receiver_was_ended() {
    let post = Post::of(6).await;
    let desk = post.desk().await;
    desk.run().await;
    let (row, chart) = post.world.animals(|_, _| true).remove(0);
    // Nothing can be looked into now.
    for remote in ["service_now", "ehr"] {
        let pause = serde_json::json!({ "remote": remote, "reason": "a test" });
        let _status: serde_json::Value = desk.call("remotes.pause", pause).await;
    }
    post.world.ehr_phone(&chart, "+14155550188");
    assert_eq!(post.send(EHR, OLD_KEY, "m-1", 0, &about(&chart)).await, 202);
    desk.close().await;
    let desk = post.desk().await;
    assert_eq!(desk.running.store.event_counts().await.unwrap(), [(InboxState::Accepted, 1)]);
    for remote in ["service_now", "ehr"] {
        let resume = serde_json::json!({ "remote": remote, "reason": null });
        let _status: serde_json::Value = desk.call("remotes.resume", resume).await;
    }
    desk.until("ServiceNow to have the phone", || async {
        post.world
            .row(&row)
            .get("u_owner_phone")
            .is_some_and(|phone| phone.ends_with("5550188"))
            .then_some(())
    })
    .await;
    desk.close().await;
}
