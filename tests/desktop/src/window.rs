//! A window and what a person does in it.

use crate::{driver::Driver, processes::is_running, processes::started_at_ms, program};
use anyhow::{Context as _, Result, bail, ensure};
use fantoccini::actions::{InputSource as _, KeyAction, KeyActions};
use fantoccini::elements::Element;
use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::Value;
use std::{ffi::OsString, future::Future, path::PathBuf, process::Command, sync::Arc, time::Duration};

/// How long the app may take to open its window. WebDriver itself would wait for ever.
const OPENS_WITHIN: Duration = Duration::from_secs(30);
/// How long anything may take to appear.
const APPEARS_WITHIN: Duration = Duration::from_secs(20);
/// How long one test may take in its window.
const ENDS_WITHIN: Duration = Duration::from_secs(90);
/// How long a window may take to close, or to be looked at when a test failed.
const CLOSES_WITHIN: Duration = Duration::from_secs(10);
/// How much of a page is told when a test failed, in characters.
const SAID_AT_MOST: usize = 1_500;
/// The window's own page; anything else is not our app.
const OWN_PAGE: &str = "tauri://localhost";

/// An open window.
#[derive(Debug)]
pub struct Window {
    client: Client,
    driver: Driver,
}

/// Runs a test in a window of its own. When it fails, a screenshot and the page's text are kept.
pub async fn in_window<Test, Steps>(name: &str, environment: &[(&str, OsString)], test: Test) -> Result<()>
where
    Test: FnOnce(Arc<Window>) -> Steps,
    Steps: Future<Output = Result<()>> + Send + 'static,
{
    let window = Arc::new(Window::open(environment).await?);
    // In a task, so that a failed assertion is caught like an error.
    let mut steps = tokio::spawn(test(Arc::clone(&window)));
    let outcome = match tokio::time::timeout(ENDS_WITHIN, &mut steps).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(failure)) => Err(anyhow::anyhow!("{failure}")),
        Err(_) => {
            steps.abort();
            Err(anyhow::anyhow!("it did not end within {ENDS_WITHIN:?}"))
        }
    };
    let outcome = match outcome {
        Ok(()) => Ok(()),
        Err(error) => Err(error.context(format!("{name} failed; {}", window.last_words(name).await))),
    };
    let process = window.process();
    // A window that is gone already was closed by the test.
    let _ = tokio::time::timeout(CLOSES_WITHIN, window.client.clone().close()).await;
    drop(window);
    if let Ok(process) = process {
        end(process).await?;
    }
    outcome
}

