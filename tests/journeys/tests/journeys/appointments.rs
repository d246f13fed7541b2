//! Appointments in both calendars.

use console_api::dto::{
    CalendarView, Cause, FindingSeverity, Kind, News, NewsWhat, PatientStatus, RemoteName, RunStatus,
    TextFile, VisitPage, VisitRow,
};
use journeys::{Desk, World};
use record::Json;
use serde_json::{Value, json};

const TABLE: &str = "u_appointment";
/// Dr Lee, as the simulated ServiceNow and EHR know her.
const LEE: &str = "46d44a5dc0a8010e0000b4bb8f62b0fd";
const SYSTEM: &str = "u_appointment";

/// A calm clinic that synchronises appointments, with one clinician whom both systems know.
async fn clinic(patients: usize) -> World {
    let world = World::calm(patients).await;
    world.settings(|text| {
        format!(
            "{text}\n[servicenow.appointments]\nsynchronise = true\n\n[[staff]]\nservicenow_user = \"{LEE}\"\n\
             practitioner = \"Practitioner/dr-lee\"\nname = \"Dr Lee\"\n"
        )
    });
    let lee = json!({ "resourceType": "Practitioner", "id": "dr-lee", "name": [{ "text": "Dr Lee" }] });
    let lee = Json::parse(&lee.to_string()).expect("a practitioner");
    world.remotes.control.ehr.put_practitioner("dr-lee", lee, None);
    world
}

/// Enters an appointment in ServiceNow.
fn entered(world: &World, patient: &str, begins: &str, clinician: &str) -> String {
    let values = [
        ("u_patient", patient),
        ("u_appointment_date", begins),
        ("u_duration_minutes", "30"),
        ("u_appointment_type", "dental"),
        ("u_assigned_clinician", clinician),
        ("u_reason_for_visit", "Loose tooth"),
        ("u_appointment_status", "confirmed"),
    ];
    world.remotes.control.servicenow.insert_row(TABLE, &values, "front.desk").expect("the row is new")
}

fn row(world: &World, key: &str) -> std::collections::BTreeMap<String, String> {
    world.remotes.control.servicenow.row(TABLE, key).expect("the row is there")
}

fn in_ehr(world: &World, id: &str) -> Value {
    let appointment = world.remotes.control.ehr.appointment(id).expect("the appointment is there");
    serde_json::from_str(&appointment.to_string()).expect("JSON")
}

async fn list(desk: &Desk) -> Vec<VisitRow> {
    desk.visits("appointments.list").await
}

async fn show(desk: &Desk, id: &str) -> VisitPage {
    desk.call("appointments.get", json!({ "id": id })).await
}

/// Entered in ServiceNow, an appointment stands in the EHR's calendar; moved there, it is moved here; and no status goes back
/// and forth.
#[tokio::test(flavor = "multi_thread")]
async fn both_calendars_tell_the_same_story() {
    let world = clinic(6).await;
    let (patient, chart) = world.animals(|_, _| true).remove(0);
    let key = entered(&world, &patient, "2031-10-06 14:30:00", LEE);
    let desk = world.open().await;
    desk.compares().await;
    let id = world.remotes.control.ehr.appointment_ids().pop().expect("it was entered in the EHR");
    let entered = in_ehr(&world, &id);
    assert_eq!((&entered["status"], &entered["start"]), (&json!("booked"), &json!("2031-10-06T14:30:00Z")));
    assert!(entered["participant"].to_string().contains(&format!("Patient/{chart}")), "{entered}");
    assert!(entered["identifier"][0]["system"].as_str().is_some_and(|system| system.ends_with(SYSTEM)));
    assert_eq!(row(&world, &key)["u_ehr_id"], id);
    let writes = world.writes();
    desk.compares().await;
    assert_eq!(world.writes(), writes, "nothing is left to write");
    // The owner calls the clinic that works in the EHR.
    world.remotes.control.ehr.edit_appointment(&id, |appointment| {
        appointment.set("start", Json::str("2031-10-07T09:00:00Z"));
        appointment.set("end", Json::str("2031-10-07T09:30:00Z"));
    });
    desk.compares().await;
    let moved = row(&world, &key);
    assert_eq!(
        (moved["u_appointment_date"].as_str(), moved["u_appointment_status"].as_str()),
        ("2031-10-07 09:00:00", "confirmed")
    );
    let [visit] = &list(&desk).await[..] else { panic!("one appointment") };
    assert_eq!((visit.status, visit.begins.as_str()), (PatientStatus::Agreed, "2031-10-07 09:00:00"));
    assert_eq!((visit.clinician.as_str(), &visit.waits), ("Dr Lee", &None));
    desk.close().await;
}

