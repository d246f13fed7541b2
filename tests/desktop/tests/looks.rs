//! Every screen in the real window, light and dark, in a small and a large size: nothing runs out of it, nothing is
//! left loading. The screenshots go to the folder in `VETSYNC_SHOTS`.
#![cfg(target_os = "linux")]

use anyhow::{Context as _, Result, ensure};
use desktop::{Clinic, Window, in_window};

/// A lively clinic.
const PATIENTS: u32 = 90;
const SIZES: [(u32, u32); 2] = [(1280, 800), (1920, 1080)];

/// Looks at a screen: at rest, and with nothing beyond the window's right edge.
async fn look(window: &Window, name: &str, look: &str) -> Result<()> {
    let rest = "return document.querySelector('[aria-busy=true]') === null";
    window.wait_for_script(&format!("{name} to be there"), rest).await?;
    let beyond = "const page = document.documentElement; const content = document.getElementById('content'); \
                  return Math.max(page.scrollWidth - innerWidth, content.scrollWidth - content.clientWidth)";
    let beyond = window.script(beyond).await?.as_i64().context("a width")?;
    window.shot(&format!("{name}-{look}")).await?;
    ensure!(beyond <= 0, "{name} ({look}) is {beyond} px wider than the window");
    Ok(())
}

/// All screens, by their keys.
async fn look_round(window: &Window, name: &str) -> Result<()> {
    window.press(&["g", "h"]).await?;
    window.wait("last-run").await?;
    look(window, "home", name).await?;
    window.press(&["g", "w"]).await?;
    window.wait("work-row").await?;
    look(window, "work", name).await?;
    window.press(&["Enter"]).await?;
    window.wait("compare").await?;
    look(window, "compare", name).await?;
    window.press(&["g", "r"]).await?;
    window.wait("receipt-row").await?;
    look(window, "receipts", name).await?;
    window.press(&["g", "q"]).await?;
    window.wait("pause-service_now").await?;
    look(window, "queue", name).await?;
    window.press(&["g", "u"]).await?;
    window.wait("unreadable-total").await?;
    look(window, "unreadable", name).await?;
    window.press(&["g", "c"]).await?;
    window.wait("run-row").await?;
    look(window, "reconciliation", name).await?;
    window.press(&["g", "a"]).await?;
    window.wait("span-week").await?;
    window.press(&["w"]).await?;
    window.wait("week-table").await?;
    window.wait("visit").await?;
    look(window, "appointments-week", name).await?;
    window.press(&["j", "Enter"]).await?;
    window.wait("patient-fields").await?;
    look(window, "appointment", name).await?;
    window.press(&["g", "t"]).await?;
    window.wait("treatments-lead").await?;
    look(window, "treatments", name).await?;
    window.press(&["g", "p"]).await?;
    window.wait("patient-row").await?;
    look(window, "patients", name).await?;
    window.press(&["Enter", "Enter"]).await?;
    window.wait("trust-card").await?;
    look(window, "patient", name).await
}

async fn both_sizes(name: &'static str, theme: &str, is_light: bool) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let clinic = Clinic::with_appointments(folder.path(), PATIENTS, 3).await?;
    let mut environment = clinic.environment("dana");
    environment.push(("VETSYNC_RUN_AT_START", "1".into()));
    environment.push(("GTK_THEME", theme.into()));
    in_window(name, &environment, move |window| async move {
        window.wait_for_text("last-run", "Done").await?;
        let ground = window.body_style("background-color").await?;
        let first = ground.split(|c: char| !c.is_ascii_digit()).find(|part| !part.is_empty());
        ensure!(
            (first.context("a colour")?.parse::<u32>()? > 128) == is_light,
            "with the desktop's theme {name} the ground is {ground}"
        );
        for (width, height) in SIZES {
            window.resize(width, height).await?;
            look_round(&window, &format!("{name}-{width}")).await?;
        }
        Ok(())
    })
    .await
}

/// What the window saves lies among the person's downloads, whole, and is said.
#[tokio::test]
async fn a_calendar_is_saved_among_the_downloads() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let clinic = Clinic::with_appointments(folder.path(), 40, 3).await?;
    let (config, downloads) = (folder.path().join("config"), folder.path().join("taken out"));
    std::fs::create_dir_all(&config)?;
    std::fs::write(config.join("user-dirs.dirs"), format!("XDG_DOWNLOAD_DIR={:?}\n", downloads.display()))?;
    let mut environment = clinic.environment("dana");
    environment.push(("VETSYNC_RUN_AT_START", "1".into()));
    environment.push(("XDG_CONFIG_HOME", config.into()));
    in_window("calendar", &environment, move |window| async move {
        window.wait_for_text("last-run", "Done").await?;
        window.press(&["g", "a"]).await?;
        window.wait("span-week").await?;
        window.press(&["w"]).await?;
        window.wait("visit").await?;
        window.press(&["e"]).await?;
        let told = "return document.body.innerText.includes('saved: ')";
        window.wait_for_script("the file to be told", told).await?;
        let [file] = &std::fs::read_dir(&downloads)?.collect::<Result<Vec<_>, _>>()?[..] else {
            anyhow::bail!("not one file among the downloads")
        };
        let text = std::fs::read_to_string(file.path())?;
        ensure!(text.starts_with("BEGIN:VCALENDAR") && text.trim_end().ends_with("END:VCALENDAR"), "{text}");
        ensure!(text.matches("BEGIN:VEVENT").count() == window.count("visit").await?, "{text}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn every_screen_fits_in_the_light() -> Result<()> {
    both_sizes("light", "Adwaita", true).await
}

#[tokio::test]
async fn every_screen_fits_in_the_dark_as_the_desktop_is() -> Result<()> {
    both_sizes("dark", "Adwaita:dark", false).await
}
