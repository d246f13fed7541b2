//! What people do in the window, as steps that several tests take.

use crate::{Animal, Window};
use anyhow::Result;
use serde_json::json;

/// Waits until the comparison at the start is done.
pub async fn first_comparison(window: &Window) -> Result<()> {
    window.wait_for_text("last-run", "Done").await.map(|_| ())
}

/// Compares everything once more, by its key on Home.
pub async fn compare_again(window: &Window) -> Result<()> {
    window.press(&["g", "h"]).await?;
    window.wait("start-run").await?;
    let before = window.wait("last-run").await?.text().await?;
    let before = serde_json::to_string(&before)?;
    window.press(&["y"]).await?;
    let script = format!(
        "const run = document.querySelector(\"[data-testid='last-run']\"); \
         return run !== null && run.innerText !== {before} && run.innerText.includes('Done')"
    );
    window.wait_for_script("another comparison", &script).await.map(|_| ())
}

/// From anywhere to the animal's conflict, with the keyboard alone.
pub async fn open_conflict(window: &Window, animal: &Animal) -> Result<()> {
    window.press(&["g", "w"]).await?;
    window.wait("work-row").await?;
    window.press(&["/"]).await?;
    window.type_text(&animal.name).await?;
    let name = serde_json::to_string(&animal.name)?;
    let script = format!(
        "const rows = [...document.querySelectorAll(\"[data-testid='work-row']\")]; \
         return rows.length === 1 && rows[0].innerText.includes({name})"
    );
    window.wait_for_script("the animal's one conflict", &script).await?;
    window.press(&["Enter", "Enter"]).await?;
    window.wait("compare-table").await?;
    Ok(())
}

/// Goes to a field's difference with `N` and presses a choice.
pub async fn choose(window: &Window, field: &str, key: &str, choice: &str) -> Result<()> {
    let at = "const row = document.querySelector(\"[data-testid^='field-'][aria-current='true']\"); \
              return row && row.dataset.testid";
    for _ in 0..20 {
        let current = window.wait_for_script("a difference to stand on", at).await?;
        if current == json!(format!("field-{field}")) {
            window.press(&[key]).await?;
            let css =
                format!("[data-testid='field-{field}'] [data-testid='choice-{choice}'][aria-pressed='true']");
            window.wait_css(&css).await?;
            return Ok(());
        }
        window.press(&["n"]).await?;
    }
    anyhow::bail!("no difference in {field}")
}

/// Approves the plan on the screen.
pub async fn approve(window: &Window) -> Result<()> {
    window.wait("approve").await?;
    window.press(&["Control+Enter"]).await
}