/// Whoever works in one system is told what the other one entered, moved and called off, until they say that they saw it.
#[tokio::test(flavor = "multi_thread")]
async fn the_desk_is_told_of_new_and_changed_appointments() {
    let world = clinic(6).await;
    let (patient, _) = world.animals(|_, _| true).remove(0);
    let key = entered(&world, &patient, "2031-10-06 14:30:00", LEE);
    let desk = world.open().await;
    desk.compares().await;
    let news: News = desk.call("appointments.news", json!({})).await;
    let [first] = &news.items[..] else { panic!("one: {news:?}") };
    assert_eq!((first.what, first.told, first.unread), (NewsWhat::New, RemoteName::Ehr, true));
    assert!(first.sentence.contains(" with Dr Lee, Mon 6 Oct 2031, "), "{}", first.sentence);
    assert!(first.sentence.ends_with("It stands in the EHR now as well."), "{}", first.sentence);
    // The other system's number was written back to ServiceNow, which is news to nobody.
    let id = world.remotes.control.ehr.appointment_ids().pop().expect("it was entered in the EHR");
    assert_eq!(row(&world, &key)["u_ehr_id"], id);

    let seen: News = desk.call("appointments.news_seen", json!({ "untilMs": first.at_ms })).await;
    assert_eq!((seen.unread, seen.items.len()), (0, 1));
    world.remotes.control.ehr.edit_appointment(&id, |appointment| {
        appointment.set("start", Json::str("2031-10-07T09:00:00Z"));
        appointment.set("end", Json::str("2031-10-07T09:30:00Z"));
    });
    desk.compares().await;
    world.remotes.control.ehr.edit_appointment(&id, |appointment| {
        appointment.set("status", Json::str("cancelled"));
    });
    desk.compares().await;
    let news: News = desk.call("appointments.news", json!({})).await;
    let told: Vec<_> = news.items.iter().map(|item| (item.what, item.told, item.unread)).collect();
    assert_eq!(
        told,
        [
            (NewsWhat::CalledOff, RemoteName::ServiceNow, true),
            (NewsWhat::Moved, RemoteName::ServiceNow, true),
            (NewsWhat::New, RemoteName::Ehr, false),
        ]
    );
    // Everybody sees for themselves.
    desk.sit("robin").await;
    let news: News = desk.call("appointments.news", json!({})).await;
    assert_eq!(news.unread, 3);
    desk.close().await;
}

/// Two patients at the same time with one clinician: both systems agree, and a person is asked all the same; moved in one of
/// them, nobody has to answer.
#[tokio::test(flavor = "multi_thread")]
async fn a_clinician_booked_twice_is_asked_about_until_one_is_moved() {
    let world = clinic(6).await;
    let animals = world.animals(|_, _| true);
    entered(&world, &animals[0].0, "2031-10-06 14:30:00", LEE);
    let second = entered(&world, &animals[1].0, "2031-10-06 14:45:00", LEE);
    let desk = world.open().await;
    // The first comparison enters both in the EHR, the next one finds what both systems now say.
    desk.compares().await;
    desk.compares().await;
    let [asked] = &desk.conflicts().await[..] else { panic!("one question") };
    assert_eq!(asked.cause, Cause::RuleBroken);
    assert!(asked.why.contains("another appointment at the same time"), "{}", asked.why);
    let view = desk.compare(&asked.id).await;
    let [other] = &view.runs_into[..] else { panic!("what it runs into") };
    assert!(other.when.starts_with("Mon 6 Oct 2031, "), "{}", other.when);
    world.remotes.control.servicenow.edit_row(
        TABLE,
        &second,
        &[("u_appointment_date", "2031-10-06 15:00:00")],
        "front.desk",
    );
    desk.compares().await;
    assert!(desk.conflicts().await.is_empty());
    desk.close().await;
}

