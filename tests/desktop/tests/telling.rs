//! Notifications on the desktop: the real window tells the session's notification service.
#![cfg(target_os = "linux")]
#![allow(clippy::used_underscore_binding, reason = "the interface's macro names what a method does not read")]

use anyhow::{Context as _, Result, ensure};
use desktop::{Clinic, in_window};
use std::{collections::HashMap, time::Duration};
use tokio::sync::mpsc;
use zbus::zvariant::OwnedValue;

/// Enough for appointments that one calendar lacks.
const PATIENTS: u32 = 60;
/// From the first comparison's start to the desktop.
const TOLD_WITHIN: Duration = Duration::from_mins(1);

/// A desktop that shows notifications (Desktop Notifications Specification 1.2), as far as a program asks it.
struct Desktop {
    shown: mpsc::UnboundedSender<(String, String)>,
}

#[allow(
    clippy::too_many_arguments,
    clippy::unused_self,
    reason = "the specification's own methods, of which the test reads two words"
)]
#[zbus::interface(name = "org.freedesktop.Notifications")]
impl Desktop {
    fn notify(
        &self,
        _app_name: &str,
        _replaces_id: u32,
        _app_icon: &str,
        summary: &str,
        body: &str,
        _actions: Vec<String>,
        _hints: HashMap<String, OwnedValue>,
        _expire_timeout: i32,
    ) -> u32 {
        let _nobody_listens = self.shown.send((summary.to_owned(), body.to_owned()));
        1
    }

    fn get_capabilities(&self) -> Vec<String> {
        vec!["body".to_owned()]
    }

    fn get_server_information(&self) -> (String, String, String, String) {
        let words = ["desktop", "vetsync", "1", "1.2"].map(str::to_owned);
        words.into()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_desktop_is_told_of_new_appointments() -> Result<()> {
    let (shown, mut notifications) = mpsc::unbounded_channel();
    let _desktop = zbus::connection::Builder::session()?
        .name("org.freedesktop.Notifications")?
        .serve_at("/org/freedesktop/Notifications", Desktop { shown })?
        .build()
        .await?;
    let folder = tempfile::tempdir()?;
    let clinic = Clinic::with_appointments(folder.path(), PATIENTS, 3).await?;
    let environment = clinic.environment_with_run("dana");
    in_window("telling", &environment, |window| async move {
        window.wait_for_text("last-run", "Done").await?;
        let told = tokio::time::timeout(TOLD_WITHIN, notifications.recv()).await;
        let (title, body) = told.context("the desktop was not told")?.context("the desktop is gone")?;
        ensure!(title.ends_with(" appointments"), "what one comparison entered is told at once: {title}");
        ensure!(body.starts_with("New or changed. The latest: "), "{body}");
        // The window counts the same until somebody says that it was seen.
        window.press(&["g", "h"]).await?;
        window.wait("news").await?;
        window.shot("home-with-news").await?;
        window.press(&["m"]).await?;
        window.wait_gone("news").await
    })
    .await
}
