//! A comparison over the brake in the real window: nothing is written until two administrators let exactly that go on.
#![cfg(target_os = "linux")]

use anyhow::{Result, ensure};
use desktop::{Clinic, Window, in_window};
use std::sync::Arc;

const PATIENTS: u32 = 60;

/// One administrator asks, with a reason; the other one agrees. All by keyboard, but who sits there.
async fn let_it_go_on(window: &Window) -> Result<()> {
    window.press(&["c"]).await?;
    window.type_text("A new telephone system").await?;
    window.press(&["Control+Enter"]).await?;
    let asked = window.wait_for_text("braked-maker", "Dana Reyes asks to let exactly this go on").await?;
    ensure!(asked.contains("A new telephone system"), "the second person is to read the reason: {asked}");
    window.wait_for_text("who-can", "Nobody agrees to what they asked for themselves").await?;
    window.choose("person", "person-alex").await?;
    window.wait("braked-agree").await?;
    window.press(&["a"]).await?;
    window.wait_for_text("reason-dialog", "Dana Reyes asks for it").await?;
    window.press(&["Control+Enter"]).await?;
    window.wait_gone("braked").await?;
    window.wait_for_text("last-run", "Done").await.map(|_| ())
}

#[tokio::test]
async fn two_administrators_let_a_stopped_comparison_go_on() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let clinic = Arc::new(Clinic::start(folder.path(), PATIENTS, 13).await?);
    let settings = std::fs::read_to_string(clinic.config())?;
    std::fs::write(clinic.config(), format!("{settings}\n[brake]\nrecords = 1\n"))?;
    let environment = clinic.environment_with_run("dana");
    in_window("brake", &environment, |window| async move {
        let window = &*window;
        // So many differences at first contact are over this limit already.
        window.wait_for_text("braked", "Stopped before the first write").await?;
        window.shot("brake-1-first-contact").await?;
        let_it_go_on(window).await?;

        let mut animals = clinic.all_agreeing(&["u_owner_email"]).await?;
        animals.truncate(2);
        for animal in &animals {
            clinic.edit_telecom(animal, "email", "moved@example.org").await?;
        }
        window.choose("person", "person-dana").await?;
        window.wait_for_text("person", "Dana Reyes").await?;
        window.press(&["y"]).await?;
        window.wait_for_text("braked", "2 patients would be changed, the limit is 1.").await?;
        let counts = window.wait("braked-counts").await?.text().await?;
        ensure!(counts.ends_with("Owner's e-mail2–"), "what would be written, by field and system: {counts}");
        window.shot("brake-2-counted").await?;
        for animal in &animals {
            let email = clinic.column(animal, "u_owner_email").await?;
            ensure!(email != "moved@example.org", "written before anybody agreed");
        }
        let_it_go_on(window).await?;
        for animal in &animals {
            let email = clinic.column(animal, "u_owner_email").await?;
            ensure!(email == "moved@example.org", "exactly what was counted is written: {email}");
        }
        Ok(())
    })
    .await
}