/// One moved to different times on both sides is asked about, decided as one, and written back.
#[tokio::test(flavor = "multi_thread")]
async fn two_different_times_are_decided_by_a_person() {
    let world = clinic(6).await;
    let (patient, _) = world.animals(|_, _| true).remove(0);
    let key = entered(&world, &patient, "2031-10-06 14:30:00", LEE);
    let desk = world.open().await;
    desk.compares().await;
    let id = world.remotes.control.ehr.appointment_ids().pop().expect("it was entered in the EHR");
    world.remotes.control.servicenow.edit_row(
        TABLE,
        &key,
        &[("u_appointment_date", "2031-10-08 11:00:00")],
        "front.desk",
    );
    world.remotes.control.ehr.edit_appointment(&id, |appointment| {
        appointment.set("start", Json::str("2031-10-07T09:00:00Z"));
        appointment.set("end", Json::str("2031-10-07T09:30:00Z"));
    });
    desk.compares().await;
    let [conflict] = &desk.conflicts().await[..] else { panic!("one question") };
    assert!(conflict.fields.contains(&"appointment_date".to_owned()), "{conflict:?}");
    desk.sit("robin").await;
    let view = desk.compare(&conflict.id).await;
    let choices: Vec<(&str, &str, Option<&str>)> = view
        .fields
        .iter()
        .filter(|field| !field.choices.is_empty())
        .map(|field| (field.field.as_str(), "take_service_now", None))
        .collect();
    let plan = desk.plan(&view, &choices).await;
    assert!(plan.writes[0].url.contains("/appointments/"), "{}", plan.writes[0].url);
    desk.approve(&plan).await;
    desk.until("the EHR to follow", || async {
        (in_ehr(&world, &id)["start"] == json!("2031-10-08T11:00:00Z")).then_some(())
    })
    .await;
    desk.until("both to agree", || async {
        (list(&desk).await[0].status == PatientStatus::Agreed).then_some(())
    })
    .await;
    desk.close().await;
}

/// A clinician whom nobody knows, a patient who stands in one system only, and two visits at once: each is said, with the
/// way out, and none is an error of the run.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_go_over_says_why() {
    let world = clinic(6).await;
    let animals = world.animals(|_, _| true);
    let stranger = entered(&world, &animals[0].0, "2031-10-06 10:00:00", "99999999999999999999999999999999");
    // Nobody has this patient.
    let orphan = entered(&world, "00000000000000000000000000000000", "2031-10-06 12:00:00", LEE);
    let first = entered(&world, &animals[1].0, "2031-10-06 14:00:00", LEE);
    entered(&world, &animals[2].0, "2031-10-06 14:15:00", LEE);
    let desk = world.open().await;
    let run = desk.run().await;
    assert_eq!(run.status, RunStatus::Done, "{:?}", run.problem);
    assert!(run.problem.is_some_and(|problem| problem.contains("its patient is not linked")));
    assert_eq!(world.remotes.control.ehr.appointment_ids().len(), 2);
    let [question] = &desk.conflicts().await[..] else { panic!("one question: the unknown clinician") };
    assert!(question.why.contains("staff table"), "{}", question.why);
    let visits = list(&desk).await;
    let at =
        |begins: &str| visits.iter().find(|visit| visit.begins.contains(begins)).expect("listed").clone();
    assert!(at(" 12:00").waits.is_some(), "{orphan} waits for its patient");
    assert_eq!(at(" 10:00").status, PatientStatus::OnlyServiceNow, "{stranger}");
    let page = show(&desk, &at(" 14:00").id).await;
    assert_eq!(page.service_now.key.as_deref(), Some(first.as_str()));
    let overlap =
        page.findings.iter().find(|finding| finding.sentence.contains("same time")).expect("an overlap");
    assert_eq!(overlap.severity, FindingSeverity::Warning);
    assert!(overlap.sentence.contains("for 15 minutes"), "{}", overlap.sentence);
    desk.close().await;
}

/// Switched off, appointments are not read at all, and asking for them says what to do.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_switched_off_is_refused_with_the_way_out() {
    let world = World::calm(4).await;
    let desk = world.open().await;
    let request = json!({ "patientId": null, "planOnly": false, "kind": "appointment" });
    let error = desk.refused("run.start", request).await;
    assert!(error.message.contains("not synchronised"), "{error:?}");
    assert!(error.way_out.contains("synchronise = true"), "{error:?}");
    desk.close().await;
}

