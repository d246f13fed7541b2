//! A window and what a person does in it.

use crate::{driver::Driver, program};
use anyhow::{Context as _, Result, bail, ensure};
use fantoccini::actions::{InputSource as _, KeyAction, KeyActions};
use fantoccini::elements::Element;
use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder, Locator};
use std::{ffi::OsString, future::Future, path::PathBuf, sync::Arc, time::Duration};

/// How long the app may take to open its window. WebDriver itself would wait for ever.
const OPENS_WITHIN: Duration = Duration::from_secs(30);
/// How long anything may take to appear.
const APPEARS_WITHIN: Duration = Duration::from_secs(20);
/// The window's own page; anything else is not our app.
const OWN_PAGE: &str = "tauri://localhost";

/// An open window.
#[derive(Debug)]
pub struct Window {
    client: Client,
    _driver: Driver,
}

/// Runs a test in a window of its own. When it fails, a screenshot and the page's text are kept.
pub async fn in_window<Test, Steps>(name: &str, environment: &[(&str, OsString)], test: Test) -> Result<()>
where
    Test: FnOnce(Arc<Window>) -> Steps,
    Steps: Future<Output = Result<()>> + Send + 'static,
{
    let window = Arc::new(Window::open(environment).await?);
    // In a task, so that a failed assertion is caught like an error.
    let outcome = match tokio::spawn(test(Arc::clone(&window))).await {
        Ok(outcome) => outcome,
        Err(failure) => Err(anyhow::anyhow!("{failure}")),
    };
    let outcome = match outcome {
        Ok(()) => Ok(()),
        Err(error) => {
            let shot = window.shot(&format!("{name}-failed")).await.map(|path| path.display().to_string());
            let page = window.page_text().await.unwrap_or_default();
            let shot = shot.unwrap_or_else(|problem| format!("no screenshot: {problem}"));
            Err(error.context(format!("{name} failed; {shot}; the window showed:\n{page}")))
        }
    };
    // A window that is gone already was closed by the test.
    let _ = window.client.clone().close().await;
    outcome
}