/// Ends the app, which outlives the driver's session, and waits until it has let go of its database.
async fn end(process: u32) -> Result<()> {
    let _ = Command::new("kill").arg(process.to_string()).status();
    let waiting = async {
        while is_running(process) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let waited = tokio::time::timeout(CLOSES_WITHIN, waiting).await;
    waited.with_context(|| format!("the app did not end within {CLOSES_WITHIN:?}"))
}

/// An element that was seen so often in the same place does not move any more.
const STANDS_STILL: u32 = 2;

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
        Ok(Window { client, driver })
    }

    /// What it shows when a test failed: where the screenshot is, and the page's text.
    async fn last_words(&self, name: &str) -> String {
        let name = format!("{name}-failed");
        let looking = async {
            let shot = self.shot(&name).await;
            let shot = shot.map_or_else(
                |problem| format!("no screenshot: {problem}"),
                |path| path.display().to_string(),
            );
            format!(
                "{shot}; the window showed:\n{}",
                self.page_text().await.unwrap_or_default().chars().take(SAID_AT_MOST).collect::<String>()
            )
        };
        let looked = tokio::time::timeout(CLOSES_WITHIN, looking).await;
        looked.unwrap_or_else(|_| "the window answers nothing".to_owned())
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

    /// The first value of this script that is neither null nor false; `what` names it should there be none.
    pub async fn wait_for_script(&self, what: &str, script: &str) -> Result<Value> {
        let waiting = async {
            loop {
                // While a screen changes, a script may find nothing to work on.
                if let Ok(value) = self.client.execute(script, Vec::new()).await
                    && !matches!(value, Value::Null | Value::Bool(false))
                {
                    return value;
                }
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
        };
        let found = tokio::time::timeout(APPEARS_WITHIN, waiting).await;
        found.with_context(|| format!("{what} did not come about within {APPEARS_WITHIN:?}"))
    }

    /// Waits until nothing of that test id is shown.
    pub async fn wait_gone(&self, testid: &str) -> Result<()> {
        let script = format!("return document.querySelector(\"[data-testid='{testid}']\") === null");
        self.wait_for_script(&format!("the end of {testid}"), &script).await.map(|_| ())
    }

    /// What a script returns.
    pub async fn script(&self, script: &str) -> Result<Value> {
        self.client.execute(script, Vec::new()).await.context("running a script")
    }

    /// Clicks the first element of that test id, as soon as it is there and stands still: what moves while numbers beside
    /// it arrive is missed by a click that is on its way.
    pub async fn click(&self, testid: &str) -> Result<()> {
        let script = format!(
            "const element = document.querySelector(\"[data-testid='{testid}']\"); \
             if (element === null) return false; \
             const {{ x, y, width, height }} = element.getBoundingClientRect(); \
             const place = JSON.stringify(['{testid}', x, y, width, height]); \
             const stood = window.stoodAt === place ? window.stoodFor + 1 : 0; \
             window.stoodAt = place; \
             window.stoodFor = stood; \
             return stood >= {STANDS_STILL}"
        );
        self.wait_for_script(&format!("{testid} to stand still"), &script).await?;
        self.wait(testid).await?.click().await.with_context(|| format!("clicking {testid}"))
    }

    /// Opens a menu and chooses an entry.
    pub async fn choose(&self, menu: &str, entry: &str) -> Result<()> {
        self.click(menu).await?;
        // The menu opens in a few frames; what is not yet in its place cannot be clicked.
        let script = format!(
            "const entry = document.querySelector(\"[data-testid='{entry}']\"); \
             return entry !== null && entry.getBoundingClientRect().height > 0 \
             && entry.getAnimations({{ subtree: true }}).length === 0"
        );
        self.wait_for_script(entry, &script).await?;
        self.click(entry).await
    }

    /// Makes the window this large.
    pub async fn resize(&self, width: u32, height: u32) -> Result<()> {
        self.client.set_window_size(width, height).await.context("resizing the window")?;
        let script = format!("return innerWidth === {width} && innerHeight === {height}");
        self.wait_for_script(&format!("a window of {width} x {height}"), &script).await.map(|_| ())
    }

    /// Milliseconds from the start of the app's process until a person could work.
    pub async fn usable_after_ms(&self) -> Result<f64> {
        let script = "const [mark] = performance.getEntriesByName('usable'); \
                      return mark ? performance.timeOrigin + mark.startTime : null";
        let usable = self.wait_for_script("a usable screen", script).await?;
        Ok(usable.as_f64().context("a time")? - started_at_ms(self.process()?)?)
    }

    /// The app's process.
    pub fn process(&self) -> Result<u32> {
        self.driver.app()
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

    /// Types a text key by key, with this much time after each.
    pub async fn type_keys(&self, text: &str, rhythm: Duration) -> Result<()> {
        let mut actions = KeyActions::new("keyboard".to_owned());
        for value in text.chars() {
            actions = actions.then(KeyAction::Down { value }).then(KeyAction::Up { value });
            actions = actions.then(KeyAction::Pause { duration: rhythm });
        }
        self.client.perform_actions(actions).await.with_context(|| format!("typing {text}"))
    }

    /// The element that has the focus, by its test id.
    pub async fn focused(&self) -> Result<Option<String>> {
        Ok(self.client.active_element().await?.attr("data-testid").await?)
    }

    /// Goes to a route of the console, such as `/work`.
    pub async fn go(&self, route: &str) -> Result<()> {
        let script = "window.location.hash = arguments[0]";
        self.client.execute(script, vec![Value::from(route)]).await?;
        Ok(())
    }

    /// Everything that the window shows as text.
    pub async fn page_text(&self) -> Result<String> {
        Ok(self.wait_css("body").await?.text().await?)
    }

    /// A computed style of the page's body, such as `font-family`.
    pub async fn body_style(&self, property: &str) -> Result<String> {
        let script = "return getComputedStyle(document.body).getPropertyValue(arguments[0])";
        let value = self.client.execute(script, vec![Value::from(property)]).await?;
        value.as_str().map(str::to_owned).with_context(|| format!("the page has no style {property}"))
    }

    /// A screenshot in the folder that `VETSYNC_SHOTS` names; by default in the system's folder for such things.
    pub async fn shot(&self, name: &str) -> Result<PathBuf> {
        let folder = std::env::var_os("VETSYNC_SHOTS")
            .map_or_else(|| std::env::temp_dir().join("vetsync-shots"), PathBuf::from);
        std::fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
        // What the page says may be ahead of what is painted. The driver waits for the next frame before it looks, and
        // a page at rest has none: one pixel in the corner keeps it busy meanwhile.
        let busy = "const dot = document.createElement('div'); \
            dot.style.cssText = 'position:fixed;right:0;bottom:0;width:1px;height:1px'; \
            document.body.append(dot); window.frames_painted = 0; \
            const paint = () => { dot.style.background = (window.frames_painted += 1) % 2 ? '#888' : '#999'; }; \
            const timer = setInterval(paint, 16); \
            window.rest = () => { clearInterval(timer); dot.remove(); }";
        self.client.execute(busy, Vec::new()).await?;
        let painted = "return window.frames_painted > 3 && document.fonts.status === 'loaded'";
        self.wait_for_script("painted frames", painted).await?;
        let looking = tokio::time::timeout(CLOSES_WITHIN, self.client.screenshot()).await;
        self.client.execute("window.rest()", Vec::new()).await?;
        let path = folder.join(format!("{name}.png"));
        std::fs::write(&path, looking.context("the driver gave no screenshot")??)
            .with_context(|| format!("writing {}", path.display()))?;
        Ok(path)
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
