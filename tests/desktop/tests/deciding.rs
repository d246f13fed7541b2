//! The main job in the real window: compare, decide with the keyboard, write, read back, undo.
#![cfg(target_os = "linux")]

use anyhow::{Context as _, Result, ensure};
use desktop::{Clinic, Window, approve, choose, compare_again, first_comparison, in_window, open_conflict};
use serde_json::json;
use std::sync::Arc;

/// Enough animals for every kind of difference, few enough for a comparison of a second.
const PATIENTS: u32 = 60;
/// A chip that no animal of the clinic has (ISO 11784, 15 digits).
const OTHER_CHIP: &str = "985112009876543";

/// Whether the field for the reason has the focus.
const REASON_IN_FOCUS: &str = "return document.activeElement.id === 'approval-reason'";

#[tokio::test]
async fn a_conflict_is_decided_by_keyboard_written_read_back_and_undone() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let clinic = Arc::new(Clinic::start(folder.path(), PATIENTS, 5).await?);
    // Until it was seen at work, the comparison waits for every page.
    clinic.fault("servicenow", &json!({"delay": {"ms": 300}})).await?;
    let environment = clinic.environment_with_run("dana");
    in_window("deciding", &environment, |window| async move {
        let window = &*window;
        window.wait("run-progress").await?;
        let script = "const run = document.querySelector(\"[data-testid='run-progress']\"); \
                      return run && /\\d/.test(run.innerText) && run.innerText";
        window.wait_for_script("progress in numbers", script).await?;
        window.shot("deciding-1-progress").await?;
        clinic.mend("servicenow").await?;
        first_comparison(window).await?;
        window.wait_for_script("a number of patients that need somebody", "const count = document.querySelector(\"[data-testid='need-you'] strong\"); return Number(count.innerText) > 0").await?;

        // Both sides change what they agreed on, in two fields.
        let animal = clinic.agreeing(&["u_owner_phone", "u_weight"]).await?;
        clinic.edit_row(&animal, "u_owner_phone", "(212) 555-0142").await?;
        clinic.edit_telecom(&animal, "phone", "+12125550177").await?;
        clinic.edit_row(&animal, "u_weight", "12.5").await?;
        clinic.weigh(&animal, 13.25).await?;
        compare_again(window).await?;

        open_conflict(window, &animal).await?;
        window.shot("deciding-2-compare").await?;
        choose(window, "owner_phone", "1", "take_service_now").await?;
        choose(window, "weight", "3", "take_ehr").await?;
        window.press(&["v"]).await?;
        window.wait("write-service_now").await?;
        window.wait("write-ehr").await?;
        window.shot("deciding-3-plan").await?;
        // A plan alone changes nothing.
        ensure!(clinic.column(&animal, "u_weight").await? == "12.5");
        ensure!(clinic.telecom(&animal, "phone").await? == "+12125550177");

        approve(window).await?;
        both_receipts(window).await?;
        window.shot("deciding-4-receipts").await?;
        ensure!(clinic.column(&animal, "u_weight").await? == "13.25");
        ensure!(clinic.column(&animal, "u_owner_phone").await? == "(212) 555-0142");
        ensure!(clinic.telecom(&animal, "phone").await?.ends_with("555-0142"));
        ensure!(clinic.weight(&animal).await? == "13.25 kg");

        window.wait("undo").await?;
        window.press(&["u"]).await?;
        let undoing = "return document.querySelector('h1').innerText.startsWith('Undo:')";
        window.wait_for_script("the preview of the undo", undoing).await?;
        window.shot("deciding-5-undo").await?;
        ensure!(clinic.column(&animal, "u_weight").await? == "13.25");
        approve(window).await?;
        let undone = "return document.querySelector('h1').innerText === 'Undone'";
        window.wait_for_script("the undo", undone).await?;
        both_receipts(window).await?;
        ensure!(clinic.column(&animal, "u_weight").await? == "12.5");
        ensure!(clinic.column(&animal, "u_owner_phone").await? == "(212) 555-0142");
        ensure!(clinic.telecom(&animal, "phone").await? == "+12125550177");
        ensure!(clinic.weight(&animal).await? == "13.25 kg");

        window.press(&["g", "r"]).await?;
        window.wait_for_text("receipt-list", "Undone").await?;
        Ok(())
    })
    .await
}

/// Waits until the receipts of both remotes are there, each read back and found as sent.
async fn both_receipts(window: &Window) -> Result<()> {
    let script = "const found = [...document.querySelectorAll(\"[data-testid='verified']\")]; \
                  return found.length === 2 && found.every((one) => one.innerText.includes('as sent'))";
    window.wait_for_script("two receipts, read back as sent", script).await.map(|_| ())
}