impl Window {
    /// Starts the app with these variables and waits for its page.
    pub async fn open(environment: &[(&str, OsString)]) -> Result<Window> {
        let app = program("VETSYNC_APP", "vetsync-console")?;
        let driver = Driver::start(environment)?;
        let mut builder = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new());
        builder.capabilities(Driver::capabilities(&app));
        let client = tokio::time::timeout(OPENS_WITHIN, builder.connect(&driver.url))
            .await
            .with_context(|| {
                format!("no window within {OPENS_WITHIN:?}; is there a display, and does the app start?")
            })?
            .context("the driver could not start the app")?;
        let page = client.current_url().await?.to_string();
        // Without a usable app the driver opens a browser of its own instead.
        ensure!(page.starts_with(OWN_PAGE), "the driver opened {page} instead of the app");
        Ok(Window { client, _driver: driver })
    }

    /// The first element of that test id, as soon as it is there.
    pub async fn wait(&self, testid: &str) -> Result<Element> {
        self.wait_css(&format!("[data-testid='{testid}']")).await
    }

    /// The first element that fits, as soon as it is there.
    pub async fn wait_css(&self, css: &str) -> Result<Element> {
        let found = self.client.wait().at_most(APPEARS_WITHIN).for_element(Locator::Css(css)).await;
        found.with_context(|| format!("{css} did not appear within {APPEARS_WITHIN:?}"))
    }

    /// Waits until the text of the element contains this, and returns it whole.
    pub async fn wait_for_text(&self, testid: &str, wanted: &str) -> Result<String> {
        let css = format!("[data-testid='{testid}']");
        let waiting = async {
            loop {
                // The element may be replaced between two looks at it.
                if let Ok(element) = self.client.find(Locator::Css(&css)).await
                    && let Ok(text) = element.text().await
                    && text.contains(wanted)
                {
                    return text;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let found = tokio::time::timeout(APPEARS_WITHIN, waiting).await;
        found.with_context(|| format!("{testid} did not say {wanted:?} within {APPEARS_WITHIN:?}"))
    }

    /// How many elements have that test id now.
    pub async fn count(&self, testid: &str) -> Result<usize> {
        Ok(self.client.find_all(Locator::Css(&format!("[data-testid='{testid}']"))).await?.len())
    }

    /// Presses keys one after the other: letters, digits, and `Enter`, `Escape`, `Tab`, `Control+Enter`, `Control+k`.
    pub async fn press(&self, keys: &[&str]) -> Result<()> {
        for chord in keys {
            let parts: Vec<char> = chord.split('+').map(key).collect::<Result<_>>()?;
            let mut actions = KeyActions::new("keyboard".to_owned());
            for value in &parts {
                actions = actions.then(KeyAction::Down { value: *value });
            }
            for value in parts.iter().rev() {
                actions = actions.then(KeyAction::Up { value: *value });
            }
            self.client.perform_actions(actions).await.with_context(|| format!("pressing {chord}"))?;
        }
        Ok(())
    }

    /// Types a text into whatever has the focus.
    pub async fn type_text(&self, text: &str) -> Result<()> {
        self.client.active_element().await?.send_keys(text).await.context("typing")
    }

    /// The element that has the focus, by its test id.
    pub async fn focused(&self) -> Result<Option<String>> {
        Ok(self.client.active_element().await?.attr("data-testid").await?)
    }

    /// Goes to a route of the console, such as `/work`.
    pub async fn go(&self, route: &str) -> Result<()> {
        let script = "window.location.hash = arguments[0]";
        self.client.execute(script, vec![serde_json::Value::from(route)]).await?;
        Ok(())
    }

    /// Everything that the window shows as text.
    pub async fn page_text(&self) -> Result<String> {
        Ok(self.wait_css("body").await?.text().await?)
    }

    /// A computed style of the page's body, such as `font-family`.
    pub async fn body_style(&self, property: &str) -> Result<String> {
        let script = "return getComputedStyle(document.body).getPropertyValue(arguments[0])";
        let value = self.client.execute(script, vec![serde_json::Value::from(property)]).await?;
        value.as_str().map(str::to_owned).with_context(|| format!("the page has no style {property}"))
    }

    /// A screenshot in the folder that `VETSYNC_SHOTS` names; by default in the system's folder for such things.
    pub async fn shot(&self, name: &str) -> Result<PathBuf> {
        let folder = std::env::var_os("VETSYNC_SHOTS")
            .map_or_else(|| std::env::temp_dir().join("vetsync-shots"), PathBuf::from);
        std::fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
        // What the page says may be ahead of what is painted.
        let painted = "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 100)));";
        self.client.execute_async(painted, Vec::new()).await?;
        let path = folder.join(format!("{name}.png"));
        std::fs::write(&path, self.client.screenshot().await?)
            .with_context(|| format!("writing {}", path.display()))?;
        Ok(path)
    }

    /// Milliseconds from the start of the page's load until it was painted with content first.
    pub async fn painted_after_ms(&self) -> Result<f64> {
        let script = "const [first] = performance.getEntriesByName('first-contentful-paint'); return first ? first.startTime : null;";
        let value = self.client.execute(script, Vec::new()).await?;
        value.as_f64().context("the page was not painted yet")
    }
}

/// The code of a key by its name.
fn key(name: &str) -> Result<char> {
    let special = match name {
        "Enter" => Key::Enter,
        "Escape" => Key::Escape,
        "Tab" => Key::Tab,
        "Control" => Key::Control,
        "Shift" => Key::Shift,
        "Down" => Key::Down,
        "Up" => Key::Up,
        "Space" => return Ok(' '),
        _ => {
            let mut letters = name.chars();
            return match (letters.next(), letters.next()) {
                (Some(letter), None) => Ok(letter),
                _ => bail!("there is no key {name}"),
            };
        }
    };
    Ok(char::from(special))
}
