//! The queue in the real window: a write that fails is seen waiting, held and going through; a refused one is edited,
//! shown as a plan, and sent.
#![cfg(target_os = "linux")]

use anyhow::{Result, ensure};
use desktop::{
    Animal, Clinic, Window, approve, choose, compare_again, first_comparison, in_window, open_conflict,
};
use serde_json::json;
use std::sync::Arc;

const PATIENTS: u32 = 60;

/// The plan of a conflict in which the EHR's phone wins: one write to ServiceNow, on the screen.
async fn plan_to_servicenow(clinic: &Clinic, window: &Window) -> Result<Animal> {
    first_comparison(window).await?;
    let animal = clinic.agreeing(&["u_owner_phone"]).await?;
    clinic.edit_row(&animal, "u_owner_phone", "212 555 0142").await?;
    clinic.edit_telecom(&animal, "phone", "+12125550177").await?;
    compare_again(window).await?;
    open_conflict(window, &animal).await?;
    choose(window, "owner_phone", "3", "take_ehr").await?;
    window.press(&["v"]).await?;
    window.wait("write-service_now").await?;
    window.wait("approve").await?;
    Ok(animal)
}

/// Waits until the first write of the list says this of itself.
async fn wait_for_state(window: &Window, what: &str, wanted: &str) -> Result<()> {
    let wanted = serde_json::to_string(wanted)?;
    let script = format!(
        "const state = document.querySelector(\"[data-testid='queue-row'] [data-testid='queue-state']\"); \
         return state !== null && state.innerText.includes({wanted})"
    );
    window.wait_for_script(what, &script).await.map(|_| ())
}

/// Chooses a chip of the queue.
async fn narrow(window: &Window, chip: &str) -> Result<()> {
    window.click(chip).await?;
    window.wait_css(&format!("[data-testid='{chip}'][aria-pressed='true']")).await.map(|_| ())
}

#[tokio::test]
async fn a_write_is_seen_failing_held_by_a_pause_and_done_when_resumed() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let clinic = Arc::new(Clinic::start(folder.path(), PATIENTS, 11).await?);
    let environment = clinic.environment_with_run("dana");
    in_window("queue-held", &environment, |window| async move {
        let window = &*window;
        let animal = plan_to_servicenow(&clinic, window).await?;
        clinic.fault_on("servicenow", "PATCH", &json!({"server_error": {"status": 503}})).await?;
        approve(window).await?;

        window.wait("see-queue").await?;
        window.press(&["o"]).await?;
        wait_for_state(window, "a try that failed, and the next one", "of 5 failed, next ").await?;
        window.shot("queue-held-1-trying").await?;

        window.press(&["p", "1"]).await?;
        window.wait("reason-dialog").await?;
        let typing = "return document.activeElement.tagName === 'TEXTAREA'";
        window.wait_for_script("the reason to be asked for", typing).await?;
        window.type_text("Upgrade until noon").await?;
        window.press(&["Control+Enter"]).await?;
        let card = window.wait_for_text("remote-service_now", "is paused by Dana").await?;
        ensure!(card.contains("Upgrade until noon"), "the reason is not shown: {card}");
        wait_for_state(window, "a held write", "is paused by Dana").await?;
        window.shot("queue-held-2-paused").await?;
        clinic.mend("servicenow").await?;
        window.press(&["g", "h"]).await?;
        window.wait_for_text("remote-service_now", "paused, 1 write waiting").await?;
        ensure!(clinic.column(&animal, "u_owner_phone").await? == "212 555 0142", "written while paused");

        window.click("queue-of-service_now").await?;
        wait_for_state(window, "the write that is still held", "is paused by Dana").await?;
        window.press(&["p", "1"]).await?;
        window.wait("pause-service_now").await?;
        // It would go by itself when its time comes.
        window.press(&["r"]).await?;
        // What is done leaves the list, and the chips move: a click on its way there would miss.
        let gone = "return document.body.textContent.includes('No write matches')";
        window.wait_for_script("the write to leave the list", gone).await?;
        narrow(window, "chip-done").await?;
        wait_for_state(window, "the end of the write", "Done").await?;
        window.shot("queue-held-3-done").await?;
        let phone = clinic.column(&animal, "u_owner_phone").await?;
        ensure!(phone.ends_with("0177"), "the row says {phone}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_refused_write_is_edited_seen_as_a_plan_and_sent() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let clinic = Arc::new(Clinic::start(folder.path(), PATIENTS, 12).await?);
    let environment = clinic.environment_with_run("dana");
    in_window("queue-edit", &environment, |window| async move {
        let window = &*window;
        let animal = plan_to_servicenow(&clinic, window).await?;
        clinic.fault_on("servicenow", "PATCH", &json!({"server_error": {"status": 400}})).await?;
        approve(window).await?;
        window.wait_for_text("nav-queue", "1").await?;
        clinic.mend("servicenow").await?;

        window.press(&["g", "q"]).await?;
        // The chips move when their numbers come.
        window.wait_for_text("chip-parked", "1").await?;
        narrow(window, "chip-parked").await?;
        wait_for_state(window, "a refused write", "Needs an edit").await?;
        window.shot("queue-edit-1-parked").await?;
        window.press(&["e"]).await?;
        window.wait("edit-form").await?;
        let at_value = "return document.activeElement.dataset.testid === 'edit-owner_phone'";
        window.wait_for_script("the value to have the focus", at_value).await?;
        window.press(&["Control+a"]).await?;
        window.type_text("by the door").await?;
        window.wait_for_text("edit-lacking", "cannot be used yet").await?;
        window.press(&["Control+a"]).await?;
        window.type_text("212 555 0188").await?;
        window.wait_for_text("edit-lacking", "Write why").await?;
        window.press(&["Tab"]).await?;
        window.type_text("The owner read it out").await?;
        window.wait_for_text("edit-lacking", "exactly what is sent").await?;
        window.shot("queue-edit-2-edited").await?;
        window.press(&["Control+Enter"]).await?;

        window.wait("approve").await?;
        let heading = window.wait_css("h1").await?.text().await?;
        ensure!(heading.starts_with("Resend: "), "{heading}");
        let write = window.wait("write-service_now").await?.text().await?;
        ensure!(write.contains("0188"), "what is sent is not what was typed: {write}");
        window.shot("queue-edit-3-plan").await?;
        ensure!(
            clinic.column(&animal, "u_owner_phone").await? == "212 555 0142",
            "sent before it was approved"
        );
        approve(window).await?;
        window.wait_for_text("verified", "as sent").await?;
        let phone = clinic.column(&animal, "u_owner_phone").await?;
        ensure!(phone.ends_with("0188"), "the row says {phone}");

        window.press(&["g", "q"]).await?;
        window.wait_for_text("remote-service_now", "nothing queued").await?;
        narrow(window, "chip-cancelled").await?;
        window.click("queue-row").await?;
        let lineage = window.wait_for_text("lineage", "Edit 1").await?;
        ensure!(lineage.contains("The owner read it out"), "{lineage}");
        window.shot("queue-edit-4-lineage").await?;
        Ok(())
    })
    .await
}
