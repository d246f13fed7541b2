//! Starts that go wrong: each a clear screen with a way out, no crash, nothing lost.
#![cfg(target_os = "linux")]

use anyhow::{Result, ensure};
use desktop::in_window;
use std::{ffi::OsString, path::Path};

/// Settings that are complete, and remotes that nobody answers for.
const COMPLETE: &str = r#"
[servicenow]
base_url = "https://127.0.0.1:1"
client_id = "c"
subject = "vetsync@example.org"
[ehr]
base_url = "https://127.0.0.1:1"
client_id = "c"
[[people]]
id = "dana"
name = "Dana Reyes"
role = "admin"
"#;

/// A window whose settings and data stand in this folder.
fn environment(folder: &Path) -> Vec<(&'static str, OsString)> {
    vec![
        ("VETSYNC_CONFIG", folder.join("vetsync.toml").into()),
        ("VETSYNC_DATA_DIR", folder.join("data").into()),
        ("VETSYNC_PERSON", "dana".into()),
    ]
}

#[tokio::test]
async fn a_wrong_configuration_is_shown_with_its_line_and_mended_without_a_restart() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("vetsync.toml");
    std::fs::write(&file, "[servicenow]\npage_siz = 100\n")?;
    let data = folder.path().join("data");
    in_window("wrong-configuration", &environment(folder.path()), |window| async move {
        let text = window.wait_for_text("start-problem", "page_siz").await?;
        for wanted in ["vetsync.toml", "line 2", "column 1", "Did you mean `page_size`?", "nothing is lost"] {
            ensure!(text.contains(wanted), "the screen does not say {wanted:?}: {text}");
        }
        window.shot("start-wrong-configuration").await?;
        // The focus is on the heading; the one button comes next.
        std::fs::write(&file, "[servicenow]\npage_size = 100\n")?;
        window.press(&["Tab", "Enter"]).await?;
        let text = window.wait_for_text("start-problem", "servicenow.base_url").await?;
        ensure!(!text.contains("page_siz:"), "the mended problem is still shown: {text}");
        Ok(())
    })
    .await?;
    assert!(!data.exists(), "a start that failed at the settings left data behind");
    Ok(())
}

#[tokio::test]
async fn without_any_configuration_it_says_where_one_belongs() -> Result<()> {
    let folder = tempfile::tempdir()?;
    in_window("no-configuration", &environment(folder.path()), |window| async move {
        let text = window.wait_for_text("start-problem", "vetsync.toml").await?;
        ensure!(text.contains("docs/vetsync.sample.toml"), "the screen names no sample: {text}");
        ensure!(text.contains("cargo xtask demo"), "the screen does not offer the sample data: {text}");
        // The theme comes in a style element of its own, which the window's content policy must let through.
        let font = window.body_style("font-family").await?;
        ensure!(font.contains("Inter"), "the window does not show the theme, but {font}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn without_a_keyring_it_says_so_and_makes_no_database() -> Result<()> {
    let folder = tempfile::tempdir()?;
    std::fs::write(
        folder.path().join("vetsync.toml"),
        format!("{COMPLETE}[storage]\nsecrets = \"keyring\"\n"),
    )?;
    let mut environment = environment(folder.path());
    environment.push((
        "DBUS_SESSION_BUS_ADDRESS",
        format!("unix:path={}", folder.path().join("no-bus").display()).into(),
    ));
    in_window("no-keyring", &environment, |window| async move {
        let text = window.wait_for_text("start-problem", "What to do").await?.to_lowercase();
        ensure!(
            text.contains("keyring") || text.contains("key store"),
            "the screen does not name the keyring: {text}"
        );
        window.shot("start-no-keyring").await?;
        Ok(())
    })
    .await?;
    assert!(!folder.path().join("data/vetsync.db").exists(), "a database was made whose key cannot be kept");
    Ok(())
}
