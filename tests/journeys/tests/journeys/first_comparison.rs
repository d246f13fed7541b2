//! The first comparison of a clinic that was never compared before.

use console_api::dto::{PatientStatus, RunPhase, RunStatus};
use journeys::World;
use record::Remote;
use simulator::clinic::LinkTruth;

/// Reads everything, links by cross reference and chip only, settles what rules may settle, leaves the rest to people,
/// says how far it is, and has nothing to do the second time.
#[tokio::test(flavor = "multi_thread")]
async fn first_comparison_links_grades_settles_and_asks() {
    let world = World::usual(80).await;
    let desk = world.open().await;

    let before = desk.home().await;
    assert!(before.last_run.is_none() && before.run.is_none());
    let (run, progress) = desk.run_with(false).await;
    assert_eq!(run.status, RunStatus::Done, "{:?}", run.problem);
    assert_eq!(run.problem, None);

    let truth = world.truth();
    let rows = truth.iter().filter(|pair| pair.servicenow_key.is_some()).count();
    let certain: Vec<_> = truth
        .iter()
        .filter(|pair| matches!(pair.link, LinkTruth::CrossReference | LinkTruth::Microchip))
        .collect();
    assert_eq!(usize::try_from(run.counts.servicenow).unwrap(), rows);
    assert_eq!(usize::try_from(run.counts.linked).unwrap(), certain.len(), "linked are the certain pairs");
    assert!(run.counts.settled > 0 && run.counts.conflicts > 0, "{:?}", run.counts);

    // Every certain pair is one patient; how it was linked is said.
    for pair in &certain {
        let (row, chart) = (pair.servicenow_key.as_ref().unwrap(), pair.ehr_key.as_ref().unwrap());
        let id = desk.patient_id(Remote::ServiceNow, row).await;
        assert_eq!(desk.patient_id(Remote::Ehr, chart).await, id);
        let linked_by = desk.patient(&id).await.linked_by.unwrap();
        match pair.link {
            LinkTruth::Microchip => assert_eq!(linked_by, "linked by microchip"),
            _ => assert_eq!(linked_by, "linked by the other system's number"),
        }
    }

    // The progress line told the phases in order, with counts.
    let phases: Vec<RunPhase> = progress.iter().map(|line| line.phase).collect();
    for phase in [RunPhase::ReadingServiceNow, RunPhase::Comparing, RunPhase::Writing, RunPhase::Finished] {
        assert!(phases.contains(&phase), "{phase:?} is missing in {phases:?}");
    }
    assert!(progress.iter().any(|line| line.total.is_some() && line.done > 0));
    assert!(progress.iter().all(|line| line.run_id == run.id));

    // Conflicts wait, and home says so as long as one is open.
    let conflicts = desk.conflicts().await;
    let home = desk.home().await;
    assert!(!conflicts.is_empty());
    assert_eq!(usize::try_from(home.need_you).unwrap(), conflicts.len());
    assert!(!home.offline);
    assert!(conflicts.iter().all(|item| item.grade >= 3 && !item.why.is_empty()));
    assert_eq!(usize::try_from(home.settled_last_run).unwrap(), usize::try_from(run.counts.settled).unwrap());
    assert!(!home.settled.is_empty() && home.settled.iter().all(|item| !item.sentence.is_empty()));

    // What rules settled is settled: the second run finds nothing to write, and asks the same questions.
    let writes = world.writes();
    let again = desk.run().await;
    assert_eq!((again.counts.writes_servicenow, again.counts.writes_ehr), (0, 0));
    assert_eq!(world.writes(), writes);
    let same: Vec<String> = desk.conflicts().await.into_iter().map(|item| item.id).collect();
    assert_eq!(same, conflicts.into_iter().map(|item| item.id).collect::<Vec<_>>());
    desk.close().await;
}

/// Patients are found by name, by the digits of a phone number, by microchip and by any id.
#[tokio::test(flavor = "multi_thread")]
async fn search_finds_patients_by_name_phone_chip_and_id() {
    let world = World::calm(40).await;
    let desk = world.compared().await;
    let (row_key, chart_key) = world
        .animals(|row, chart| row["u_microchip_id"].len() >= 15 && journeys::edit::phone(chart).is_some())
        .remove(0);
    let chart = world.chart(&chart_key);
    let id = desk.patient_id(Remote::ServiceNow, &row_key).await;
    let page = desk.patient(&id).await;
    let phone = journeys::edit::phone(&chart).unwrap().trim_start_matches("+1").to_owned();
    let chip = journeys::edit::chip(&chart).unwrap().to_owned();
    for words in [page.patient.name.clone(), phone, chip, row_key, chart_key] {
        let found = desk.search(&words).await;
        assert!(found.rows.iter().any(|row| row.id == id), "{words:?} finds the patient");
    }
    assert_eq!(desk.search("no such animal anywhere").await.total, 0);
    let all = desk.search("").await;
    assert_eq!(all.total, 40);
    assert!(all.rows.iter().all(|row| row.status == PatientStatus::Agreed));
    assert!(page.trusted, "{}", page.trust);
    desk.close().await;
}

/// A preview compares and writes nothing; the run after it does what it said.
#[tokio::test(flavor = "multi_thread")]
async fn a_preview_writes_nothing() {
    let world = World::usual(60).await;
    let desk = world.open().await;
    let (preview, _) = desk.run_with(true).await;
    assert_eq!(preview.status, RunStatus::Done, "{:?}", preview.problem);
    assert_eq!(world.writes(), (0, 0));
    assert!(preview.counts.compared > 0);
    let run = desk.run().await;
    assert!(run.counts.writes_servicenow + run.counts.writes_ehr > 0);
    assert_eq!(run.counts.conflicts, preview.counts.conflicts.max(run.counts.conflicts));
    desk.close().await;
}