#[tokio::test]
async fn another_microchip_takes_two_people() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let clinic = Arc::new(Clinic::start(folder.path(), PATIENTS, 6).await?);
    let environment = clinic.environment_with_run("dana");
    in_window("two-people", &environment, |window| async move {
        let window = &*window;
        first_comparison(window).await?;
        let animal = clinic.agreeing(&["u_microchip_id"]).await?;
        clinic.edit_row(&animal, "u_microchip_id", OTHER_CHIP).await?;
        compare_again(window).await?;

        open_conflict(window, &animal).await?;
        choose(window, "microchip_id", "1", "take_service_now").await?;
        window.press(&["v"]).await?;
        let bar = window.wait_for_text("approve-bar", "second person").await?;
        ensure!(bar.contains("Reason"), "no reason can be given: {bar}");
        window.press(&["Control+Enter"]).await?;
        // The reason is needed: the field takes the focus instead of anything being sent.
        window.wait_for_script("the reason to be asked for", REASON_IN_FOCUS).await?;
        window.type_text("The scanner says so").await?;
        window.press(&["Control+Enter"]).await?;
        window.wait_for_text("second-person", "Your plan waits for a second person").await?;
        let who = window.wait("who-can").await?.text().await?;
        ensure!(who.contains("Nobody approves what they made"), "{who}");
        ensure!(window.count("approve").await? == 0, "the maker may approve alone");
        ensure!(!clinic.resource(&animal).await?.to_string().contains(OTHER_CHIP), "written by one person");
        window.shot("two-people-1-waiting").await?;

        window.choose("person", "person-alex").await?;
        window.wait_for_text("person", "Alex Kim").await?;
        let asked = window.wait_for_text("second-person", "Dana Reyes asks for a second person").await?;
        ensure!(asked.contains("The scanner says so"), "the reason is not shown: {asked}");
        window.wait("approve").await?;
        window.shot("two-people-2-asked").await?;
        window.press(&["Control+Enter"]).await?;
        let receipt = window.wait_for_text("receipt", "approved by Alex Kim").await?;
        ensure!(receipt.contains("decided by Dana Reyes"), "{receipt}");
        let resource = clinic.resource(&animal).await?;
        ensure!(resource["identifier"].to_string().contains(OTHER_CHIP), "not written: {resource}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_plan_is_refused_when_a_colleague_edits_the_row_meanwhile() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let clinic = Arc::new(Clinic::start(folder.path(), PATIENTS, 7).await?);
    let environment = clinic.environment_with_run("dana");
    in_window("moved", &environment, |window| async move {
        let window = &*window;
        first_comparison(window).await?;
        let animal = clinic.agreeing(&["u_owner_phone"]).await?;
        clinic.edit_row(&animal, "u_owner_phone", "212 555 0142").await?;
        clinic.edit_telecom(&animal, "phone", "+12125550177").await?;
        compare_again(window).await?;
        open_conflict(window, &animal).await?;
        choose(window, "owner_phone", "3", "take_ehr").await?;
        window.press(&["v"]).await?;
        window.wait("approve").await?;

        // While the plan is on the screen.
        clinic.edit_row(&animal, "u_owner_phone", "212 555 0199").await?;
        window.press(&["Control+Enter"]).await?;
        let notice = window.wait_for_text("moved-notice", "Owner's phone moved").await?;
        ensure!(
            notice.contains("Nothing was written") && notice.contains("99"),
            "it does not say what moved: {notice}"
        );
        window.shot("moved-1-notice").await?;
        ensure!(clinic.column(&animal, "u_owner_phone").await? == "212 555 0199");

        // Decided once more on what is there now, it is written.
        choose(window, "owner_phone", "3", "take_ehr").await?;
        window.press(&["v"]).await?;
        approve(window).await?;
        window.wait_for_text("verified", "as sent").await?;
        let phone = clinic.column(&animal, "u_owner_phone").await?;
        ensure!(phone.ends_with("0177"), "the row says {phone}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn patients_are_found_as_one_types_and_opened_with_enter() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let clinic = Arc::new(Clinic::start(folder.path(), PATIENTS, 8).await?);
    let environment = clinic.environment_with_run("dana");
    in_window("searching", &environment, |window| async move {
        let window = &*window;
        first_comparison(window).await?;
        let animal = clinic.agreeing(&["u_owner_phone"]).await?;
        let phone = clinic.telecom(&animal, "phone").await?;
        window.press(&["g", "p"]).await?;
        let at_search = "return document.activeElement.dataset.testid === 'patient-search'";
        window.wait_for_script("the search to have the focus", at_search).await?;
        // The list follows each letter: it never grows, the animal stays in it, and in the end comes first.
        let name = serde_json::to_string(&animal.name)?;
        let mut found_before = u64::from(PATIENTS) * 2;
        for typed in 1..=animal.name.len() {
            let so_far = animal.name.get(..typed).context("a name of plain letters")?;
            window.type_text(so_far.get(typed - 1..).unwrap_or_default()).await?;
            let so_far = serde_json::to_string(so_far)?;
            let script = format!(
                "const total = document.querySelector(\"[data-testid='patient-total']\").innerText; \
                 const rows = [...document.querySelectorAll(\"[data-testid='patient-row']\")]; \
                 return location.hash.endsWith('q=' + {so_far}) && / found$/.test(total) \
                 && rows.some((row) => row.innerText.includes({name})) && parseInt(total)"
            );
            let found = window.wait_for_script(&format!("patients with {so_far}"), &script).await?;
            let found = found.as_u64().context("a number of patients")?;
            ensure!(found <= found_before, "{found} patients after {found_before} with {so_far}");
            found_before = found;
        }
        let first = window.wait("patient-row").await?.text().await?;
        ensure!(first.contains(&animal.name), "the first row is {first}");
        window.shot("searching-1-name").await?;
        // A number in whatever way it is written.
        window.press(&["Escape", "/"]).await?;
        let digits = phone.get(2..).context("a phone of ten digits")?;
        window.type_text(digits).await?;
        let script = format!(
            "const rows = [...document.querySelectorAll(\"[data-testid='patient-row']\")]; \
             return decodeURIComponent(location.hash).includes('{digits}') \
             && rows.some((row) => row.innerText.includes({name})) && rows.length < 10"
        );
        window.wait_for_script("the owner's patients", &script).await?;
        window.press(&["Down", "Enter"]).await?;
        window.wait("trust-card").await?;
        Ok(())
    })
    .await
}