/// The calendar shows a day or a week in the hospital's zone, by clinician, with who is booked twice; and so does the file.
#[tokio::test(flavor = "multi_thread")]
async fn the_calendar_shows_the_hospitals_days_and_who_is_booked_twice() {
    let world = clinic(6).await;
    let animals = world.animals(|_, _| true);
    let [(one, _), (two, _), (three, _)] = &animals[..3] else { panic!("three animals") };
    // Half past ten in New York, a quarter of an hour later, and on the evening before there, which is the same day in UTC.
    entered(&world, one, "2031-10-07 14:30:00", LEE);
    entered(&world, two, "2031-10-07 14:45:00", LEE);
    entered(&world, three, "2031-10-07 01:00:00", LEE);
    let desk = world.open().await;
    desk.compares().await;
    let calendar = async |query: Value| desk.call::<CalendarView>("appointments.calendar", query).await;
    let day = calendar(json!({ "day": "2031-10-07", "span": "day", "clinician": null })).await;
    assert_eq!((day.zone.as_str(), day.days[0].title.as_str()), ("America/New_York", "Tue 7 Oct"));
    assert_eq!(day.next_busy, None);
    assert_eq!((day.previous.as_str(), day.next.as_str()), ("2031-10-06", "2031-10-08"));
    assert_eq!((&day.clinicians, &day.off), (&vec!["Dr Lee".to_owned()], &None));
    let shown: Vec<_> =
        day.visits.iter().map(|visit| (visit.begins.as_str(), visit.ends.as_deref())).collect();
    assert_eq!(shown, [("10:30", Some("11:00")), ("10:45", Some("11:15"))]);
    let [first, second] = &day.visits[..] else { panic!("two appointments") };
    assert_eq!((first.begins_minute, first.minutes), (630, 30));
    assert_eq!(first.double_booked, [format!("{} at 10:45", second.visit.patient)]);
    assert_eq!(second.double_booked, [format!("{} at 10:30", first.visit.patient)]);
    // The week begins on Monday and has the evening too; nobody else has anything.
    let week = calendar(json!({ "day": "2031-10-07", "span": "week", "clinician": "Dr Lee" })).await;
    let dates: Vec<_> =
        week.visits.iter().map(|visit| (visit.date.as_str(), visit.begins.as_str())).collect();
    assert_eq!(dates, [("2031-10-06", "21:00"), ("2031-10-07", "10:30"), ("2031-10-07", "10:45")]);
    assert_eq!((week.days.len(), week.days[0].date.as_str(), week.left_out), (7, "2031-10-06", 0));
    let nobody = calendar(json!({ "day": "2031-10-07", "span": "week", "clinician": "Dr No" })).await;
    assert!(nobody.visits.is_empty());
    let before = calendar(json!({ "day": "2031-10-01", "span": "day", "clinician": null })).await;
    assert_eq!((before.visits.len(), before.next_busy.as_deref()), (0, Some("2031-10-06")));
    // As a file: in UTC, so that no program has to know the zone.
    let query = json!({ "day": "2031-10-07", "span": "day", "clinician": "Dr Lee" });
    let file: TextFile = desk.call("appointments.export", query).await;
    assert_eq!((file.name.as_str(), file.records), ("appointments-2031-10-07.ics", 2));
    assert_eq!(file.text.matches("BEGIN:VEVENT").count(), 2);
    for line in
        ["DTSTART:20311007T143000Z", "DTEND:20311007T150000Z", "DESCRIPTION:With Dr Lee", "STATUS:CONFIRMED"]
    {
        assert!(file.text.contains(line), "{line}: {}", file.text);
    }
    // The page of one says it in the hospital's words, and leads to the patient.
    let page = show(&desk, &first.visit.id).await;
    // A link that was kept as a patient's says what it is.
    assert_eq!(desk.patient(&first.visit.id).await.kind, Kind::Appointment);
    assert_eq!(page.when, "Tue 7 Oct 2031, 10:30 to 11:00 (America/New_York)");
    let patient = desk.patient(page.patient_id.as_deref().expect("a patient")).await;
    let named = page.fields.iter().find(|field| field.field == "patient").expect("the field");
    assert_eq!((&named.service_now.text, &named.ehr.text), (&patient.patient.name, &patient.patient.name));
    let refused =
        desk.refused("appointments.calendar", json!({ "day": "7 Oct", "span": "day", "clinician": null }));
    assert!(refused.await.way_out.contains("2026-10-05"));
    desk.close().await;
}
